"""Announced uploads: versions of documents whose bytes are yet to come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg import AsyncConnection

from groundwell.domain.documents import DocumentUid, Priority, TenantId, VersionId
from groundwell.domain.errors import NotFoundError
from groundwell.domain.uploads import (
    TIMEOUT_MESSAGE,
    UPLOAD_SECONDS,
    UPLOAD_TIMEOUT,
    UploadState,
    staging_key,
)
from groundwell.store.database import Row

# The clock is read when the row is, since a transaction may have waited for it.
_SELECT: LiteralString = """
    SELECT a.id, d.uid, d.id, c.name, v.number, v.filename, v.media_type, v.file_size, a.sha256,
           v.sha256, v.blob_key, a.priority, a.expires_at,
           CASE WHEN v.blob_key IS NOT NULL OR v.sha256 IS NOT NULL THEN 'received'
                WHEN d.status = 'pending' AND a.expires_at > clock_timestamp()
                THEN 'awaiting_upload' ELSE 'failed' END,
           d.error_code, d.error_message, d.owner_id, d.access_id <> 0
    FROM announced_uploads a
    JOIN document_versions v ON v.id = a.id
    JOIN documents d ON d.uid = v.document_uid AND d.version = v.number
    JOIN collections c ON c.id = d.collection_id
    WHERE a.id = %s
"""


@dataclass(frozen=True, slots=True)
class AnnouncedUpload:
    """What was said of the bytes, and what has become of them.

    `announced_sha256` is what its owner said, `sha256` what came; both may be None. `failure` is
    the code and the sentence of one that has failed.
    """

    id: VersionId
    uid: DocumentUid
    document_id: str
    collection: str
    version: int
    filename: str
    media_type: str
    file_size: int
    announced_sha256: bytes | None
    sha256: bytes | None
    blob_key: str | None
    priority: Priority
    expires_at: datetime
    state: UploadState
    failure: tuple[str, str] | None
    owner: UUID | None
    is_restricted: bool

    @property
    def staging_key(self) -> str:
        """Where others may put the bytes themselves."""
        return staging_key(self.id)


async def insert_announcement(
    connection: AsyncConnection[Row],
    tenant: TenantId,
    uid: DocumentUid,
    sha256: bytes | None,
    priority: Priority,
) -> None:
    """Begin to wait for the bytes of a document's newest version, if they are not here."""
    await connection.execute(
        "INSERT INTO announced_uploads (id, tenant_id, sha256, priority, expires_at)"
        " SELECT v.id, %s, %s, %s, now() + make_interval(secs => %s) FROM document_versions v"
        " JOIN documents d ON d.uid = v.document_uid AND d.version = v.number"
        " WHERE d.uid = %s AND d.stage = 'awaiting_upload'",
        (tenant, sha256, priority, UPLOAD_SECONDS, uid),
    )


