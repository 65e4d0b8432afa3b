"""Reading chunks with what a reader needs to know about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import LiteralString

from groundwell.domain.chunks import ChunkId
from groundwell.domain.documents import Metadata, PageSpan
from groundwell.domain.languages import DEFAULT_LANGUAGE
from groundwell.domain.sharing import Asking
from groundwell.store.database import Database

_PASSAGES: LiteralString = "SELECT * FROM read_passages(%s, %s::uuid[])"
_PAGES: LiteralString = "SELECT * FROM read_pages(%s, %s::uuid[])"


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk and the document that it is part of. `is_joined`: others were joined to it."""

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
    language: str
    is_joined: bool = False


async def load_passages(
    database: Database, asking: Asking, chunks: Sequence[ChunkId]
) -> dict[ChunkId, Passage]:
    """The passages of these chunks; chunks that are gone, or foreign, are left out."""
    if not chunks:
        return {}
    rows = await database.fetch(_PASSAGES, asking, list(chunks))
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
            language=row[11] or DEFAULT_LANGUAGE,
        )
        for row in rows
    }


async def load_pages(
    database: Database, asking: Asking, chunks: Sequence[ChunkId]
) -> dict[ChunkId, tuple[PageSpan, ...]]:
    """The pages of the chunks' document versions, where the format has pages."""
    if not chunks:
        return {}
    rows = await database.fetch(_PAGES, asking, list(chunks))
    return {ChunkId(chunk): tuple(PageSpan(*span) for span in pages) for chunk, pages in rows}
