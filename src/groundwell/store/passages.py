"""Reading chunks with what a reader needs to know about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import LiteralString

from groundwell.domain.chunks import ChunkId
from groundwell.domain.documents import Metadata, PageSpan, TenantId
from groundwell.store.database import Database

_SELECT: LiteralString = """
    SELECT c.id, d.id, v.number, v.filename, d.title, c.text, c.page, c.char_start, c.char_end,
           c.heading_path, d.metadata
    FROM chunks c
    JOIN documents d ON d.uid = c.document_uid
    JOIN document_versions v ON v.id = c.version_id
    WHERE c.id = ANY(%s)
"""


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk and the document that it is part of."""

    document_id: str
    version: int
    filename: str
    title: str | None
    text: str
    page: int | None
    char_start: int
    char_end: int
    heading_path: tuple[str, ...]
    metadata: Metadata


async def load_passages(
    database: Database, tenant: TenantId, chunks: Sequence[ChunkId]
) -> dict[ChunkId, Passage]:
    """The passages of these chunks; chunks that are gone, or foreign, are left out."""
    if not chunks:
        return {}
    (rows,) = await database.fetch(tenant, (_SELECT, (list(chunks),)))
    return {
        ChunkId(row[0]): Passage(
            document_id=row[1],
            version=row[2],
            filename=row[3],
            title=row[4],
            text=row[5],
            page=row[6],
            char_start=row[7],
            char_end=row[8],
            heading_path=tuple(row[9]),
            metadata=row[10],
        )
        for row in rows
    }


_PAGES: LiteralString = """
    SELECT c.id, v.pages FROM chunks c JOIN document_versions v ON v.id = c.version_id
    WHERE c.id = ANY(%s) AND c.page IS NOT NULL
"""


async def load_pages(
    database: Database, tenant: TenantId, chunks: Sequence[ChunkId]
) -> dict[ChunkId, tuple[PageSpan, ...]]:
    """The pages of the chunks' document versions, where the format has pages."""
    if not chunks:
        return {}
    (rows,) = await database.fetch(tenant, (_PAGES, (list(chunks),)))
    return {ChunkId(chunk): tuple(PageSpan(*span) for span in pages) for chunk, pages in rows}
