"""From chunks to what the index holds of them: vector, token bits, terms."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from groundwell.domain.analysis import analyse, telling_tokens
from groundwell.domain.chunks import (
    Chunk,
    EncodedChunk,
    Encoding,
    Floats,
    TermCounts,
    text_in_context,
)
from groundwell.domain.documents import VersionId
from groundwell.domain.languages import DEFAULT_LANGUAGE
from groundwell.domain.late_interaction import centre_and_pack
from groundwell.ports.embedder import Embedder


@dataclass(frozen=True, slots=True)
class PlacedChunk:
    """A chunk with what its document gives to it."""

    chunk: Chunk
    version: VersionId
    title: str | None
    language: str = DEFAULT_LANGUAGE

    @property
    def text(self) -> str:
        """What is embedded."""
        return text_in_context(self.title, self.chunk)

    def digest(self, space: str) -> bytes:
        """SHA-256 of everything that the chunk's embedding in a space depends on."""
        return sha256(f"{space}\0{self.language}\0{self.text}".encode()).digest()


async def encode_chunks(
    embedder: Embedder, centre: Floats, placed: Sequence[PlacedChunk]
) -> list[EncodedChunk]:
    """Encode chunks, of one document or of several."""
    texts = [each.text for each in placed]
    encodings = await embedder.embed_documents(texts)
    # The terms of long unknown words take as long as their vectors, and the loop has heartbeats.
    return await asyncio.to_thread(_all_encoded, placed, texts, encodings, centre)


def _all_encoded(
    placed: Sequence[PlacedChunk],
    texts: Sequence[str],
    encodings: Sequence[Encoding],
    centre: Floats,
) -> list[EncodedChunk]:
    return [
        _encoded(each, text, encoding, centre)
        for each, text, encoding in zip(placed, texts, encodings, strict=True)
    ]


def encode_again(
    placed: PlacedChunk, vector: Floats, token_bits: NDArray[np.uint8]
) -> EncodedChunk:
    """An encoded chunk whose embedding was kept: the cheap parts are made anew."""
    terms = analyse(placed.text, placed.language)
    return EncodedChunk(placed.chunk, vector, token_bits, TermCounts.of(terms), len(terms))


def _encoded(placed: PlacedChunk, text: str, encoding: Encoding, centre: Floats) -> EncodedChunk:
    terms = analyse(text, placed.language)
    has_tokens = len(encoding.token_vectors) > 0
    telling: NDArray[np.bool_] | slice = slice(0)
    if has_tokens:
        telling = telling_tokens(text, encoding.token_spans, placed.language)
    return EncodedChunk(
        chunk=placed.chunk,
        vector=encoding.vector,
        token_bits=centre_and_pack(encoding.token_vectors[telling], centre),
        terms=TermCounts.of(terms),
        length=len(terms),
    )
