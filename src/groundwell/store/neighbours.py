"""Reading chunks together with those around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import LiteralString

from groundwell.domain.chunks import ChunkId
from groundwell.domain.languages import DEFAULT_LANGUAGE
from groundwell.domain.sharing import Asking
from groundwell.store.database import Database, Row
from groundwell.store.passages import Passage

_WINDOWS: LiteralString = "SELECT * FROM read_windows(%s, %s::uuid[], %s)"


@dataclass(frozen=True, slots=True)
class Window:
    """A chunk with its neighbours, as one stretch of the document's text.

    `passage` is the chunk's, but its text, place and page are the whole stretch's. `version`
    identifies the document's version. `gap` is the text between the stretch and the next chunk,
    empty where there is none or where chunks overlap.
    """

    passage: Passage
    version: str
    gap: str


async def load_windows(
    database: Database, asking: Asking, chunks: Sequence[ChunkId], reach: int
) -> dict[ChunkId, Window]:
    """The windows of these chunks, `reach` chunks to each side.

    Chunks that are gone, or foreign, are left out.
    """
    if not chunks:
        return {}
    rows = await database.fetch(_WINDOWS, asking, list(chunks), reach)
    return {ChunkId(row[0]): _window(row) for row in rows}


def _window(row: Row) -> Window:
    starts, texts, gaps = row[10:13]
    text = ""
    for start, own, gap in zip(starts, texts, gaps, strict=True):
        # Where chunks overlap, the first part of this one is known.
        known = starts[0] + len(text) - start
        assert known >= 0, "a gap reaches to the next chunk"
        text += (own + gap)[known:]
    ends = [start + len(own) for start, own in zip(starts, texts, strict=True)]
    length = max(ends) - starts[0]
    passage = Passage(
        document_id=row[1],
        version=row[2],
        filename=row[3],
        title=row[4],
        text=text[:length],
        page=row[9],
        char_start=starts[0],
        char_end=starts[0] + length,
        heading_path=tuple(row[5]),
        metadata=row[6],
        language=row[7] or DEFAULT_LANGUAGE,
        is_joined=len(starts) > 1,
    )
    return Window(passage, version=row[8], gap=text[length:])
