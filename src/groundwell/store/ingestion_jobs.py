"""Ingestion as jobs that their owner can list, cancel and start again.

A version of a document is one job, whatever the queue makes of it. Row-level security so applies
to jobs as it does to documents.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg import AsyncConnection

from groundwell.domain.documents import DocumentStatus, DocumentUid, Stage
from groundwell.domain.errors import ConflictError, NotFoundError
from groundwell.store.announced import is_unsent, release_room
from groundwell.store.database import Row

# A version that is not the newest one is searchable, or was replaced before it could be.
_SELECT: LiteralString = """
    SELECT v.id, d.id, c.name, v.filename, v.number,
           CASE WHEN v.number = d.version THEN d.status
                WHEN v.id = d.active_version_id THEN 'complete' ELSE 'failed' END,
           CASE WHEN v.number = d.version THEN d.stage
                WHEN v.id = d.active_version_id THEN 'done' ELSE 'queued' END,
           CASE WHEN v.number = d.version THEN d.progress
                WHEN v.id = d.active_version_id THEN 1 ELSE 0 END,
           CASE WHEN v.number = d.version THEN d.attempts ELSE 0 END,
           CASE WHEN v.number = d.version AND d.stage = 'awaiting_upload' THEN 'uploads'
                WHEN v.text IS NULL THEN 'ingestion' ELSE 'embedding' END,
           CASE WHEN v.number = d.version THEN d.error_code
                WHEN v.id IS DISTINCT FROM d.active_version_id THEN 'replaced' END,
           CASE WHEN v.number = d.version THEN d.error_message
                WHEN v.id IS DISTINCT FROM d.active_version_id
                THEN 'A newer version came before this one was searchable.' END,
           v.created_at, d.updated_at
    FROM documents d
    JOIN document_versions v ON v.document_uid = d.uid
    JOIN collections c ON c.id = d.collection_id
"""


@dataclass(frozen=True, slots=True)
class IngestionJob:
    """The ingestion of a version. `attempts`: at the present step. `progress` is in [0, 1]."""

    id: UUID
    document_id: str
    collection: str
    filename: str
    version: int
    status: DocumentStatus
    stage: Stage
    progress: float
    attempts: int
    queue: str
    error_code: str | None
    error_message: str | None
    created_at: datetime
    updated_at: datetime


async def list_jobs(
    connection: AsyncConnection[Row],
    status: DocumentStatus | None,
    document_id: str | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[IngestionJob]:
    """The jobs of documents' newest versions, newest first, from the one after `after` on."""
    created_at, identity = after or (None, None)
    cursor = await connection.execute(
        f"""{_SELECT}
        WHERE v.number = d.version
          AND (%s::text IS NULL OR d.status = %s) AND (%s::text IS NULL OR d.id = %s)
          AND (%s::timestamptz IS NULL OR (v.created_at, v.id) < (%s, %s))
        ORDER BY v.created_at DESC, v.id DESC LIMIT %s""",
        (status, status, document_id, document_id, created_at, created_at, identity, limit),
    )
    return [_job(row) for row in await cursor.fetchall()]


async def get_job(connection: AsyncConnection[Row], identity: UUID) -> IngestionJob:
    """The job of that id. Raises NotFoundError; jobs of replaced versions are gone."""
    cursor = await connection.execute(f"{_SELECT} WHERE v.id = %s", (identity,))
    row = await cursor.fetchone()
    if row is None:
        raise NotFoundError("There is no job with that id.", code="job_not_found")
    return _job(row)


async def start_again(connection: AsyncConnection[Row], uid: DocumentUid) -> None:
    """Make a failed document wait again.

    Raises ConflictError for one that has not failed, or whose bytes never came.
    """
    if await is_unsent(connection, uid):
        raise ConflictError(
            "The content is not here: it never came, or was removed. Upload it again.",
            code="not_uploaded",
        )
    cursor = await connection.execute(
        "UPDATE documents SET status = 'pending', stage = 'queued', progress = 0, attempts = 0,"
        " fence = fence + 1, error_code = NULL, error_message = NULL, updated_at = now()"
        " WHERE uid = %s AND status = 'failed'",
        (uid,),
    )
    if cursor.rowcount == 0:
        raise ConflictError("Only a failed document can be tried again.", code="not_failed")


async def cancel(connection: AsyncConnection[Row], uid: DocumentUid) -> list[str]:
    """End the ingestion of a document and return the blob keys that are needed no more.

    What is searchable stays and is complete again; a document without such a version has failed
    with the code `cancelled`. The running attempt loses its fence and stops at its next step.
    Raises ConflictError for a document that waits for nothing.
    """
    cursor = await connection.execute(
        """
        UPDATE documents d SET
            fence = d.fence + 1, updated_at = now(),
            status = CASE WHEN d.active_version_id IS NULL THEN 'failed' ELSE 'complete' END,
            stage = CASE WHEN d.active_version_id IS NULL THEN d.stage ELSE 'done' END,
            progress = CASE WHEN d.active_version_id IS NULL THEN d.progress ELSE 1 END,
            error_code = CASE WHEN d.active_version_id IS NULL THEN 'cancelled' END,
            error_message = CASE WHEN d.active_version_id IS NULL
                            THEN 'The ingestion was cancelled.' END,
            version = coalesce((SELECT v.number FROM document_versions v
                                WHERE v.id = d.active_version_id), d.version)
        WHERE d.uid = %s AND d.status IN ('pending', 'indexing')
        RETURNING d.version
        """,
        (uid,),
    )
    row = await cursor.fetchone()
    if row is None:
        raise ConflictError("The document waits for nothing.", code="not_in_progress")
    await release_room(connection, uid)
    cursor = await connection.execute(
        "DELETE FROM document_versions WHERE document_uid = %s AND number > %s RETURNING blob_key",
        (uid, row[0]),
    )
    return [key for (key,) in await cursor.fetchall() if key is not None]


def _job(row: Row) -> IngestionJob:
    return IngestionJob(
        id=row[0],
        document_id=row[1],
        collection=row[2],
        filename=row[3],
        version=row[4],
        status=DocumentStatus(row[5]),
        stage=Stage(row[6]),
        progress=row[7],
        attempts=row[8],
        queue=row[9],
        error_code=row[10],
        error_message=row[11],
        created_at=row[12],
        updated_at=row[13],
    )
