"""Reading documents."""

from __future__ import annotations

from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg import AsyncConnection

from groundwell.domain.documents import (
    Callback,
    CallbackState,
    CollectionId,
    Document,
    DocumentAccess,
    DocumentName,
    DocumentStatus,
    DocumentUid,
    PageSpan,
    Stage,
    Visibility,
)
from groundwell.domain.errors import ConflictError, NotFoundError
from groundwell.store.database import Row

_SELECT: LiteralString = """
    SELECT d.uid, d.id, c.name, d.filename, d.title, d.media_type, d.file_size, d.status, d.stage,
           d.progress, d.version, d.created_at, d.updated_at, d.indexed_at, d.chunk_count,
           d.error_code, d.error_message, d.warnings, d.metadata, d.language,
           d.owner_id, d.access_id, a.roles, a.users,
           d.access_id = 0 OR (SELECT sees_everything())
           OR d.access_id = ANY((SELECT readable_access())::integer[]),
           b.id, b.host, b.state, b.tries, b.error, b.updated_at
    FROM documents d JOIN collections c ON c.id = d.collection_id
    LEFT JOIN access_lists a ON a.id = d.access_id
    LEFT JOIN LATERAL (
        SELECT * FROM callbacks w WHERE w.document_uid = d.uid ORDER BY w.created_at DESC LIMIT 1
    ) AS b ON true
"""
# Who keeps a document to himself, or to some, finds it under its id before all others.
_PRECEDENCE: LiteralString = """
    d.namespace::text = caller_part(2) DESC NULLS LAST, d.access_id = 0 DESC, d.created_at, d.uid
"""


async def get_document(
    connection: AsyncConnection[Row], name: DocumentName | str, collection: str | None = None
) -> Document:
    """The document of that name; by an id alone, in `collection` or else the only one that has it.

    Where several users keep documents under one id, and none is named, it is that of who asks, or
    else the one that the whole tenant sees.
    Raises NotFoundError, or ConflictError when several collections use the id.
    """
    if isinstance(name, str):
        name = DocumentName(name, collection)
    cursor = await connection.execute(
        f"{_SELECT} WHERE d.id = %(id)s"
        " AND (%(collection)s::text IS NULL OR c.name = %(collection)s)"
        " AND (%(owner)s::uuid IS NULL OR d.owner_id = %(owner)s)"
        f" ORDER BY {_PRECEDENCE} LIMIT 50",
        {"id": name.id, "collection": name.collection, "owner": name.owner},
    )
    rows = await cursor.fetchall()
    if not rows:
        raise NotFoundError("There is no document with that id.", code="document_not_found")
    if len({row[2] for row in rows}) > 1:
        raise ConflictError(
            "More than one collection has a document with that id. Name the collection.",
            code="ambiguous_document",
        )
    return _document(rows[0])


async def list_documents(
    connection: AsyncConnection[Row],
    collection: CollectionId | None,
    status: DocumentStatus | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Document]:
    """Documents, newest first, from the one after `after` on."""
    created_at, uid = after or (None, None)
    cursor = await connection.execute(
        f"""{_SELECT}
        WHERE (%s::uuid IS NULL OR d.collection_id = %s)
          AND (%s::text IS NULL OR d.status = %s)
          AND (%s::timestamptz IS NULL OR (d.created_at, d.uid) < (%s, %s))
        ORDER BY d.created_at DESC, d.uid DESC LIMIT %s""",
        (collection, collection, status, status, created_at, created_at, uid, limit),
    )
    return [_document(row) for row in await cursor.fetchall()]


async def count_documents(
    connection: AsyncConnection[Row], collection: CollectionId | None
) -> dict[DocumentStatus, int]:
    """How many documents are in each state."""
    cursor = await connection.execute(
        "SELECT status, count(*) FROM documents"
        " WHERE %s::uuid IS NULL OR collection_id = %s GROUP BY status",
        (collection, collection),
    )
    counts = {DocumentStatus(status): count for status, count in await cursor.fetchall()}
    return {status: counts.get(status, 0) for status in DocumentStatus}


