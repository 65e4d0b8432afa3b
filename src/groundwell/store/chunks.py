"""Writing the index: a document's chunks, terms and vectors, swapped in as one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import AsyncConnection

from groundwell.domain.documents import CollectionId, DocumentUid, TenantId
from groundwell.store.chunk_writer import ChunkWriter, IndexedDocument
from groundwell.store.collection_profiles import count_languages, forget_languages
from groundwell.store.database import Row
from groundwell.store.embedding_checkpoints import forget_checkpoints
from groundwell.store.spaces import EmbeddingSpace

# Weights are recomputed when the true average length has moved away by more than this share.
_DRIFT = 0.03


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

    Left alone are documents that were deleted or cancelled, of which a newer version has been
    accepted, or that a later attempt has taken up (`fence`).
    Returns whether the collection's term weights should be recomputed.
    """
    if not await lock_collection(connection, collection):
        return False
    current, access = await _still_wanted(connection, documents)
    if not current:
        return False
    await remove_chunks(connection, collection, [document.uid for document in current])
    statistics = await _collection(connection, collection)
    chunks = [chunk for document in current for chunk in document.chunks]
    total_terms = statistics.term_count + sum(chunk.length for chunk in chunks)
    total_chunks = statistics.chunk_count + len(chunks)
    true_average = total_terms / total_chunks if total_chunks else 0.0
    average = statistics.average_length or true_average
    writer = ChunkWriter(connection, tenant, space, collection, statistics.number, average)
    for document in current:
        await writer.insert(document)
    restricted = 0
    for access_id in sorted(set(access.values())):
        own = [c for d in current if access[d.uid] == access_id for c in d.chunks]
        await writer.count_terms(access_id, own)
        restricted += len(own) if access_id else 0
    await connection.execute(
        "UPDATE collections SET chunk_count = %s, term_count = %s, average_length = %s,"
        " restricted_chunks = restricted_chunks + %s WHERE id = %s",
        (total_chunks, total_terms, average, restricted, collection),
    )
    await _complete(connection, current)
    await forget_checkpoints(connection, [document.version for document in current])
    await count_languages(connection, collection, Counter(d.language for d in current))
    return abs(true_average - average) > _DRIFT * average


async def remove_chunks(
    connection: AsyncConnection[Row], collection: CollectionId, uids: Sequence[DocumentUid]
) -> None:
    """Take documents out of the index and its statistics. Needs the collection's lock."""
    cursor = await connection.execute(
        "SELECT access_id, count(*), sum(length) FROM chunk_terms WHERE document_uid = ANY(%s)"
        " GROUP BY access_id ORDER BY access_id",
        (list(uids),),
    )
    gone = await cursor.fetchall()
    if not gone:
        return
    restricted = sum(count for access_id, count, _ in gone if access_id)
    await forget_languages(connection, collection, uids)
    for access_id, count, _ in gone:
        # Chunks that not everybody sees are counted themselves, under the empty term.
        await connection.execute(
            """
            SELECT count_terms(%(collection)s, %(access)s, array_agg(g.term), array_agg(g.count))
            FROM (
                SELECT substr(u.lexeme, strpos(u.lexeme, ':') + 1) AS term,
                       -count(*)::integer AS count
                FROM chunk_terms t, unnest(t.lexemes) AS u
                WHERE t.document_uid = ANY(%(uids)s) AND t.access_id = %(access)s GROUP BY 1
                UNION ALL SELECT '', -%(count)s::integer WHERE %(access)s <> 0
            ) AS g
            """,
            {"collection": collection, "access": access_id, "uids": list(uids), "count": count},
        )
    await connection.execute("DELETE FROM chunks WHERE document_uid = ANY(%s)", (list(uids),))
    await connection.execute(
        "UPDATE collections SET chunk_count = chunk_count - %s, term_count = term_count - %s,"
        " restricted_chunks = restricted_chunks - %s WHERE id = %s",
        (sum(n for _, n, _ in gone), sum(t for *_, t in gone), restricted, collection),
    )


async def delete_document(
    connection: AsyncConnection[Row], collection: CollectionId, uid: DocumentUid
) -> list[str]:
    """Remove a document with all it has and return the blob keys it used."""
    return await delete_documents(connection, collection, [uid])


async def delete_documents(
    connection: AsyncConnection[Row], collection: CollectionId, uids: Sequence[DocumentUid]
) -> list[str]:
    """Remove documents of a collection with all they have and return the blob keys they used."""
    await lock_collection(connection, collection)
    await remove_chunks(connection, collection, uids)
    cursor = await connection.execute(
        "SELECT DISTINCT blob_key FROM document_versions"
        " WHERE document_uid = ANY(%s) AND blob_key IS NOT NULL",
        (list(uids),),
    )
    blobs = [row[0] for row in await cursor.fetchall()]
    await connection.execute("DELETE FROM documents WHERE uid = ANY(%s)", (list(uids),))
    return blobs


async def _still_wanted(
    connection: AsyncConnection[Row], documents: Sequence[IndexedDocument]
) -> tuple[list[IndexedDocument], dict[DocumentUid, int]]:
    """Those of the documents that are to be indexed, and the access list of each."""
    cursor = await connection.execute(
        "SELECT uid, version, fence, access_id FROM documents WHERE uid = ANY(%s)"
        " AND status IN ('pending', 'indexing') ORDER BY uid FOR UPDATE",
        ([document.uid for document in documents],),
    )
    wanted = {(row[0], row[1], row[2]): row[3] for row in await cursor.fetchall()}
    current = [each for each in documents if (each.uid, each.number, each.fence) in wanted]
    return current, {each.uid: wanted[each.uid, each.number, each.fence] for each in current}


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
            " warnings = v.warnings, language = %s"
            " FROM document_versions v WHERE d.uid = %s AND v.id = %s",
            [(len(d.chunks), d.language, d.uid, d.version) for d in documents],
        )
        await cursor.execute(
            "DELETE FROM document_versions v USING documents d WHERE v.document_uid = d.uid"
            " AND d.uid = ANY(%s) AND v.number < d.version",
            ([document.uid for document in documents],),
        )
