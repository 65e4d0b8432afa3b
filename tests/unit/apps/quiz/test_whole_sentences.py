"""What begins in a chunk is read to its end, and nothing else is."""

from __future__ import annotations

import pytest

from groundwell.apps.quiz.whole_sentences import whole_sentences
from groundwell.domain.documents import ParsedDocument
from groundwell.ingestion.chunking.recursive import RecursiveChunker
from groundwell.store.corpus import AROUND

MYTHS = (
    "Napoleon Bonaparte was born in Ajaccio in 1769, and he was crowned Emperor of the French at "
    "Notre-Dame in December 1804. It is a common myth, and wholly wrong, that Napoleon Bonaparte "
    "was born in Paris in 1755. The Battle of Waterloo was fought in June 1815. He died on Saint "
    "Helena in the South Atlantic in May 1821, and was buried in Paris nineteen years later."
)


def stretches(text: str, size: int) -> list[tuple[int, str, str]]:
    found = []
    document = ParsedDocument(text=text, media_type="text/plain", parser="text")
    for chunk in RecursiveChunker(size=size).chunk(document):
        start, end = chunk.char_start, chunk.char_end
        before, after = text[max(0, start - AROUND) : start], text[end : end + AROUND]
        whole = whole_sentences(before, chunk.text, after)
        if whole is not None:
            found.append((start + whole.start, whole.text, whole.lead))
    return found


@pytest.mark.parametrize("size", [40, 100, 183, 256])
def test_wherever_a_text_is_cut_each_sentence_is_read_once_and_whole(size: int):
    found = stretches(MYTHS, size)
    assert " ".join(text for _, text, _ in found) == MYTHS
    for start, text, lead in found:
        assert MYTHS[start:].startswith(text)
        assert MYTHS[:start].endswith(lead)
        assert not text.startswith("Napoleon Bonaparte was born in Paris")


def test_a_sentence_that_began_before_is_of_the_chunk_before():
    assert whole_sentences("It is a myth that ", "Pluto is a planet.", "") is None
    found = whole_sentences("It is a myth that ", "Pluto is a planet. Mars is", " red.")
    assert found is not None
    assert (found.start, found.text) == (19, "Mars is red.")


def test_a_line_or_a_reference_mark_before_a_chunk_ends_what_stands_there():
    listed = whole_sentences("- Pluto is far away\n", "- Mars is red.", "")
    assert listed is not None
    assert listed.text == "- Mars is red."
    marked = whole_sentences("Pluto is far away.[12] ", "Mars is red.", "")
    assert marked is not None
    assert marked.text == "Mars is red."


def test_a_sentence_whose_end_is_not_to_be_seen_is_left_out():
    endless = " and on" * 100
    assert whole_sentences("", "It goes on", endless) is None
    found = whole_sentences("", "Mars is red. It goes on", endless)
    assert found is not None
    assert found.text == "Mars is red."
    # Nothing is known of what stands behind a chunk that was not read.
    assert whole_sentences("", "He was called Dr.", " ") is None
