"""The story of an upload: parse, chunk, embed, swap the index, say so."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from groundwell.domain.chunks import Chunk, EncodedChunk
from groundwell.domain.documents import (
    CollectionId,
    DocumentUid,
    ParsedDocument,
    Stage,
    TenantId,
)
from groundwell.domain.errors import DocumentError, NotFoundError
from groundwell.ingestion.chunking import make_chunker
from groundwell.ingestion.encode import encode_chunks
from groundwell.ports.blob_store import BlobStore
from groundwell.ports.embedder import Embedder
from groundwell.ports.job_engine import JobEngine
from groundwell.ports.parser import Parser
from groundwell.store.chunks import IndexedDocument, swap_chunks
from groundwell.store.database import Database
from groundwell.store.documents import Work, load_work, mark_failed, save_parsed, set_stage
from groundwell.store.spaces import EmbeddingSpace

REWEIGH_JOB = "reweigh"
# Chunks embedded between two reports of progress.
_STEP = 64
_log = logging.getLogger(__name__)


class Ingestor:
    """Takes accepted documents to the index. One instance serves all tenants.

    Running it again for the same documents is harmless: finished ones are skipped, parsed ones
    are not parsed again, and the index is swapped in one transaction.
    """

    def __init__(
        self,
        database: Database,
        space: EmbeddingSpace,
        embedder: Embedder,
        parser: Parser,
        blobs: BlobStore,
        jobs: JobEngine,
    ) -> None:
        self._database = database
        self._space = space
        self._embedder = embedder
        self._parser = parser
        self._blobs = blobs
        self._jobs = jobs

    async def ingest(self, tenant: TenantId, uids: Sequence[DocumentUid]) -> None:
        """Ingest documents of one collection.

        A document that cannot be read is marked failed with its reason and does not stop the
        others. Any other error is raised, and the whole may be tried again.
        """
        async with self._database.transaction(tenant) as connection:
            works = await load_work(connection, uids)
        parsed = [
            (work, document)
            for work in works
            if (document := await self._parsed(tenant, work)) is not None
        ]
        chunked = [
            (work, document, chunks)
            for work, document in parsed
            if (chunks := await self._chunks(tenant, work, document))
        ]
        if chunked:
            encoded = await self._encode(tenant, chunked)
            await self._index(tenant, chunked[0][0].collection, encoded)

    async def _parsed(self, tenant: TenantId, work: Work) -> ParsedDocument | None:
        if work.parsed is not None:
            return work.parsed
        if work.blob_key is None:
            await self._fail(tenant, work, "no_text", "The document has no text.")
            return None
        await self._report(tenant, [work.uid], Stage.PARSE, 0.0)
        with TemporaryDirectory(prefix="groundwell-") as folder:
            path = Path(folder) / "document"
            try:
                await self._blobs.fetch(work.blob_key, path)
                parsed = await self._parser.parse(path, work.filename, work.media_type)
            except (DocumentError, NotFoundError) as error:
                await self._fail(tenant, work, error.code, error.detail)
                return None
        async with self._database.transaction(tenant) as connection:
            await save_parsed(connection, work.version, parsed)
        return parsed

    async def _chunks(
        self, tenant: TenantId, work: Work, document: ParsedDocument
    ) -> list[Chunk] | None:
        chunker = make_chunker(work.chunking, self._embedder.tokenizer)
        chunks = await asyncio.to_thread(chunker.chunk, document)
        if not chunks:
            await self._fail(tenant, work, "no_text", "There is no text in this document.")
            return None
        return chunks

    async def _encode(
        self, tenant: TenantId, chunked: Sequence[tuple[Work, ParsedDocument, list[Chunk]]]
    ) -> list[IndexedDocument]:
        """Embed the chunks of all documents together: full batches, whatever their sizes."""
        uids = [work.uid for work, _, _ in chunked]
        chunks = [chunk for _, _, chunks in chunked for chunk in chunks]
        titles = [work.title or parsed.title for work, parsed, chunks in chunked for _ in chunks]
        encoded: list[EncodedChunk] = []
        for start in range(0, len(chunks), _STEP):
            await self._report(tenant, uids, Stage.EMBED, start / len(chunks))
            end = start + _STEP
            encoded += await encode_chunks(
                self._embedder, self._space.centre, titles[start:end], chunks[start:end]
            )
        rest = iter(encoded)
        return [
            IndexedDocument(work.uid, work.version, work.number, list(islice(rest, len(own))))
            for work, _, own in chunked
        ]

    async def _index(
        self, tenant: TenantId, collection: CollectionId, documents: Sequence[IndexedDocument]
    ) -> None:
        async with self._database.transaction(tenant) as connection:
            drifted = await swap_chunks(connection, tenant, self._space, collection, documents)
            if drifted:
                await self._jobs.defer(
                    connection,
                    REWEIGH_JOB,
                    {"tenant": str(tenant), "collection": str(collection)},
                    unique=f"{REWEIGH_JOB}/{collection}",
                )

    async def _report(
        self, tenant: TenantId, uids: Sequence[DocumentUid], stage: Stage, progress: float
    ) -> None:
        async with self._database.transaction(tenant) as connection:
            await set_stage(connection, uids, stage, progress)

    async def _fail(self, tenant: TenantId, work: Work, code: str, message: str) -> None:
        _log.info("document %s cannot be ingested: %s", work.uid, code)
        async with self._database.transaction(tenant) as connection:
            await mark_failed(connection, work.uid, work.number, code, message)
