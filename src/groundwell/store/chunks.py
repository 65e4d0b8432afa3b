"""Writing the index: a document's chunks, terms and vectors, swapped in as one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from pgvector import HalfVector, SparseVector
from psycopg import AsyncConnection, sql

from groundwell.domain.bm25 import DIMENSIONS, term_dimension, term_weights
from groundwell.domain.chunks import ChunkId, EncodedChunk, chunk_id_for
from groundwell.domain.documents import CollectionId, DocumentUid, TenantId, VersionId
from groundwell.store.database import Row
from groundwell.store.spaces import EmbeddingSpace

# Weights are recomputed when the true average length has moved away by more than this share.
_DRIFT = 0.03


@dataclass(frozen=True, slots=True)
class IndexedDocument:
    """A document version with everything that the index holds of it."""

    uid: DocumentUid
    version: VersionId
    number: int
    chunks: Sequence[EncodedChunk]


@dataclass(frozen=True, slots=True)
class _Collection:
    number: int
    chunk_count: int
    term_count: int
    average_length: float


async def lock_collection(connection: AsyncConnection[Row], collection: CollectionId) -> bool:
    """Hold the collection's statistics until the transaction ends; False when it is gone.

    Everyone who changes the index takes this lock first, so nobody waits in a circle.
    """
    cursor = await connection.execute(
        "SELECT 1 FROM collections WHERE id = %s FOR NO KEY UPDATE", (collection,)
    )
    return await cursor.fetchone() is not None


async def swap_chunks(
    connection: AsyncConnection[Row],
    tenant: TenantId,
    space: EmbeddingSpace,
    collection: CollectionId,
    documents: Sequence[IndexedDocument],
) -> bool:
    """Put the documents' new chunks in place of their old ones and mark them complete.

    Documents that were deleted, or of which a newer version has been accepted, are left alone.
    Returns whether the collection's term weights should be recomputed.
    """
    if not await lock_collection(connection, collection):
        return False
    current = await _still_wanted(connection, documents)
    if not current:
        return False
    await remove_chunks(connection, collection, [document.uid for document in current])
    statistics = await _collection(connection, collection)
    chunks = [chunk for document in current for chunk in document.chunks]
    total_terms = statistics.term_count + sum(chunk.length for chunk in chunks)
    total_chunks = statistics.chunk_count + len(chunks)
    true_average = total_terms / total_chunks if total_chunks else 0.0
    average = statistics.average_length or true_average
    writer = _Writer(connection, tenant, space, collection, statistics.number, average)
    for document in current:
        await writer.insert(document)
    await writer.count_terms(chunks)
    await connection.execute(
        "UPDATE collections SET chunk_count = %s, term_count = %s, average_length = %s"
        " WHERE id = %s",
        (total_chunks, total_terms, average, collection),
    )
    await _complete(connection, current)
    return abs(true_average - average) > _DRIFT * average


async def remove_chunks(
    connection: AsyncConnection[Row], collection: CollectionId, uids: Sequence[DocumentUid]
) -> None:
    """Take documents out of the index and its statistics. Needs the collection's lock."""
    cursor = await connection.execute(
        "SELECT count(*), coalesce(sum(length), 0) FROM chunk_terms WHERE document_uid = ANY(%s)",
        (list(uids),),
    )
    row = await cursor.fetchone()
    if row is None or row[0] == 0:
        return
    chunks, terms = row
    await connection.execute(
        """
        UPDATE term_statistics s SET document_frequency = s.document_frequency - gone.count
        FROM (
            SELECT substr(u.lexeme, strpos(u.lexeme, ':') + 1) AS term, count(*) AS count
            FROM chunk_terms t, unnest(t.lexemes) AS u
            WHERE t.document_uid = ANY(%s) GROUP BY 1
        ) AS gone
        WHERE s.collection_id = %s AND s.term = gone.term
        """,
        (list(uids), collection),
    )
    await connection.execute("DELETE FROM chunks WHERE document_uid = ANY(%s)", (list(uids),))
    await connection.execute(
        "UPDATE collections SET chunk_count = chunk_count - %s, term_count = term_count - %s"
        " WHERE id = %s",
        (chunks, terms, collection),
    )


async def delete_document(
    connection: AsyncConnection[Row], collection: CollectionId, uid: DocumentUid
) -> list[str]:
    """Remove a document with all it has and return the blob keys it used."""
    await lock_collection(connection, collection)
    await remove_chunks(connection, collection, [uid])
    cursor = await connection.execute(
        "SELECT DISTINCT blob_key FROM document_versions"
        " WHERE document_uid = %s AND blob_key IS NOT NULL",
        (uid,),
    )
    blobs = [row[0] for row in await cursor.fetchall()]
    await connection.execute("DELETE FROM documents WHERE uid = %s", (uid,))
    return blobs


