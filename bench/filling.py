"""Filling a data folder through the product's own ingestion, with vectors from elsewhere.

Everything but the model is the product's: the documents are accepted, chunked, analysed, counted
and swapped in by the code that a worker runs, in the same tables and transactions.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from groundwell.adapters.blob_store.obstore import ObstoreBlobStore
from groundwell.adapters.job_engine.procrastinate.engine import ProcrastinateJobEngine
from groundwell.adapters.parser.detect import detect_file
from groundwell.adapters.parser.kreuzberg.parser import KreuzbergParser, ParserLimits
from groundwell.bootstrap import make_embedder, open_database_url, open_services
from groundwell.domain.chunks import Encoding, Floats, Tokenizer
from groundwell.domain.documents import Metadata, TenantId
from groundwell.first_start import ensure_owner
from groundwell.ingestion.deadlines import UploadDeadlines
from groundwell.ingestion.download import Downloader
from groundwell.ingestion.ingest import Ingestor
from groundwell.ingestion.jobs import IngestionJobs
from groundwell.ports.embedder import Embedder
from groundwell.settings import Settings
from groundwell.store.collections import ensure_collection
from groundwell.store.database import Database, app_options, owner_options
from groundwell.store.disk import DiskRoom
from groundwell.store.intake import NewDocument, accept_documents
from groundwell.store.spaces import EmbeddingSpace, open_space

_BATCH = 200
_LIMITS = ParserLimits(memory_bytes=1 << 30, cpu_seconds=60, wall_seconds=60, ocr_seconds=60)
_DRIFT = 0.03
# Jobs have smaller numbers, and what a run before left unfinished stays so.
_FENCES = count(1 << 40)
_PIECE = re.compile(r"[^\W_]{1,7}|[^\w\s]|_")


@dataclass(frozen=True, slots=True)
class Folder:
    """An open data folder, without a server."""

    url: str
    tenant: TenantId
    database: Database
    space: EmbeddingSpace
    embedder: Embedder
    jobs: ProcrastinateJobEngine
    blobs: ObstoreBlobStore

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection of the database's owner, who sees all tenants when the role allows it."""
        return psycopg.connect(self.url, options=owner_options(), autocommit=True)


class PieceTokenizer:
    """Words in pieces of up to seven letters: as many tokens for a word as English text has."""

    def spans(self, text: str) -> list[tuple[int, int]]:
        """The pieces' places."""
        return [match.span() for match in _PIECE.finditer(text)]

    def spans_of(self, texts: list[str]) -> list[list[tuple[int, int]]]:
        """`spans` of many texts."""
        return [self.spans(text) for text in texts]


class StandInEmbedder:
    """Gives passages the vectors that `vector_of` says, and token vectors by their letters."""

    has_token_vectors = True
    max_tokens = 256

    def __init__(
        self, like: Embedder, tokenizer: Tokenizer, vector_of: Callable[[str], Floats]
    ) -> None:
        self.model, self.dimension, self.tokenizer = like.model, like.dimension, tokenizer
        self._vector_of = vector_of
        chance = np.random.default_rng(1)
        self._tokens = chance.standard_normal((8192, self.dimension), dtype=np.float32)

    async def embed_query(self, text: str) -> Encoding:
        """As a passage."""
        return (await self.embed_documents([text]))[0]

    async def embed_documents(self, texts: Sequence[str]) -> list[Encoding]:
        """One encoding for each text."""
        return [self._encode(text) for text in texts]

    async def document_spans(self, texts: Sequence[str]) -> list[tuple[tuple[int, int], ...]]:
        """Where the tokens stand."""
        return [self._spans(text) for text in texts]

    async def close(self) -> None:
        """Nothing to release."""

    def _spans(self, text: str) -> tuple[tuple[int, int], ...]:
        return tuple(self.tokenizer.spans(text)[: self.max_tokens - 2])

    def _encode(self, text: str) -> Encoding:
        spans = self._spans(text)
        rows = [hash(text[start:end]) % len(self._tokens) for start, end in spans]
        return Encoding(self._vector_of(text), self._tokens[rows], spans)


