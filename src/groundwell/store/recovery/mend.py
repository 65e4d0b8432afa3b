"""Putting in step what can be put in step without losing anything."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from psycopg import AsyncConnection

from groundwell.domain.documents import CollectionId, DocumentUid, TenantId
from groundwell.ports.blob_store import BlobStore
from groundwell.store.blobs import clear_blobs
from groundwell.store.chunks import lock_collection
from groundwell.store.database import Database, Row
from groundwell.store.recovery.survey import FoundDocument, OutOfStep

# Who mends waits for who mends already, so that no document is queued twice.
_LOCK = 7_236_481_907_513_008

Requeue: TypeAlias = Callable[
    [AsyncConnection[Row], TenantId, Sequence[DocumentUid]], Awaitable[None]
]


async def mend(
    database: Database, blobs: BlobStore, requeue: Requeue, found: OutOfStep
) -> list[str]:
    """Mend what was found and return a sentence for each thing that was done.

    `requeue` queues documents in the transaction that it is given. Each step looks again under a
    lock, so that what has mended itself meanwhile, or was mended by somebody else, stays as it is.
    """
    database = database.unrestricted
    done: list[str] = []
    stuck = await _queue_stuck(database, requeue, found.stuck)
    if stuck:
        done.append(f"Documents that waited for nothing, queued again: {stuck}.")
    incomplete = await _queue_incomplete(database, requeue, found.incomplete)
    if incomplete:
        done.append(f"Documents that lacked part of their index, queued again: {incomplete}.")
    for collection in found.miscounted:
        async with database.transaction(collection.tenant) as connection:
            if await lock_collection(connection, collection.id):
                await _recount(connection, collection.tenant, collection.id)
                done.append(f"Statistics counted anew: collection '{collection.name}'.")
    for tenant in found.miscounted_tenants:
        async with database.transaction(tenant) as connection:
            await connection.execute("SELECT recount_usage()")
    if found.miscounted_tenants:
        done.append(f"What tenants hold, counted anew: {len(found.miscounted_tenants)}.")
    for stray in found.stray_versions:
        async with database.transaction(stray.tenant) as connection:
            await connection.execute(
                "DELETE FROM collection_versions WHERE collection_id = %s", (stray.id,)
            )
    if found.stray_versions:
        done.append(f"Versions of collections that are gone, removed: {len(found.stray_versions)}.")
    if found.unused_blobs:
        await clear_blobs(database, blobs, found.unused_blobs)
        done.append(f"Files that no document uses, removed: {len(found.unused_blobs)}.")
    return done


async def _queue_stuck(database: Database, requeue: Requeue, found: Sequence[FoundDocument]) -> int:
    count = 0
    for (tenant, _), uids in _by_collection(found).items():
        async with database.transaction(tenant) as connection:
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            cursor = await connection.execute(
                "UPDATE documents SET status = 'pending', progress = 0, updated_at = now(),"
                " stage = CASE WHEN stage = 'awaiting_upload' THEN stage ELSE 'queued' END"
                " WHERE uid = ANY(%s) AND status IN ('pending', 'indexing')"
                " AND NOT EXISTS (SELECT FROM procrastinate_jobs j"
                " WHERE j.status IN ('todo', 'doing') AND CASE stage"
                " WHEN 'awaiting_upload' THEN uid::text = j.args->>'awaited'"
                " ELSE uid::text = ANY(string_to_array(j.args->>'documents', ' ')) END)"
                " RETURNING uid",
                (uids,),
            )
            stuck = [DocumentUid(uid) for (uid,) in await cursor.fetchall()]
            await requeue(connection, tenant, stuck)
        count += len(stuck)
    return count


async def _queue_incomplete(
    database: Database, requeue: Requeue, found: Sequence[FoundDocument]
) -> int:
    """Take what is left of the documents out of the index, and have them indexed anew."""
    count = 0
    for (tenant, collection), uids in _by_collection(found).items():
        async with database.transaction(tenant) as connection:
            if not await lock_collection(connection, collection):
                continue
            cursor = await connection.execute(
                "UPDATE documents SET status = 'pending', stage = 'queued', progress = 0,"
                " active_version_id = NULL, chunk_count = 0, language = NULL, indexed_at = NULL,"
                " updated_at = now() WHERE uid = ANY(%s) AND status = 'complete' RETURNING uid",
                (uids,),
            )
            taken = [DocumentUid(uid) for (uid,) in await cursor.fetchall()]
            await connection.execute("DELETE FROM chunks WHERE document_uid = ANY(%s)", (taken,))
            await _recount(connection, tenant, collection)
            await requeue(connection, tenant, taken)
        count += len(taken)
    return count


async def _recount(
    connection: AsyncConnection[Row], tenant: TenantId, collection: CollectionId
) -> None:
    """Make the statistics those of the chunks. Needs the collection's lock."""
    await connection.execute(
        """
        UPDATE collections c SET chunk_count = k.chunks, term_count = k.terms,
               restricted_chunks = k.restricted,
               average_length = CASE WHEN c.average_length > 0 OR k.chunks = 0
                                     THEN c.average_length ELSE k.terms::real / k.chunks END,
               language_counts = l.languages
        FROM (SELECT count(*) AS chunks, coalesce(sum(length), 0) AS terms,
                     count(*) FILTER (WHERE access_id <> 0) AS restricted
              FROM chunk_terms WHERE collection_id = %(id)s) AS k,
             (SELECT coalesce(jsonb_object_agg(language, n), '{}') AS languages
              FROM (SELECT language, count(*) AS n FROM documents
                    WHERE collection_id = %(id)s AND language IS NOT NULL GROUP BY language) AS d
             ) AS l
        WHERE c.id = %(id)s
        """,
        {"id": collection},
    )
    await connection.execute("DELETE FROM term_statistics WHERE collection_id = %s", (collection,))
    await connection.execute(
        "INSERT INTO term_statistics (collection_id, term, tenant_id, document_frequency)"
        " SELECT %s, substr(u.lexeme, strpos(u.lexeme, ':') + 1), %s, count(*)"
        " FROM chunk_terms t, unnest(t.lexemes) AS u"
        " WHERE t.collection_id = %s AND t.access_id = 0 GROUP BY 2",
        (collection, tenant, collection),
    )
    await connection.execute("DELETE FROM restricted_terms WHERE collection_id = %s", (collection,))
    await connection.execute(
        "INSERT INTO restricted_terms"
        " (collection_id, term, access_id, tenant_id, document_frequency)"
        " SELECT %(id)s, substr(u.lexeme, strpos(u.lexeme, ':') + 1), t.access_id, %(tenant)s,"
        " count(*) FROM chunk_terms t, unnest(t.lexemes) AS u"
        " WHERE t.collection_id = %(id)s AND t.access_id <> 0 GROUP BY 2, 3"
        " UNION ALL SELECT %(id)s, '', t.access_id, %(tenant)s, count(*) FROM chunk_terms t"
        " WHERE t.collection_id = %(id)s AND t.access_id <> 0 GROUP BY 3",
        {"id": collection, "tenant": tenant},
    )


def _by_collection(
    found: Sequence[FoundDocument],
) -> dict[tuple[TenantId, CollectionId], list[DocumentUid]]:
    groups: dict[tuple[TenantId, CollectionId], list[DocumentUid]] = defaultdict(list)
    for document in found:
        groups[document.tenant, document.collection].append(document.uid)
    return groups
