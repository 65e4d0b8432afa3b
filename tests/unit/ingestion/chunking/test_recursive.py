from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_text_splitters import RecursiveCharacterTextSplitter

from groundwell.domain.documents import HeadingSpan, PageSpan, ParsedDocument
from groundwell.domain.errors import InvalidInputError
from groundwell.ingestion.chunking.recursive import RecursiveChunker

texts = st.text(alphabet=st.sampled_from("ab \n\téß東🌊."), max_size=300) | st.text(max_size=120)


def document(text: str) -> ParsedDocument:
    return ParsedDocument(text=text, media_type="text/plain", parser="test")


def langchain(text: str, size: int, overlap: int) -> list[str]:
    splitter = RecursiveCharacterTextSplitter(
        chunk_size=size, chunk_overlap=overlap, separators=["\n\n", "\n", " ", ""]
    )
    return splitter.split_text(text)


@pytest.mark.parametrize(("size", "overlap"), [(256, 0), (100, 20)])
def test_golden_texts_give_the_stored_chunks(golden: Path, size: int, overlap: int):
    text = golden.read_bytes().decode()
    stored = json.loads(golden.with_suffix(".expected.json").read_text(encoding="utf-8"))
    ours = [chunk.text for chunk in RecursiveChunker(size, overlap).chunk(document(text))]
    assert ours == stored[f"{size}/{overlap}"]
    assert ours == langchain(text, size, overlap)


@given(text=texts, size=st.integers(2, 40), share=st.floats(0, 1))
def test_any_text_size_and_overlap_gives_the_chunks_of_langchain(
    text: str, size: int, share: float
):
    overlap = int(size * share)
    ours = [chunk.text for chunk in RecursiveChunker(size, overlap).chunk(document(text))]
    assert ours == langchain(text, size, overlap)


@given(text=texts, size=st.integers(1, 40), share=st.floats(0, 1))
def test_offsets_are_exact_and_chunks_stay_within_the_size(text: str, size: int, share: float):
    chunks = RecursiveChunker(size, int(size * share)).chunk(document(text))
    assert [chunk.ordinal for chunk in chunks] == list(range(len(chunks)))
    for chunk in chunks:
        assert chunk.text == text[chunk.char_start : chunk.char_end]
        assert chunk.text.strip()
        assert len(chunk.text) <= size


@given(text=texts, size=st.integers(1, 40))
def test_without_overlap_every_character_is_in_exactly_one_chunk(text: str, size: int):
    chunks = RecursiveChunker(size, 0).chunk(document(text))
    assert "".join("".join(chunk.text for chunk in chunks).split()) == "".join(text.split())


def test_chunks_know_their_page_and_headings():
    text = "One\naaaa bbbb\nTwo\ncccc"
    parsed = ParsedDocument(
        text=text,
        media_type="text/plain",
        parser="test",
        pages=(PageSpan(3, 0, 13), PageSpan(4, 14, 22)),
        headings=(HeadingSpan(1, 0, 3), HeadingSpan(2, 14, 17)),
    )
    chunks = RecursiveChunker(10).chunk(parsed)
    assert [(chunk.text, chunk.page, chunk.heading_path) for chunk in chunks] == [
        ("One", 3, ("One",)),
        ("aaaa bbbb", 3, ("One",)),
        ("Two\ncccc", 4, ("One", "Two")),
    ]


@pytest.mark.parametrize(("size", "overlap"), [(0, 0), (10, 11), (10, -1)])
def test_impossible_sizes_are_refused(size: int, overlap: int):
    with pytest.raises(InvalidInputError, match="size"):
        RecursiveChunker(size, overlap)
