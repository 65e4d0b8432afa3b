"""Chunks: the pieces of a document that are embedded, indexed and cited."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NewType, Protocol, TypeAlias
from uuid import uuid5

import numpy as np
from numpy.typing import NDArray

from groundwell.domain.documents import VersionId

ChunkId = NewType("ChunkId", str)
"""A UUID in its usual form. As text, because a search hashes and compares thousands of them."""

Floats: TypeAlias = NDArray[np.float32]
Bits: TypeAlias = NDArray[np.uint8]

_MOST_CONTEXT_CHARACTERS = 160


def chunk_id_for(version: VersionId, ordinal: int) -> ChunkId:
    """The chunk's id: the same version and ordinal always give the same id."""
    return ChunkId(str(uuid5(version, str(ordinal))))


class Tokenizer(Protocol):
    """Cuts text into the tokens of a model."""

    def spans(self, text: str) -> list[tuple[int, int]]:
        """The half-open character span of every token, in order, without special tokens."""
        ...

    def spans_of(self, texts: list[str]) -> list[list[tuple[int, int]]]:
        """`spans` of many texts at once."""
        ...


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a document: `text == document.text[char_start:char_end]`, always.

    `heading_path` are the headings above it, outermost first. `page` is the page on which it
    starts, None where the format has no pages. `gap` is the text between it and the next chunk:
    empty after the last one, and where chunks overlap.
    """

    ordinal: int
    text: str
    char_start: int
    char_end: int
    page: int | None = None
    heading_path: tuple[str, ...] = ()
    gap: str = ""


def with_gaps(text: str, chunks: Sequence[Chunk]) -> list[Chunk]:
    """The chunks of a document's text, which are in order, each with the gap behind it."""
    gaps = [text[first.char_end : second.char_start] for first, second in pairwise(chunks)]
    return [replace(chunk, gap=gap) for chunk, gap in zip(chunks, (*gaps, ""), strict=False)]


def text_in_context(title: str | None, chunk: Chunk) -> str:
    """The chunk under its title and headings: what is embedded and analysed.

    A passage is often understandable only with what stands above it. The context is kept short,
    since its tokens are paid for with every chunk. The chunk's own text comes last, unchanged.
    """
    context: list[str] = []
    for line in (title or "", *chunk.heading_path):
        stripped = " ".join(line.split())[:_MOST_CONTEXT_CHARACTERS]
        if stripped and stripped not in context and not chunk.text.startswith(stripped):
            context.append(stripped)
    return "\n".join([*context, chunk.text])


@dataclass(frozen=True, slots=True)
class Encoding:
    """What one forward pass of an encoder yields for one text.

    `vector`: shape (dimension,), unit length. `token_vectors`: shape (tokens, dimension), the
    last hidden states without special tokens, not normalised; (0, dimension) from an encoder
    that has none. `token_spans`: the tokens' character spans in the text, as many as vectors.
    """

    vector: Floats
    token_vectors: Floats
    token_spans: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class TermCounts:
    """How often each analysed term occurs in a text, in a twentieth of the space of a dict.

    The longest documents have millions of terms, which wait together until all are embedded.
    """

    line: str
    numbers: bytes

    @classmethod
    def of(cls, terms: Iterable[str]) -> TermCounts:
        """The counts of the terms of a text; no term has a line break."""
        counts = Counter(terms)
        return cls("\n".join(counts), array("I", counts.values()).tobytes())

    def counts(self) -> dict[str, int]:
        """Each term's count, in the order of their first occurrence."""
        numbers = array("I", self.numbers)
        return dict(zip(self.line.split("\n"), numbers, strict=True)) if numbers else {}


@dataclass(frozen=True, slots=True)
class EncodedChunk:
    """A chunk with everything the index holds of it.

    `token_bits`: shape (tokens, dimension / 8), the signs of the centred token vectors, packed.
    `length`: number of analysed terms.
    """

    chunk: Chunk
    vector: Floats
    token_bits: Bits
    terms: TermCounts
    length: int
