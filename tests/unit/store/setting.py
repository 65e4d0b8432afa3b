"""A tenant's collection in a real database, and what tests put into it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from uuid import uuid4

import numpy as np
from tests.fakes.embedder import FakeEmbedder

from groundwell.domain.analysis import analyse
from groundwell.domain.chunks import Chunk, EncodedChunk, TermCounts, with_gaps
from groundwell.domain.documents import CollectionId, Metadata, TenantId, VersionId
from groundwell.domain.late_interaction import centre_and_pack
from groundwell.domain.search import AnalysedQuery, IndexScope
from groundwell.store.chunk_writer import IndexedDocument
from groundwell.store.chunks import swap_chunks
from groundwell.store.collections import ensure_collection
from groundwell.store.database import Database
from groundwell.store.identity import insert_owner
from groundwell.store.ingestion import Work, claim_work
from groundwell.store.intake import Accepted, NewDocument, accept_documents
from groundwell.store.spaces import EmbeddingSpace, open_space

DIMENSION = 64
# Attempts have growing numbers, with room for those that handing in again takes.
_fences = count(1 << 20, 1 << 10)
_fence_of: dict[VersionId, int] = {}
CENTRE = np.zeros(DIMENSION, dtype=np.float32)
encode = FakeEmbedder(DIMENSION)._encode


@dataclass(frozen=True, slots=True)
class Shelf:
    """A collection of one tenant."""

    database: Database
    url: str
    space: EmbeddingSpace
    tenant: TenantId
    collection: CollectionId
    name: str

    @property
    def scope(self) -> IndexScope:
        return IndexScope(self.tenant, self.name)


async def make_shelf(
    database: Database, url: str, tenant: TenantId | None = None, name: str = "default"
) -> Shelf:
    """A collection, of a new tenant unless one is given."""
    space = await asyncio.to_thread(open_space, url, "stand-in", DIMENSION, lambda: CENTRE)
    owner = tenant or TenantId(uuid4())
    async with database.transaction(owner) as connection:
        if tenant is None:
            await insert_owner(connection, owner, "test")
        collection = await ensure_collection(connection, owner, name, "passage")
    return Shelf(database, url, space, owner, collection.id, name)


def new_document(given: str, /, **fields: object) -> NewDocument:
    """A document that is handed in as text."""
    content = given.encode()
    document = {
        "filename": "note.txt",
        "media_type": "text/plain",
        "file_size": len(content),
        "sha256": sha256(content).digest(),
        "text": given,
    }
    return NewDocument(**{**document, **fields})  # type: ignore[arg-type] - a test's shorthand


async def accept(shelf: Shelf, *documents: NewDocument) -> list[Accepted]:
    """Hand documents in."""
    async with shelf.database.transaction(shelf.tenant) as connection:
        return await accept_documents(connection, shelf.tenant, shelf.collection, documents)


def encoded(text: str) -> list[EncodedChunk]:
    """The text's paragraphs as chunks."""
    pieces = [
        Chunk(ordinal, match.group(), *match.span())
        for ordinal, match in enumerate(re.finditer(r"[^\n]+", text))
    ]
    chunks: list[EncodedChunk] = []
    for chunk in with_gaps(text, pieces):
        encoding = encode(chunk.text)
        terms = analyse(chunk.text)
        chunks.append(
            EncodedChunk(
                chunk,
                encoding.vector,
                centre_and_pack(encoding.token_vectors, CENTRE),
                TermCounts.of(terms),
                len(terms),
            )
        )
    return chunks


async def works(shelf: Shelf, accepted: Sequence[Accepted]) -> list[Work]:
    """What is to be done of documents, as the worker sees it."""
    fence = next(_fences)
    async with shelf.database.transaction(shelf.tenant) as connection:
        found = await claim_work(connection, [document.uid for document in accepted], fence)
    _fence_of.update({work.version: fence for work in found})
    return found


def fence_of(work: Work) -> int:
    """The number of the attempt that took this version up last."""
    return _fence_of[work.version]


def indexed(work: Work) -> IndexedDocument:
    """A document ready to be swapped in."""
    assert work.parsed is not None
    return IndexedDocument(
        work.uid, work.version, work.number, encoded(work.parsed.text), fence=fence_of(work)
    )


async def swap(shelf: Shelf, documents: Sequence[IndexedDocument]) -> bool:
    """Swap documents in, in one transaction."""
    async with shelf.database.transaction(shelf.tenant) as connection:
        return await swap_chunks(connection, shelf.tenant, shelf.space, shelf.collection, documents)


async def put(
    shelf: Shelf, texts: Mapping[str, str], metadata: Mapping[str, Metadata] | None = None
) -> list[Accepted]:
    """Hand texts in, by id, and make them searchable."""
    attributes = metadata or {}
    documents = [
        new_document(text, id=key, metadata=attributes.get(key)) for key, text in texts.items()
    ]
    accepted = await accept(shelf, *documents)
    await swap(shelf, [indexed(work) for work in await works(shelf, accepted)])
    return accepted


def asked(text: str) -> AnalysedQuery:
    """A query for both legs."""
    return AnalysedQuery(text, tuple(analyse(text)), encode(text))
