"""Reading what the keyword index holds of chunks, to explain their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import LiteralString

from pgvector import SparseVector

from groundwell.domain.chunks import ChunkId
from groundwell.domain.sharing import Asking
from groundwell.store.database import Database

_TERMS: LiteralString = "SELECT * FROM read_terms(%s, %s::uuid[], %s::text[])"


@dataclass(frozen=True, slots=True)
class StoredTerms:
    """A chunk's BM25 weights by their place in the index, and what they were computed with.

    `title`: the document's, as the chunk was analysed under it unless it has changed since.
    """

    weights: Mapping[int, float]
    length: int
    average_length: float
    title: str | None


@dataclass(frozen=True, slots=True)
class TermEvidence:
    """The chunks' terms, and in how many of the collection's chunks each term asked for stands."""

    chunks: Mapping[ChunkId, StoredTerms] = field(default_factory=dict)
    document_count: int = 0
    document_frequencies: Mapping[str, int] = field(default_factory=dict)


async def load_terms(
    database: Database, asking: Asking, chunks: Sequence[ChunkId], terms: Sequence[str]
) -> TermEvidence:
    """The evidence of chunks of one collection; chunks that are gone, or foreign, are left out."""
    rows = await database.fetch(_TERMS, asking, list(chunks), list(terms)) if chunks else []
    if not rows:
        return TermEvidence()
    return TermEvidence(
        {ChunkId(row[0]): _stored(*row[1:5]) for row in rows},
        document_count=rows[0][5],
        document_frequencies=dict(zip(terms, rows[0][6], strict=True)),
    )


def _stored(
    weights: SparseVector, length: int, average_length: float, title: str | None
) -> StoredTerms:
    places = dict(zip(weights.indices(), weights.values(), strict=True))
    return StoredTerms(places, length, average_length, title)
