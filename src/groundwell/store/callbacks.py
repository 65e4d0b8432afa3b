"""Callbacks: who wants to be told when a document is finished, and what became of telling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from psycopg import AsyncConnection

from groundwell.domain.documents import CallbackState, DocumentUid, TenantId
from groundwell.store.database import Row


@dataclass(frozen=True, slots=True)
class Wish:
    """An address that a user wants called about documents."""

    user: UUID
    url: str
    host: str


@dataclass(frozen=True, slots=True)
class WaitingEvent:
    """An event that is not delivered yet, after so many tries. `body` is JSON."""

    id: UUID
    url: str
    host: str
    body: bytes
    tries: int


async def ask_for_callbacks(
    connection: AsyncConnection[Row],
    tenant: TenantId,
    wish: Wish,
    documents: Sequence[tuple[DocumentUid, int]],
) -> None:
    """Keep a wish for versions of documents. The same one that still waits is kept once.

    Calls to the same address that are over are forgotten: a document keeps one of them at most.
    """
    uids = [uid for uid, _ in documents]
    await connection.execute(
        "DELETE FROM callbacks WHERE document_uid = ANY(%s) AND url = %s AND state <> 'waiting'",
        (uids, wish.url),
    )
    await connection.execute(
        "INSERT INTO callbacks (id, tenant_id, user_id, document_uid, version, url, host)"
        " SELECT gen_random_uuid(), %s, %s, d.uid, d.version, %s, %s"
        " FROM unnest(%s::uuid[], %s::integer[]) AS d (uid, version)"
        " ON CONFLICT DO NOTHING",
        (tenant, wish.user, wish.url, wish.host, uids, [version for _, version in documents]),
    )


async def ask_again(connection: AsyncConnection[Row], uid: DocumentUid) -> None:
    """Call the addresses once more when the document, which failed, has been tried again."""
    await connection.execute(
        "INSERT INTO callbacks (id, tenant_id, user_id, document_uid, version, url, host)"
        " SELECT gen_random_uuid(), c.tenant_id, c.user_id, c.document_uid, c.version, c.url,"
        " c.host FROM callbacks c JOIN documents d ON d.uid = c.document_uid"
        " AND d.version = c.version WHERE d.uid = %s ON CONFLICT DO NOTHING",
        (uid,),
    )
    await connection.execute(
        "DELETE FROM callbacks WHERE document_uid = %s AND state <> 'waiting'", (uid,)
    )


async def write_events(connection: AsyncConnection[Row], uids: Sequence[DocumentUid]) -> list[UUID]:
    """Write the events of those of the documents that are finished by now; returns their ids.

    In the transaction that finishes them. A version that is not the newest one was replaced before
    it was searchable, or was cancelled and is gone. Events hold ids, states, counts and times.
    """
    cursor = await connection.execute(
        """
        WITH finished AS (
            SELECT c.id, d.id AS document_id, k.name AS collection, c.version, d.chunk_count,
                   CASE WHEN c.version = d.version THEN d.status ELSE 'failed' END AS status,
                   CASE WHEN c.version < d.version THEN 'replaced'
                        WHEN c.version > d.version THEN 'cancelled'
                        ELSE d.error_code END AS error_code,
                   c.created_at
            FROM callbacks c
            JOIN documents d ON d.uid = c.document_uid
            JOIN collections k ON k.id = d.collection_id
            WHERE c.document_uid = ANY(%s) AND c.event IS NULL
              AND (d.status IN ('complete', 'failed') OR c.version <> d.version)
        )
        UPDATE callbacks c SET updated_at = now(), event = json_build_object(
            'type', CASE WHEN f.status = 'complete' THEN 'document.completed'
                         WHEN f.error_code = 'cancelled' THEN 'document.cancelled'
                         ELSE 'document.failed' END,
            'timestamp', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'data', json_build_object(
                'document_id', f.document_id,
                'collection', f.collection,
                'version', f.version,
                'status', f.status,
                'error_code', f.error_code,
                'chunk_count', CASE WHEN f.status = 'complete' THEN f.chunk_count ELSE 0 END,
                'requested_at',
                to_char(f.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
            ))::text
        FROM finished f WHERE c.id = f.id RETURNING c.id
        """,
        (list(uids),),
    )
    return [row[0] for row in await cursor.fetchall()]


async def find_waiting(
    connection: AsyncConnection[Row], events: Sequence[UUID]
) -> list[WaitingEvent]:
    """Those of the events that are to be delivered. Deleted documents have none."""
    cursor = await connection.execute(
        "SELECT id, url, host, event, tries FROM callbacks"
        " WHERE id = ANY(%s) AND state = 'waiting' AND event IS NOT NULL ORDER BY created_at, id",
        (list(events),),
    )
    return [
        WaitingEvent(row[0], row[1], row[2], row[3].encode(), row[4])
        for row in await cursor.fetchall()
    ]


async def note_try(
    connection: AsyncConnection[Row], event: UUID, state: CallbackState, error: str | None
) -> None:
    """Keep how a try at a waiting event ended."""
    await connection.execute(
        "UPDATE callbacks SET state = %s, error = %s, tries = tries + 1, updated_at = now()"
        " WHERE id = %s AND state = 'waiting'",
        (state, error, event),
    )


async def give_up_events(
    connection: AsyncConnection[Row], events: Sequence[UUID], error: str
) -> None:
    """End the waiting of events without a try."""
    await connection.execute(
        "UPDATE callbacks SET state = 'failed', error = %s, updated_at = now()"
        " WHERE id = ANY(%s) AND state = 'waiting'",
        (error, list(events)),
    )
