from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.generation.setting import APOLLO, BREAD, passage

from groundwell.generation.cite import Draft
from groundwell.generation.markers import MarkerLexer, PlainWriter, defused
from groundwell.generation.passages import FirstPage

SOURCES = (passage(APOLLO), passage(BREAD, "bread.txt"))

MODEL_TEXT = st.lists(
    st.sampled_from(
        [
            *("[1]", "[2]", "[9]", "[1, 2]", "[1][2]", "[^1]", "【2】", "【1†moon.txt】", "[1-2]"),
            *("[", "]", "[[", "(", ")", ":", "1", "2024", " ", "\n", ", ", "†", "^", "【", "-"),
            *("The Moon landing. ", "Sourdough rises", " by wild yeast.", "![x](http://a.b)"),
        ]
    ),
    max_size=25,
).map("".join)


def drafted(*pieces: str) -> Draft:
    draft = Draft(SOURCES, FirstPage())
    for piece in pieces:
        draft.feed(piece)
    draft.close()
    return draft


def cut(text: str, places: list[int]) -> list[str]:
    edges = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    return [text[a:b] for a, b in pairwise(edges)]


@pytest.mark.parametrize(
    ("written", "numbers"),
    [
        ("[1]", (1,)),
        ("[1, 2]", (1, 2)),
        ("[1;3]", (1, 3)),
        ("[^2]", (2,)),
        ("【3】", (3,)),
        ("【4†moon.txt†L1】", (4,)),
        ("[2–4]", (2, 3, 4)),
        ("[ 1 ]", (1,)),
        ("[1,1]", (1,)),
    ],
)
def test_every_known_way_to_write_a_marker_is_read(written: str, numbers: tuple[int, ...]):
    assert MarkerLexer().feed(written) == [numbers]


@pytest.mark.parametrize("text", ["[a]", "list[int]", "[]", "[1, a]", "[ , ]", "[-]"])
def test_other_brackets_are_text(text: str):
    lexer = MarkerLexer()
    tokens = lexer.feed(text) + lexer.close()
    assert "".join(token for token in tokens if isinstance(token, str)) == text


def test_markers_are_numbered_by_first_appearance():
    draft = drafted("Wild yeast raises sourdough [2]. People land on the Moon [1]. Yeast [2].")
    assert draft.text.startswith("Wild yeast raises sourdough [1]. People land on the Moon [2].")
    assert [c.document_id for c in draft.citations] == ["bread.txt", "moon.txt"]


def test_two_statements_of_one_source_each_quote_their_own_sentence():
    draft = drafted("Collins stayed in orbit [1]. It cost 355 million dollars [1].")
    assert draft.text == "Collins stayed in orbit [1]. It cost 355 million dollars [2]."
    assert [c.quote for c in draft.citations] == [
        "Michael Collins stayed in orbit.",
        "The mission cost about 355 million dollars.",
    ]


def test_marker_of_an_unknown_source_leaves_no_gap_and_is_counted():
    draft = drafted("Collins stayed in orbit [7]. He [0] waited [1].")
    assert draft.text == "Collins stayed in orbit. He waited [1]."
    assert draft.unknown_markers == 2


def test_marker_after_the_full_stop_belongs_to_the_sentence_before_it():
    draft = drafted("Collins stayed in orbit. [1] Bread rises. [2]")
    first, second = draft.statements()
    assert (first.text, first.sources) == ("Collins stayed in orbit.", (SOURCES[0],))
    assert (second.text, second.sources) == ("Bread rises.", (SOURCES[1],))


@pytest.mark.parametrize(
    "text", ["![x](http://evil/?q=secret)", "[x][ref]\n\n[ref]: http://evil", "[1](http://evil)"]
)
def test_links_and_images_are_not_alive(text: str):
    written = drafted(f"See {text}").text
    assert "](" not in written
    assert "]:" not in written


@pytest.mark.parametrize(
    "text",
    ["<img src=//evil>", "<https://evil>", "</a>", "<!--x-->", "<?x?>", "<[7]img src=//evil>"],
)
def test_tags_and_autolinks_are_not_alive_however_they_arrive(text: str):
    assert not re.search(r"<[A-Za-z/!?]", drafted(*f"See {text}").text)


def test_a_comparison_stays_as_it_is():
    assert drafted("It is so if 2 <3 and a < b.").text == "It is so if 2 <3 and a < b."


@given(text=MODEL_TEXT, places=st.lists(st.integers(0, 500), max_size=12))
def test_how_the_text_is_cut_into_pieces_changes_nothing(text: str, places: list[int]):
    whole, pieces = drafted(text), drafted(*cut(text, places))
    assert pieces.text == whole.text
    assert pieces.citations == whole.citations
    assert pieces.statements() == whole.statements()
    assert pieces.unknown_markers == whole.unknown_markers


@given(text=MODEL_TEXT)
def test_markers_and_citations_match_one_to_one(text: str):
    draft = drafted(text)
    shown = [int(number) for number in re.findall(r"\[(\d+)\]", draft.text)]
    assert list(dict.fromkeys(shown)) == list(range(1, len(draft.citations) + 1))
    assert [c.marker for c in draft.citations] == list(range(1, len(draft.citations) + 1))
    for citation in draft.citations:
        source = APOLLO if citation.document_id == "moon.txt" else BREAD
        assert source[citation.char_start : citation.char_end] == citation.quote


@given(st.text(alphabet="[](){}<>/:!0123 a\n", max_size=60))
def test_defused_text_shows_neither_marker_nor_link(text: str):
    plain = defused(text)
    assert not re.search(r"\[\d+\]|\]\(|\]:|<[a/!]", plain)
    assert re.sub(r"\s", "", plain) == re.sub(r"\s", "", text)


@given(st.text("ab [](<:1\n\t\x1c\u00a0", max_size=30))
def test_a_text_is_defused_as_its_writer_writes_it(text: str):
    assert defused(text) == PlainWriter().text(text)