async def _still_wanted(
    connection: AsyncConnection[Row], documents: Sequence[IndexedDocument]
) -> list[IndexedDocument]:
    cursor = await connection.execute(
        "SELECT uid, version FROM documents WHERE uid = ANY(%s) ORDER BY uid FOR UPDATE",
        ([document.uid for document in documents],),
    )
    versions: dict[UUID, int] = dict(await cursor.fetchall())
    return [document for document in documents if versions.get(document.uid) == document.number]


async def _collection(connection: AsyncConnection[Row], collection: CollectionId) -> _Collection:
    cursor = await connection.execute(
        "SELECT number, chunk_count, term_count, average_length FROM collections WHERE id = %s",
        (collection,),
    )
    row = await cursor.fetchone()
    assert row is not None, "the caller holds the collection's lock"
    return _Collection(*row)


async def _complete(connection: AsyncConnection[Row], documents: Sequence[IndexedDocument]) -> None:
    async with connection.cursor() as cursor:
        await cursor.executemany(
            "UPDATE documents d SET status = 'complete', stage = 'done', progress = 1,"
            " error_code = NULL, error_message = NULL, active_version_id = v.id, chunk_count = %s,"
            " indexed_at = now(), updated_at = now(), filename = v.filename,"
            " media_type = v.media_type, file_size = v.file_size, metadata = v.metadata,"
            " title = coalesce(v.given_title, v.title, d.title), attributes = v.attributes,"
            " warnings = v.warnings FROM document_versions v WHERE d.uid = %s AND v.id = %s",
            [(len(d.chunks), d.uid, d.version) for d in documents],
        )
        await cursor.execute(
            "DELETE FROM document_versions v USING documents d WHERE v.document_uid = d.uid"
            " AND d.uid = ANY(%s) AND v.number < d.version",
            ([document.uid for document in documents],),
        )


class _Writer:
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
        self._space = space
        self._collection = collection
        self._prefix = f"{collection_number}:"
        self._average_length = average_length

    async def insert(self, document: IndexedDocument) -> None:
        keyed = [(chunk_id_for(document.version, c.chunk.ordinal), c) for c in document.chunks]
        async with self._connection.cursor() as cursor:
            await cursor.executemany(
                "INSERT INTO chunks (id, tenant_id, document_uid, version_id, ordinal, text,"
                " char_start, char_end, page, heading_path)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                [self._chunk_row(document, key, chunk) for key, chunk in keyed],
            )
            await cursor.executemany(
                "INSERT INTO chunk_terms (chunk_id, tenant_id, collection_id, document_uid,"
                " lexemes, term_weights, length, average_length)"
                " VALUES (%s, %s, %s, %s, array_to_tsvector(%s), %s, %s, %s)",
                [self._term_row(document, key, chunk) for key, chunk in keyed],
            )
            await cursor.executemany(
                sql.SQL(
                    "INSERT INTO {} (chunk_id, tenant_id, collection_id, document_uid, embedding,"
                    " token_bits) VALUES (%s, %s, %s, %s, %s, %s)"
                ).format(sql.Identifier(self._space.table)),
                [
                    (
                        key,
                        self._tenant,
                        self._collection,
                        document.uid,
                        HalfVector(chunk.vector),
                        chunk.token_bits.tobytes(),
                    )
                    for key, chunk in keyed
                ],
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
        )

    def _term_row(
        self, document: IndexedDocument, key: ChunkId, encoded: EncodedChunk
    ) -> tuple[object, ...]:
        weights = term_weights(encoded.terms, encoded.length, self._average_length)
        # Two terms that fall on one dimension count as one; there are 10^9 dimensions.
        sparse = {term_dimension(term): weight for term, weight in weights.items()}
        return (
            key,
            self._tenant,
            self._collection,
            document.uid,
            [self._prefix + term for term in encoded.terms],
            SparseVector(sparse, DIMENSIONS),
            encoded.length,
            self._average_length,
        )

    async def count_terms(self, chunks: Sequence[EncodedChunk]) -> None:
        frequencies = Counter(term for chunk in chunks for term in chunk.terms)
        terms = sorted(frequencies)
        await self._connection.execute(
            "INSERT INTO term_statistics (collection_id, term, tenant_id, document_frequency)"
            " SELECT %s, t.term, %s, t.count FROM unnest(%s::text[], %s::int[]) AS t (term, count)"
            " ON CONFLICT (collection_id, term) DO UPDATE SET document_frequency ="
            " term_statistics.document_frequency + excluded.document_frequency",
            (self._collection, self._tenant, terms, [frequencies[term] for term in terms]),
        )