async def count_awaited(connection: AsyncConnection[Row], collection: CollectionId | None) -> int:
    """How many of the pending documents are announced only."""
    cursor = await connection.execute(
        "SELECT count(*) FROM documents WHERE status = 'pending' AND stage = 'awaiting_upload'"
        " AND (%s::uuid IS NULL OR collection_id = %s)",
        (collection, collection),
    )
    row = await cursor.fetchone()
    assert row is not None, "a count has one row"
    return int(row[0])


async def load_text(
    connection: AsyncConnection[Row], uid: DocumentUid, number: int | None = None
) -> tuple[str, tuple[PageSpan, ...], int]:
    """Text, pages and version number of a document's searchable version.

    Raises NotFoundError while there is none.
    """
    cursor = await connection.execute(
        "SELECT v.text, v.pages, v.number FROM document_versions v JOIN documents d"
        " ON d.uid = v.document_uid WHERE d.uid = %s AND v.text IS NOT NULL"
        " AND ((%s::int IS NULL AND v.id = d.active_version_id) OR v.number = %s)",
        (uid, number, number),
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFoundError(
            "This document has no text: it is not indexed yet, or it failed.",
            code="text_not_available",
        )
    return row[0], page_spans(row[1]), row[2]


async def find_content(
    connection: AsyncConnection[Row], uid: DocumentUid
) -> tuple[str | None, str, str, str | None, int]:
    """Blob key, file name, media type, the text where there is no blob, and the file's size.

    Of what is searchable, or else of what came last.
    """
    cursor = await connection.execute(
        "SELECT v.blob_key, v.filename, v.media_type,"
        # The text of a large file takes longer to read than all else of a download.
        " CASE WHEN v.blob_key IS NULL THEN v.text END, v.file_size FROM document_versions v"
        " JOIN documents d ON d.uid = v.document_uid WHERE d.uid = %s"
        " AND (v.id = d.active_version_id OR d.active_version_id IS NULL)"
        " ORDER BY v.number DESC LIMIT 1",
        (uid,),
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFoundError("There is no document with that id.", code="document_not_found")
    if row[0] is None and row[3] is None:
        raise NotFoundError(
            "The document's content is not here: it has not come, or was removed.",
            code="content_not_available",
        )
    return row[0], row[1], row[2], row[3], row[4]


def _document(row: Row) -> Document:
    return Document(
        uid=DocumentUid(row[0]),
        id=row[1],
        collection=row[2],
        filename=row[3],
        title=row[4],
        media_type=row[5],
        file_size=row[6],
        status=DocumentStatus(row[7]),
        stage=Stage(row[8]),
        progress=row[9],
        version=row[10],
        created_at=row[11],
        updated_at=row[12],
        indexed_at=row[13],
        chunk_count=row[14],
        error_code=row[15],
        error_message=row[16],
        warnings=tuple(row[17]),
        metadata=row[18],
        language=row[19],
        access=_access(*row[20:25]),
        callback=None if row[25] is None else _callback(*row[25:31]),
    )


def _callback(
    event: UUID, host: str, state: str, tries: int, error: str | None, updated_at: datetime
) -> Callback:
    return Callback(event, host, CallbackState(state), tries, error, updated_at)


def _access(
    owner: UUID | None,
    access_id: int,
    roles: list[str] | None,
    users: list[UUID] | None,
    is_readable: bool,
) -> DocumentAccess:
    visibility = Visibility.TENANT
    if access_id:
        visibility = Visibility.SHARED if roles or users else Visibility.PRIVATE
    return DocumentAccess(owner, visibility, tuple(roles or ()), tuple(users or ()), is_readable)


def page_spans(stored: list[list[int]] | None) -> tuple[PageSpan, ...]:
    """Pages as they are stored."""
    return tuple(PageSpan(*span) for span in stored or ())