@asynccontextmanager
async def open_folder(data_dir: Path) -> AsyncIterator[Folder]:
    """Make the folder as the first start does, if it is not there, and open it."""
    settings = Settings(data_dir=data_dir, load_samples=False)
    async with open_services(settings) as services:
        owner = await ensure_owner(services, data_dir)
    async with AsyncExitStack() as stack:
        url = await open_database_url(settings, stack)
        embedder = make_embedder(settings, for_worker=True)
        stack.push_async_callback(embedder.close)
        space = open_space(
            url,
            embedder.model,
            embedder.dimension,
            lambda: np.zeros(embedder.dimension, np.float32),
        )
        database = Database(url, min_size=2, max_size=4)
        await database.open()
        stack.push_async_callback(database.close)
        jobs = ProcrastinateJobEngine(url, app_options(), concurrency=1, lease_seconds=15)
        blobs = ObstoreBlobStore.in_folder(data_dir / "blobs")
        yield Folder(url, owner.principal.tenant, database, space, embedder, jobs, blobs)


async def fill(
    folder: Folder,
    collection: str,
    documents: Iterable[NewDocument],
    embedder: Embedder,
    least_chunks: int | None = None,
) -> int:
    """Ingest documents until there are so many chunks, or all, and return how many there are."""
    ingestor = Ingestor(
        folder.database,
        folder.space,
        embedder,
        KreuzbergParser(_LIMITS, tesseract=None),
        folder.blobs,
        folder.jobs,
    )
    # Registers the job that brings term weights to a new average length.
    IngestionJobs(
        folder.database,
        folder.jobs,
        ingestor,
        Downloader(folder.database, folder.blobs, detect_file),
        UploadDeadlines(folder.database, folder.jobs, folder.blobs),
        DiskRoom(()),
    )
    working = asyncio.ensure_future(folder.jobs.run())
    try:
        remaining = iter(documents)
        chunks = 0
        while batch := list(islice(remaining, _BATCH)):
            await _take_in(folder, collection, ingestor, batch)
            chunks, _ = await _statistics(folder, collection)
            if least_chunks is not None and chunks >= least_chunks:
                break
        await _settle(folder, collection)
    finally:
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working
    with folder.connect() as connection:
        # What autovacuum does within a minute or two.
        connection.execute("VACUUM ANALYZE")
    return chunks


def new_document(
    identity: str, title: str | None, text: str, metadata: Metadata | None = None
) -> NewDocument:
    """A text as the batch endpoint hands it in."""
    return NewDocument(
        filename=f"{identity}.txt",
        media_type="text/plain",
        file_size=len(text.encode()),
        sha256=hashlib.sha256(f"{identity}\n{text}".encode()).digest(),
        id=identity,
        title=title,
        text=text,
        metadata=metadata,
    )


async def _take_in(
    folder: Folder, collection: str, ingestor: Ingestor, batch: Sequence[NewDocument]
) -> None:
    async with folder.database.transaction(folder.tenant) as connection:
        target = await ensure_collection(connection, folder.tenant, collection, "passage")
        accepted = await accept_documents(connection, folder.tenant, target.id, batch)
    wanted = [item.uid for item in accepted if item.has_work]
    await ingestor.index(folder.tenant, wanted, next(_FENCES))


async def _statistics(folder: Folder, collection: str) -> tuple[int, float]:
    """The number of chunks, and by what share their average length is off."""
    async with folder.database.transaction(folder.tenant) as connection:
        cursor = await connection.execute(
            "SELECT chunk_count, abs(term_count / greatest(chunk_count, 1)::real - average_length)"
            " / greatest(average_length, 1) FROM collections WHERE name = %s",
            (collection,),
        )
        row = await cursor.fetchone()
    return (0, 0.0) if row is None else (row[0], row[1])


async def _settle(folder: Folder, collection: str) -> None:
    """Wait for the job that reweighs terms, which runs beside this."""
    is_settled = False
    while not is_settled:
        await asyncio.sleep(0.2)
        is_settled = await _is_settled(folder, collection)


async def _is_settled(folder: Folder, collection: str) -> bool:
    """Whether all term weights are made with the collection's average length."""
    async with folder.database.transaction(folder.tenant) as connection:
        cursor = await connection.execute(
            "SELECT EXISTS (SELECT FROM chunk_terms t JOIN collections c ON c.id = t.collection_id"
            " WHERE c.name = %s AND t.average_length <> c.average_length)",
            (collection,),
        )
        row = await cursor.fetchone()
    _, drift = await _statistics(folder, collection)
    return row is not None and not row[0] and drift <= _DRIFT
