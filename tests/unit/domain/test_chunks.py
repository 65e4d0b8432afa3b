from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from groundwell.domain.analysis import analyse
from groundwell.domain.chunks import Chunk, TermCounts, text_in_context, with_gaps


def chunk(text: str, *headings: str) -> Chunk:
    return Chunk(0, text, 0, len(text), None, headings)


def test_a_chunk_is_embedded_under_its_title_and_headings():
    assert text_in_context("Tides", chunk("They rise.", "Moon", "Springs")) == (
        "Tides\nMoon\nSprings\nThey rise."
    )


def test_what_stands_above_a_chunk_is_said_once_and_kept_short():
    long = "v" * 500
    assert text_in_context("Moon", chunk("Moon and sea.", "Moon", " ", long, long)) == (
        f"{long[:160]}\nMoon and sea."
    )
    assert text_in_context(None, chunk("Alone.")) == "Alone."


TEXT = "one\n\ntwo three  four"


def piece(ordinal: int, start: int, end: int) -> Chunk:
    return Chunk(ordinal, TEXT[start:end], start, end)


def test_chunks_and_gaps_together_are_the_text():
    chunks = with_gaps(TEXT, [piece(0, 0, 3), piece(1, 5, 8), piece(2, 9, 14), piece(3, 16, 20)])
    assert [each.gap for each in chunks] == ["\n\n", " ", "  ", ""]
    assert "".join(each.text + each.gap for each in chunks) == TEXT


def test_chunks_that_overlap_have_no_gap():
    assert [each.gap for each in with_gaps(TEXT, [piece(0, 0, 8), piece(1, 5, 14)])] == ["", ""]


def test_one_chunk_has_no_gap_and_none_have_none():
    assert with_gaps(TEXT, [piece(0, 0, 3)]) == [piece(0, 0, 3)]
    assert with_gaps(TEXT, []) == []


@given(st.text(max_size=200))
def test_packed_counts_of_terms_are_those_of_the_terms(text: str):
    terms = analyse(text)
    assert TermCounts.of(terms).counts() == Counter(terms)


def test_a_term_may_occur_often():
    assert TermCounts.of(["wave"] * 70_000 + ["tide"]).counts() == {"wave": 70_000, "tide": 1}
    assert TermCounts.of([]).counts() == {}
