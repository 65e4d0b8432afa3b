"""The rows that a document's chunks are made into, some at a time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from pgvector import HalfVector, SparseVector
from psycopg import AsyncConnection, sql

from groundwell.domain.bm25 import DIMENSIONS, term_dimension, term_weights
from groundwell.domain.chunks import ChunkId, EncodedChunk, chunk_id_for
from groundwell.domain.documents import CollectionId, DocumentUid, TenantId, VersionId
from groundwell.domain.languages import DEFAULT_LANGUAGE
from groundwell.store.database import Row
from groundwell.store.spaces import EmbeddingSpace

# What is made and sent at once: a document of 50 million characters must not hold up the loop.
_CHUNKS_AT_ONCE = 128
_TERMS_AT_ONCE = 10_000
# No two of its chunks may share a word: then the counts of all take a gigabyte.
_COUNTED_AT_ONCE = 2_000
_INSERT_CHUNK = sql.SQL(
    "INSERT INTO chunks (id, tenant_id, document_uid, version_id, ordinal, text,"
    " char_start, char_end, page, heading_path, gap)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
)
_INSERT_TERMS = sql.SQL(
    "INSERT INTO chunk_terms (chunk_id, tenant_id, collection_id, document_uid,"
    " lexemes, term_weights, length, average_length)"
    " VALUES (%s, %s, %s, %s, array_to_tsvector(%s), %s, %s, %s)"
)
_INSERT_VECTOR = sql.SQL(
    "INSERT INTO {} (chunk_id, tenant_id, collection_id, document_uid, embedding,"
    " token_bits) VALUES (%s, %s, %s, %s, %s, %s)"
)


@dataclass(frozen=True, slots=True)
class IndexedDocument:
    """A document version with everything that the index holds of it."""

    uid: DocumentUid
    version: VersionId
    number: int
    chunks: Sequence[EncodedChunk]
    language: str = DEFAULT_LANGUAGE
    fence: int = 0


class ChunkWriter:
    """Inserts chunks of one collection."""

    def __init__(
        self,
        connection: AsyncConnection[Row],
        tenant: TenantId,
        space: EmbeddingSpace,
        collection: CollectionId,
        collection_number: int,
        average_length: float,
    ) -> None:
        self._connection = connection
        self._tenant = tenant
        self._collection = collection
        self._prefix = f"{collection_number}:"
        self._average_length = average_length
        table = sql.Identifier(space.table)
        self._inserts: tuple[sql.SQL | sql.Composed, ...] = (
            _INSERT_CHUNK,
            _INSERT_TERMS,
            _INSERT_VECTOR.format(table),
        )

    async def insert(self, document: IndexedDocument) -> None:
        """Put a document's chunks, their terms and their vectors into the index."""
        for first in range(0, len(document.chunks), _CHUNKS_AT_ONCE):
            some = document.chunks[first : first + _CHUNKS_AT_ONCE]
            rows = await asyncio.to_thread(self._rows, document, some)
            async with self._connection.cursor() as cursor:
                for query, of_table in zip(self._inserts, rows, strict=True):
                    await cursor.executemany(query, of_table)

    def _rows(
        self, document: IndexedDocument, chunks: Sequence[EncodedChunk]
    ) -> tuple[list[tuple[object, ...]], ...]:
        """Of each table the rows of some chunks. The terms of one chunk can be thousands."""
        keyed = [(chunk_id_for(document.version, c.chunk.ordinal), c) for c in chunks]
        return (
            [self._chunk_row(document, key, chunk) for key, chunk in keyed],
            [self._term_row(document, key, chunk) for key, chunk in keyed],
            [self._vector_row(document, key, chunk) for key, chunk in keyed],
        )

    def _chunk_row(
        self, document: IndexedDocument, key: ChunkId, encoded: EncodedChunk
    ) -> tuple[object, ...]:
        chunk = encoded.chunk
        return (
            key,
            self._tenant,
            document.uid,
            document.version,
            chunk.ordinal,
            chunk.text,
            chunk.char_start,
            chunk.char_end,
            chunk.page,
            list(chunk.heading_path),
            chunk.gap,
        )

    def _term_row(
        self, document: IndexedDocument, key: ChunkId, encoded: EncodedChunk
    ) -> tuple[object, ...]:
        counts = encoded.terms.counts()
        weights = term_weights(counts, encoded.length, self._average_length)
        # Two terms that fall on one dimension count as one; there are 10^9 dimensions.
        sparse = {term_dimension(term): weight for term, weight in weights.items()}
        return (
            key,
            self._tenant,
            self._collection,
            document.uid,
            [self._prefix + term for term in counts],
            SparseVector(sparse, DIMENSIONS),
            encoded.length,
            self._average_length,
        )

    def _vector_row(
        self, document: IndexedDocument, key: ChunkId, encoded: EncodedChunk
    ) -> tuple[object, ...]:
        return (
            key,
            self._tenant,
            self._collection,
            document.uid,
            HalfVector(encoded.vector),
            encoded.token_bits.tobytes(),
        )

    async def count_terms(self, access_id: int, chunks: Sequence[EncodedChunk]) -> None:
        """Add chunks of one access list to what is known of the collection's terms."""
        for first in range(0, len(chunks), _COUNTED_AT_ONCE):
            some = chunks[first : first + _COUNTED_AT_ONCE]
            await self._count(access_id, await asyncio.to_thread(_count, access_id, some))

    async def _count(self, access_id: int, frequencies: Mapping[str, int]) -> None:
        counted = iter(frequencies.items())
        while some := sorted(islice(counted, _TERMS_AT_ONCE)):
            await self._connection.execute(
                "SELECT count_terms(%s, %s, %s::text[], %s::integer[])",
                (
                    self._collection,
                    access_id,
                    [term for term, _ in some],
                    [count for _, count in some],
                ),
            )


def _count(access_id: int, chunks: Sequence[EncodedChunk]) -> Counter[str]:
    """In how many of the chunks each term stands."""
    frequencies = Counter(term for chunk in chunks for term in chunk.terms.counts())
    if access_id:
        frequencies[""] = len(chunks)
    return frequencies
