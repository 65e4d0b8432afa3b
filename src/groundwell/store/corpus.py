"""What a user can be asked about: the state of all collections, and chunks from all over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import LiteralString

from groundwell.domain.chunks import ChunkId
from groundwell.domain.documents import CollectionId
from groundwell.domain.filters import Filter
from groundwell.domain.languages import DEFAULT_LANGUAGE
from groundwell.domain.sharing import Asking
from groundwell.store.collection_versions import CollectionVersion
from groundwell.store.database import Database, Row
from groundwell.store.jsonpath import to_jsonpath

_CORPUS: LiteralString = "SELECT * FROM read_corpus_versions(%s)"
_SPREAD: LiteralString = "SELECT * FROM spread_chunks(%s, %s::uuid[], %s::jsonpath, %s, %s::float8)"
_SPREAD_IDS: LiteralString = (
    "SELECT chunk_id FROM spread_chunks(%s, %s::uuid[], NULL::jsonpath, %s, 0)"
)
_AROUND: LiteralString = "SELECT * FROM read_chunks_around(%s, %s::uuid[], %s)"

AROUND = 400
"""Characters that are read on each side of a chunk; most sentences are shorter by far."""


@dataclass(frozen=True, slots=True)
class CorpusPart:
    """A collection as the caller sees it. `chunks`: how many of them he may read."""

    name: str
    version: CollectionVersion
    chunks: int


@dataclass(frozen=True, slots=True)
class CorpusChunk:
    """A chunk and the document that it is part of; `text` is the document's from `char_start`.

    `before` and `after` are the document's text on both sides of it, from the two chunks there, at
    most `AROUND` characters. `after` ends with the white space before a further chunk.
    """

    id: ChunkId
    document_id: str
    version: int
    filename: str
    title: str | None
    text: str
    page: int | None
    char_start: int
    heading_path: tuple[str, ...]
    language: str
    before: str
    after: str


async def load_corpus(database: Database, asking: Asking) -> list[CorpusPart]:
    """All collections of the tenant in the order of their names, in one statement."""
    rows = await database.fetch(_CORPUS, asking)
    return [
        CorpusPart(name, CollectionVersion(CollectionId(identity), number, tuple(access)), chunks)
        for name, identity, number, access, chunks in rows
    ]


async def spread_chunks(
    database: Database,
    asking: Asking,
    collections: Sequence[CollectionId],
    condition: Filter | None,
    most: int,
    start: float,
) -> list[CorpusChunk]:
    """About `most` chunks of all documents, half of them by size, half to all documents alike.

    All of them where there are no more than `most`. `start`, in [0, 1), moves the places. In the
    order of the documents' ids, then of their texts. The cost grows with the documents and with
    `most`, not with the chunks that there are.
    """
    predicate = None if condition is None else to_jsonpath(condition)
    rows = await database.fetch(_SPREAD, asking, list(collections), predicate, most, start)
    return [_chunk(row) for row in rows]


async def list_spread(
    database: Database, asking: Asking, collections: Sequence[CollectionId], most: int
) -> list[ChunkId]:
    """The ids of the chunks that `spread_chunks` gives without a condition, in its order."""
    rows = await database.fetch(_SPREAD_IDS, asking, list(collections), most)
    return [ChunkId(row[0]) for row in rows]


async def load_around(
    database: Database, asking: Asking, chunks: Sequence[ChunkId], reach: int
) -> list[CorpusChunk]:
    """These chunks and `reach` on each side of them, each once, in the order of the documents.

    Chunks that are gone, or foreign, are left out.
    """
    if not chunks:
        return []
    rows = await database.fetch(_AROUND, asking, list(chunks), reach)
    return [_chunk(row) for row in rows]


def _chunk(row: Row) -> CorpusChunk:
    return CorpusChunk(
        id=ChunkId(row[0]),
        document_id=row[1],
        version=row[2],
        filename=row[3],
        title=row[4],
        text=row[5],
        page=row[6],
        char_start=row[7],
        heading_path=tuple(row[8]),
        language=row[9] or DEFAULT_LANGUAGE,
        before=row[10][-AROUND:],
        after=row[11][:AROUND],
    )
