from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.waiting import slowness

from groundwell.domain.sentences import sentence_spans

fragments = 'Word|word|e.g.|Dr.|J.|3.14|.|...|?|"|)|。|」|।| |\n|\n\n|\r\n|\t|- |1. |# |\u2028|5'
parts = st.sampled_from([*fragments.split("|"), "| "])
texts = st.text(max_size=80) | st.lists(parts, max_size=40).map("".join)


def split(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


@given(text=texts)
def test_sentences_hold_every_character_once_and_are_trimmed(text: str):
    position = 0
    for start, end in sentence_spans(text):
        assert position <= start < end
        assert not text[position:start].strip()
        assert text[start:end] == text[start:end].strip()
        position = end
    assert not text[position:].strip()


@given(text=texts, start=st.integers(0, 40), length=st.integers(0, 40))
def test_only_the_part_asked_for_is_split(text: str, start: int, length: int):
    start = min(start, len(text))
    end = min(start + length, len(text))
    spans = sentence_spans(text, start, end)
    assert all(start <= one < other <= end for one, other in spans)
    assert "".join("".join(text[a:b] for a, b in spans).split()) == "".join(text[start:end].split())


@pytest.mark.parametrize(
    "text",
    [
        "It rains. | The ferry waits.",
        "Is it late? | Yes! | Go.",
        "Dr. Alder met Mrs. Smith at St. Ives.",
        "It costs 3.14 or 1,000.50 euros. | That is all.",
        "J. R. R. Tolkien wrote it. | He smoked.",
        "See Fig. 3 and p. 12, cf. Alder et al. 2019. | Then stop.",
        "He said no. | It hurt.",
        "Take No. 5. | Leave the rest.",
        "They moved to the U.S. | The end.",
        "The U.S. Navy came.",
        "We met at 5 p.m. | He left.",
        "Fruits, e.g. Apples, help.",
        "Vitamin C. | It helps.",
        "Acme Inc. bought it.",
        '"Really?" she asked.',
        'He said "No." | Then he left.',
        "(It was late.) | We went.",
        "Wait... and see. | Wait... | Then go.",
        "Perhaps… | Perhaps not.",
        "¿Qué? | ¡Sí! | Hola.",
        "Am 3. Mai kam sie. | Um 5. | Er nicht.",
        "In 2020. | Nothing happened.",
        "使う。| 言った！| 円周率は３．１４です。",
        "「はい。」と言った。| 次。",
        "「はい。」| 彼は黙った。",
        "هل هذا؟ | نعم.",
        "यह है। | वह था॥",
        "See groundwell.example.com for more. | It is free.",
        "Version 1.2.3 is out. | 5 bugs are gone.",
    ],
)
def test_sentences_end_where_a_reader_would_say(text: str):
    assert split(text.replace("| ", "").replace("|", "")) == [
        part.strip() for part in text.split("|")
    ]


def test_an_empty_line_ends_a_sentence_without_a_mark():
    assert split("A title\n \nand text") == ["A title", "and text"]


def test_a_line_that_wraps_is_one_sentence():
    text = "This line is long enough to be running text and it\nGoes on here."
    assert split(text) == [text]


def test_list_items_headings_and_rows_are_sentences():
    text = "# Title\ntext\n- one\n- two\n1. First\n2. Second\n| a | b |\n| c | d |\nx\ty\nz\tw"
    assert split(text) == text.split("\n")


def test_short_lines_are_sentences():
    assert split("Main Street 5\nBerlin\nGermany") == ["Main Street 5", "Berlin", "Germany"]


@pytest.mark.parametrize(
    "text",
    [
        *("." * 300_000 + "x", "\n" * 300_000, " \n" * 150_000 + "x", "\r" * 100_000),
        *('?"' * 150_000, ". " + "(" * 300_000, "。」" * 150_000, "x 1. mai " * 30_000),
        *("a, " * 100_000, "\t" * 300_000 + "\n"),
    ],
    ids=lambda text: repr(text[:6]),
)
def test_hostile_texts_take_no_longer_than_others(text: str):
    started = time.process_time()
    sentence_spans(text)
    assert time.process_time() - started < 5 * slowness()


@pytest.mark.parametrize("between", [" ", "\n\n", "\n- "])
def test_a_long_text_has_the_same_sentences_as_its_parts(between: str):
    sentences = [
        f"Otter no. {number} rests under Dr. Heron's 3.14 willows." for number in range(9_000)
    ]
    text = between.join(sentences)
    assert len(text) > 400_000
    assert [found.removeprefix("- ") for found in split(text)] == sentences


@pytest.mark.parametrize("text", ["a" * 400_000, "word " * 100_000, "- " * 200_000])
def test_a_long_text_without_an_end_of_a_sentence_is_one(text: str):
    assert split(text) == [text.strip()]
