from __future__ import annotations

from groundwell.domain.chunks import Chunk
from groundwell.ingestion.encode import text_in_context


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
