"""Cutting documents into chunks: one file per profile."""

from __future__ import annotations

from typing import Protocol

from groundwell.domain.chunks import Chunk, Tokenizer
from groundwell.domain.documents import ParsedDocument
from groundwell.domain.errors import InvalidInputError
from groundwell.ingestion.chunking.passage import PassageChunker
from groundwell.ingestion.chunking.recursive import RecursiveChunker
from groundwell.ingestion.chunking.tokens import TokenChunker

__all__ = ["Chunker", "make_chunker"]


class Chunker(Protocol):
    """Cuts a document into chunks.

    Promises: chunks come in the document's order, numbered from 0; each is the exact slice of the
    text that its offsets name and holds more than white space; the same document gives the same
    chunks. A document without text has no chunks.
    """

    def chunk(self, document: ParsedDocument) -> list[Chunk]:
        """Cut a document."""
        ...


def make_chunker(profile: str, tokenizer: Tokenizer) -> Chunker:
    """The chunker of a profile: `passage`, `recursive` or `tokens`.

    Raises InvalidInputError for any other name.
    """
    match profile:
        case "passage":
            return PassageChunker(tokenizer)
        case "recursive":
            return RecursiveChunker()
        case "tokens":
            return TokenChunker(tokenizer)
        case _:
            raise InvalidInputError(
                f"There is no chunking profile {profile[:40]!r}. "
                "Use 'passage', 'recursive' or 'tokens'.",
                code="unknown_chunking",
            )
