"""Reading documents and moving them through their states."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from groundwell.domain.documents import (
    CollectionId,
    Document,
    DocumentStatus,
    DocumentUid,
    HeadingSpan,
    PageSpan,
    ParsedDocument,
    Stage,
    VersionId,
)
from groundwell.domain.errors import ConflictError, NotFoundError
from groundwell.store.database import Row

_SELECT: LiteralString = """
    SELECT d.uid, d.id, c.name, d.filename, d.title, d.media_type, d.file_size, d.status, d.stage,
           d.progress, d.version, d.created_at, d.updated_at, d.indexed_at, d.chunk_count,
           d.error_code, d.error_message, d.warnings, d.metadata
    FROM documents d JOIN collections c ON c.id = d.collection_id
"""


@dataclass(frozen=True, slots=True)
class Work:
    """A document version that is to be ingested. `text` is set once it is parsed."""

    uid: DocumentUid
    id: str
    version: VersionId
    number: int
    collection: CollectionId
    chunking: str
    filename: str
    media_type: str
    title: str | None
    blob_key: str | None
    parsed: ParsedDocument | None


async def get_document(
    connection: AsyncConnection[Row], document_id: str, collection: str | None
) -> Document:
    """The document of that id, in `collection` or, when None, in the only one that has it.

    Raises NotFoundError, or ConflictError when several collections use the id.
    """
    cursor = await connection.execute(
        f"{_SELECT} WHERE d.id = %s AND (%s::text IS NULL OR c.name = %s) LIMIT 2",
        (document_id, collection, collection),
    )
    rows = await cursor.fetchall()
    if not rows:
        raise NotFoundError("There is no document with that id.", code="document_not_found")
    if len(rows) > 1:
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


async def load_work(connection: AsyncConnection[Row], uids: Sequence[DocumentUid]) -> list[Work]:
    """What is still to be done of these documents: their newest versions, unless finished."""
    cursor = await connection.execute(
        """
        SELECT d.uid, d.id, v.id, v.number, d.collection_id, c.chunking, v.filename, v.media_type,
               coalesce(v.given_title, v.title), v.blob_key, v.text, v.pages, v.headings, v.parser,
               v.warnings
        FROM documents d
        JOIN document_versions v ON v.document_uid = d.uid AND v.number = d.version
        JOIN collections c ON c.id = d.collection_id
        WHERE d.uid = ANY(%s) AND d.status IN ('pending', 'indexing')
        ORDER BY d.uid
        """,
        (list(uids),),
    )
    return [_work(row) for row in await cursor.fetchall()]


async def set_stage(
    connection: AsyncConnection[Row],
    uids: Iterable[DocumentUid],
    stage: Stage,
    progress: float,
) -> None:
    """Say where in ingestion the documents stand. `progress` is in [0, 1]."""
    await connection.execute(
        "UPDATE documents SET status = 'indexing', stage = %s, progress = %s, updated_at = now()"
        " WHERE uid = ANY(%s) AND status IN ('pending', 'indexing')",
        (stage, progress, list(uids)),
    )


async def save_parsed(
    connection: AsyncConnection[Row], version: VersionId, parsed: ParsedDocument
) -> None:
    """Keep what the parser found, so that it is not parsed again."""
    await connection.execute(
        "UPDATE document_versions SET text = %s, pages = %s, headings = %s, title = %s,"
        " parser = %s, warnings = %s, media_type = %s WHERE id = %s",
        (
            parsed.text,
            Jsonb([(page.page, page.char_start, page.char_end) for page in parsed.pages]),
            Jsonb([(h.level, h.char_start, h.char_end) for h in parsed.headings]),
            parsed.title,
            parsed.parser,
            list(parsed.warnings),
            parsed.media_type,
            version,
        ),
    )


async def mark_failed(
    connection: AsyncConnection[Row], uid: DocumentUid, number: int, code: str, message: str
) -> None:
    """End a version's ingestion with a reason, unless a newer version has come meanwhile.

    An older version that is searchable stays so.
    """
    await connection.execute(
        "UPDATE documents SET status = 'failed', error_code = %s, error_message = %s,"
        " updated_at = now() WHERE uid = %s AND version = %s",
        (code, message, uid, number),
    )


async def fail_unfinished(
    connection: AsyncConnection[Row], uids: Sequence[DocumentUid], code: str, message: str
) -> None:
    """End the ingestion of whichever of these documents is not finished."""
    await connection.execute(
        "UPDATE documents SET status = 'failed', error_code = %s, error_message = %s,"
        " updated_at = now() WHERE uid = ANY(%s) AND status IN ('pending', 'indexing')",
        (code, message, list(uids)),
    )


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
    return row[0], _pages(row[1]), row[2]


async def find_content(
    connection: AsyncConnection[Row], uid: DocumentUid
) -> tuple[str | None, str, str, str | None]:
    """Blob key, file name, media type and text of what is searchable, or else of what came last."""
    cursor = await connection.execute(
        "SELECT v.blob_key, v.filename, v.media_type, v.text FROM document_versions v"
        " JOIN documents d ON d.uid = v.document_uid WHERE d.uid = %s"
        " AND (v.id = d.active_version_id OR d.active_version_id IS NULL)"
        " ORDER BY v.number DESC LIMIT 1",
        (uid,),
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFoundError("There is no document with that id.", code="document_not_found")
    return row[0], row[1], row[2], row[3]


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
    )


def _work(row: Row) -> Work:
    text, pages, headings, parser, warnings = row[10:15]
    parsed = None
    if text is not None:
        parsed = ParsedDocument(
            text=text,
            media_type=row[7],
            parser=parser or "none",
            pages=_pages(pages),
            headings=tuple(HeadingSpan(*span) for span in headings or ()),
            title=row[8],
            warnings=tuple(warnings),
        )
    return Work(
        uid=DocumentUid(row[0]),
        id=row[1],
        version=VersionId(row[2]),
        number=row[3],
        collection=CollectionId(row[4]),
        chunking=row[5],
        filename=row[6],
        media_type=row[7],
        title=row[8],
        blob_key=row[9],
        parsed=parsed,
    )


def _pages(stored: list[list[int]] | None) -> tuple[PageSpan, ...]:
    return tuple(PageSpan(*span) for span in stored or ())