async def find_awaited(connection: AsyncConnection[Row], uid: DocumentUid) -> UUID | None:
    """The upload that a document waits for."""
    cursor = await connection.execute(
        "SELECT a.id FROM announced_uploads a JOIN document_versions v ON v.id = a.id"
        " JOIN documents d ON d.uid = v.document_uid AND d.version = v.number"
        " WHERE d.uid = %s AND d.status = 'pending' AND d.stage = 'awaiting_upload'",
        (uid,),
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def get_upload(connection: AsyncConnection[Row], identity: UUID) -> AnnouncedUpload:
    """The upload of that id. Raises NotFoundError, also when a newer version took its place."""
    cursor = await connection.execute(_SELECT, (identity,))
    row = await cursor.fetchone()
    if row is None:
        raise NotFoundError("There is no announced upload with that id.", code="upload_not_found")
    state = UploadState(row[13])
    failure = None
    if state is UploadState.FAILED:
        # Until a worker says so, the clock does.
        failure = (row[14] or UPLOAD_TIMEOUT, row[15] or TIMEOUT_MESSAGE)
    return AnnouncedUpload(
        id=VersionId(row[0]),
        uid=DocumentUid(row[1]),
        document_id=row[2],
        collection=row[3],
        version=row[4],
        filename=row[5],
        media_type=row[6],
        file_size=row[7],
        announced_sha256=row[8],
        sha256=row[9],
        blob_key=row[10],
        priority=Priority(row[11]),
        expires_at=row[12],
        state=state,
        failure=failure,
        owner=row[16],
        is_restricted=row[17],
    )


async def find_upload(
    connection: AsyncConnection[Row], uid: DocumentUid, version: int
) -> AnnouncedUpload | None:
    """The upload that brings a version of a document, if it is the newest and was announced."""
    cursor = await connection.execute(
        "SELECT a.id FROM announced_uploads a JOIN document_versions v ON v.id = a.id"
        " JOIN documents d ON d.uid = v.document_uid AND d.version = v.number"
        " WHERE d.uid = %s AND v.number = %s",
        (uid, version),
    )
    row = await cursor.fetchone()
    return None if row is None else await get_upload(connection, row[0])


async def lock_upload(connection: AsyncConnection[Row], identity: UUID) -> AnnouncedUpload:
    """The same, held until the transaction ends: of several who bring the bytes, one is first."""
    await connection.execute(
        "SELECT FROM documents d WHERE d.uid ="
        " (SELECT v.document_uid FROM document_versions v WHERE v.id = %s) FOR UPDATE",
        (identity,),
    )
    # Only a statement that begins under the lock sees what was done before it.
    return await get_upload(connection, identity)


async def receive(
    connection: AsyncConnection[Row],
    upload: AnnouncedUpload,
    blob_key: str,
    sha256: bytes | None,
    media_type: str,
) -> None:
    """The bytes are in the blob store, and known unless `sha256` is None. Needs the lock."""
    await connection.execute(
        "UPDATE document_versions SET blob_key = %s, sha256 = %s, media_type = %s WHERE id = %s",
        (blob_key, sha256, media_type, upload.id),
    )
    await connection.execute(
        "UPDATE documents SET stage = 'queued', updated_at = now() WHERE uid = %s", (upload.uid,)
    )


async def read_deadline(connection: AsyncConnection[Row], identity: UUID) -> float | None:
    """Seconds until the upload is given up, below 0 when late; None if it is not awaited."""
    cursor = await connection.execute(
        "SELECT extract(epoch FROM a.expires_at - now())::float8 FROM announced_uploads a"
        " JOIN document_versions v ON v.id = a.id"
        " JOIN documents d ON d.uid = v.document_uid AND d.version = v.number"
        " WHERE a.id = %s AND d.status = 'pending' AND d.stage = 'awaiting_upload'",
        (identity,),
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def give_up_waiting(connection: AsyncConnection[Row], identity: UUID) -> None:
    """Fail the document of an upload whose time is over, if it still waits for its bytes.

    An older version that is searchable stays so.
    """
    cursor = await connection.execute(
        "UPDATE documents d SET status = 'failed', error_code = %s, error_message = %s,"
        " fence = d.fence + 1, updated_at = now()"
        " FROM document_versions v JOIN announced_uploads a ON a.id = v.id"
        " WHERE v.id = %s AND d.uid = v.document_uid AND d.version = v.number"
        " AND d.status = 'pending' AND d.stage = 'awaiting_upload' AND a.expires_at <= now()"
        " RETURNING d.uid",
        (UPLOAD_TIMEOUT, TIMEOUT_MESSAGE, identity),
    )
    for (uid,) in await cursor.fetchall():
        await release_room(connection, uid)


async def release_room(connection: AsyncConnection[Row], uid: UUID) -> None:
    """Keep no more room for bytes of a document that have not come."""
    await connection.execute(
        "UPDATE document_versions SET file_size = 0"
        " WHERE document_uid = %s AND sha256 IS NULL AND blob_key IS NULL",
        (uid,),
    )


async def drop_unsent(connection: AsyncConnection[Row], uid: UUID) -> None:
    """Forget a document's version whose bytes have not come: another one takes its place."""
    await connection.execute(
        "DELETE FROM document_versions"
        " WHERE document_uid = %s AND sha256 IS NULL AND blob_key IS NULL",
        (uid,),
    )


async def is_unsent(connection: AsyncConnection[Row], uid: UUID) -> bool:
    """Whether the bytes of a document's newest version have not come."""
    cursor = await connection.execute(
        "SELECT FROM document_versions v JOIN documents d ON d.uid = v.document_uid"
        " AND d.version = v.number WHERE d.uid = %s AND v.sha256 IS NULL AND v.blob_key IS NULL",
        (uid,),
    )
    return await cursor.fetchone() is not None


async def settle_download(
    connection: AsyncConnection[Row],
    upload: VersionId,
    blob_key: str | None,
    sha256: bytes | None,
    media_type: str,
) -> None:
    """What a download found: the bytes lie under their content's key now, or are of no use."""
    await connection.execute(
        "UPDATE documents SET attempts = 0 WHERE uid ="
        " (SELECT v.document_uid FROM document_versions v WHERE v.id = %s)",
        (upload,),
    )
    await connection.execute(
        "UPDATE document_versions SET blob_key = %s, sha256 = %s, media_type = %s,"
        " file_size = CASE WHEN %s::text IS NULL THEN 0 ELSE file_size END WHERE id = %s",
        (blob_key, sha256, media_type, blob_key, upload),
    )
