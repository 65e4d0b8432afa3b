"""Moving documents through ingestion, under a fence.

Every attempt at a job has a number that is larger than those of all attempts before it. Taking a
document up writes the number into its row. What an attempt writes later, it writes only where its
number still stands: a worker that was taken for dead and wakes changes nothing. (Kleppmann, "How
to do distributed locking", 2016, calls this a fencing token.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from groundwell.domain.documents import (
    CollectionId,
    DocumentUid,
    HeadingSpan,
    ParsedDocument,
    Stage,
    VersionId,
)
from groundwell.store.database import Row
from groundwell.store.documents import page_spans


class Step(StrEnum):
    """What is to be done next for a document that is not finished."""

    AWAIT = "await"
    DOWNLOAD = "download"
    PARSE = "parse"
    EMBED = "embed"


@dataclass(frozen=True, slots=True)
class Work:
    """A document version that is to be ingested. `parsed` is set once it is.

    `is_downloaded` is false while its bytes lie where somebody else has put them.
    """

    uid: DocumentUid
    id: str
    version: VersionId
    number: int
    collection: CollectionId
    chunking: str
    filename: str
    media_type: str
    title: str | None
    file_size: int
    blob_key: str | None
    is_downloaded: bool
    announced_sha256: bytes | None
    parsed: ParsedDocument | None


async def claim_work(
    connection: AsyncConnection[Row], uids: Sequence[DocumentUid], fence: int
) -> list[Work]:
    """Take up what is still to be done of these documents: their newest versions.

    Left out are documents that are finished or only announced, and those that a later attempt has.
    """
    cursor = await connection.execute(
        """
        WITH claimed AS (
            UPDATE documents SET fence = %(fence)s, attempts = attempts + 1
            WHERE uid IN (
                SELECT uid FROM documents
                WHERE uid = ANY(%(uids)s) AND status IN ('pending', 'indexing')
                  AND stage <> 'awaiting_upload' AND fence <= %(fence)s
                ORDER BY uid FOR UPDATE
            )
            RETURNING uid, id, version, collection_id
        )
        SELECT d.uid, d.id, v.id, v.number, d.collection_id, c.chunking, v.filename, v.media_type,
               coalesce(v.given_title, v.title), v.blob_key, v.text, v.pages, v.headings, v.parser,
               v.warnings, v.file_size, v.sha256 IS NOT NULL, a.sha256
        FROM claimed d
        JOIN document_versions v ON v.document_uid = d.uid AND v.number = d.version
        JOIN collections c ON c.id = d.collection_id
        LEFT JOIN announced_uploads a ON a.id = v.id
        ORDER BY d.uid
        """,
        {"fence": fence, "uids": list(uids)},
    )
    return [_work(row) for row in await cursor.fetchall()]


async def order_by_attempts(
    connection: AsyncConnection[Row], uids: Sequence[DocumentUid]
) -> list[DocumentUid]:
    """The unfinished ones of these documents, those that were tried least often first."""
    cursor = await connection.execute(
        "SELECT uid FROM documents WHERE uid = ANY(%s) AND status IN ('pending', 'indexing')"
        " AND stage <> 'awaiting_upload' ORDER BY attempts, uid",
        (list(uids),),
    )
    return [DocumentUid(row[0]) for row in await cursor.fetchall()]


async def take_back_attempt(
    connection: AsyncConnection[Row], uids: Sequence[DocumentUid], fence: int
) -> None:
    """Uncount the attempt of that number at these documents: a part was away, nothing was tried."""
    await connection.execute(
        "UPDATE documents SET attempts = greatest(attempts - 1, 0), updated_at = now()"
        " WHERE uid = ANY(%s) AND status IN ('pending', 'indexing') AND fence = %s",
        (list(uids), fence),
    )


async def set_stage(
    connection: AsyncConnection[Row],
    uids: Iterable[DocumentUid],
    stage: Stage,
    progress: float,
    fence: int,
) -> set[UUID]:
    """Say where in ingestion the documents stand and return those that the attempt still holds.

    `progress` is in [0, 1].
    """
    cursor = await connection.execute(
        "UPDATE documents SET status = 'indexing', stage = %s, progress = %s, updated_at = now()"
        " WHERE uid = ANY(%s) AND status IN ('pending', 'indexing') AND fence = %s RETURNING uid",
        (stage, progress, list(uids), fence),
    )
    return {row[0] for row in await cursor.fetchall()}


async def save_parsed(
    connection: AsyncConnection[Row], work: Work, parsed: ParsedDocument, fence: int
) -> bool:
    """Keep what the parser found, so that it is not parsed again; False when the fence is lost."""
    cursor = await connection.execute(
        "UPDATE documents SET attempts = 0 WHERE uid = %s AND version = %s AND fence = %s"
        " AND status IN ('pending', 'indexing')",
        (work.uid, work.number, fence),
    )
    if cursor.rowcount == 0:
        return False
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
            work.version,
        ),
    )
    return True


async def forget_content(connection: AsyncConnection[Row], version: VersionId) -> None:
    """Keep no file and no text of a version, as if its bytes had never come."""
    await connection.execute(
        "UPDATE document_versions SET blob_key = NULL, sha256 = NULL, text = NULL, pages = NULL,"
        " headings = NULL, title = NULL, file_size = 0 WHERE id = %s",
        (version,),
    )


async def mark_failed(
    connection: AsyncConnection[Row], work: Work, code: str, message: str, fence: int
) -> None:
    """End a version's ingestion with a reason, unless a newer version has come meanwhile.

    An older version that is searchable stays so.
    """
    await connection.execute(
        "UPDATE documents SET status = 'failed', error_code = %s, error_message = %s,"
        " updated_at = now() WHERE uid = %s AND version = %s AND fence = %s"
        " AND status IN ('pending', 'indexing')",
        (code, message, work.uid, work.number, fence),
    )


async def fail_unfinished(
    connection: AsyncConnection[Row],
    uids: Sequence[DocumentUid],
    code: str,
    message: str,
    fence: int,
) -> None:
    """End the ingestion of whichever of these documents is not finished or in later hands."""
    await connection.execute(
        "UPDATE documents SET status = 'failed', error_code = %s, error_message = %s,"
        " updated_at = now() WHERE uid = ANY(%s) AND status IN ('pending', 'indexing')"
        " AND stage <> 'awaiting_upload' AND fence <= %s",
        (code, message, list(uids), fence),
    )


async def find_steps(
    connection: AsyncConnection[Row], uids: Sequence[DocumentUid]
) -> dict[UUID, tuple[Step, int]]:
    """What is next for the newest version of each document that is there, and its text's bytes."""
    cursor = await connection.execute(
        """
        SELECT d.uid, CASE WHEN d.stage = 'awaiting_upload' THEN 'await'
                           WHEN v.sha256 IS NULL THEN 'download'
                           WHEN v.text IS NULL THEN 'parse' ELSE 'embed' END,
               coalesce(octet_length(v.text), 0)
        FROM documents d
        JOIN document_versions v ON v.document_uid = d.uid AND v.number = d.version
        WHERE d.uid = ANY(%s)
        """,
        (list(uids),),
    )
    return {uid: (Step(step), size) for uid, step, size in await cursor.fetchall()}


def _work(row: Row) -> Work:
    text, pages, headings, parser, warnings = row[10:15]
    parsed = None
    if text is not None:
        parsed = ParsedDocument(
            text=text,
            media_type=row[7],
            parser=parser or "none",
            pages=page_spans(pages),
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
        file_size=row[15],
        blob_key=row[9],
        is_downloaded=row[16],
        announced_sha256=row[17],
        parsed=parsed,
    )
