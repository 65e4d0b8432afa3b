"""The story of an upload: scan, parse, chunk, embed, swap the index, say so."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from uuid import UUID

from groundwell.domain.audit import AuditAction, AuditEvent
from groundwell.domain.chunks import Chunk, with_gaps
from groundwell.domain.documents import (
    CollectionId,
    DocumentUid,
    ParsedDocument,
    Stage,
    TenantId,
)
from groundwell.domain.errors import DocumentError, NotFoundError
from groundwell.ingestion.chunking import make_chunker
from groundwell.ingestion.detect_language import detect_language
from groundwell.ingestion.embed import EmbeddingRun
from groundwell.ingestion.encode import PlacedChunk
from groundwell.ingestion.inspect import Inspector
from groundwell.ingestion.webhooks import announce
from groundwell.ports.blob_store import BlobStore
from groundwell.ports.embedder import Embedder
from groundwell.ports.job_engine import JobEngine
from groundwell.ports.malware_scanner import MalwareScanner
from groundwell.ports.parser import Parser
from groundwell.store.audit import record
from groundwell.store.blobs import clear_blobs
from groundwell.store.chunk_writer import IndexedDocument
from groundwell.store.chunks import swap_chunks
from groundwell.store.database import Database
from groundwell.store.ingestion import (
    Work,
    claim_work,
    forget_content,
    mark_failed,
    save_parsed,
    set_stage,
)
from groundwell.store.scratch import scratch_folder
from groundwell.store.spaces import EmbeddingSpace
from groundwell.store.usage import fold_usage

REWEIGH_JOB = "reweigh"
# A turn of embedding: whoever else has documents waits no longer than that. Where the preparations
# take long, it is this many times as long, or they would be most of the work.
_TURN_SECONDS = 2.0
_TURN_OF_PREPARATIONS = 2
_log = logging.getLogger(__name__)


class Ingestor:
    """Takes accepted documents to the index. One instance serves all tenants.

    Running it again for the same documents is harmless: finished ones are skipped, parsed ones
    are not parsed again, and the index is swapped in one transaction. `fence` is the number of
    the attempt: it must be larger than those of all attempts before. `end_of_turn` says when the
    embedding of what was begun at a moment has to make room for others. With a `scanner`, nothing
    is read or indexed here that the scanner has not found harmless. Files lie in `scratch` while
    they are read.
    """

    def __init__(
        self,
        database: Database,
        space: EmbeddingSpace,
        embedder: Embedder,
        parser: Parser,
        blobs: BlobStore,
        jobs: JobEngine,
        end_of_turn: Callable[[float], float] | None = None,
        scanner: MalwareScanner | None = None,
        scratch: Path | None = None,
    ) -> None:
        self._database = database
        self._space = space
        self._embedder = embedder
        self._parser = parser
        self._blobs = blobs
        self._jobs = jobs
        self._end_of_turn = end_of_turn or _end_of_turn
        self._inspector = Inspector(scanner, blobs)
        self._scratch = scratch

    async def parse(
        self, tenant: TenantId, uids: Sequence[DocumentUid], fence: int
    ) -> list[DocumentUid]:
        """Parse files and keep their texts. Returns the documents that have one now.

        A document that cannot be read is marked failed with its reason and does not stop the
        others. Any other error is raised, and the whole may be tried again.
        """
        async with self._database.transaction(tenant) as connection:
            works = await claim_work(connection, uids, fence)
        return [work.uid for work in works if await self._parse(tenant, work, fence)]

    async def index(
        self, tenant: TenantId, uids: Sequence[DocumentUid], fence: int
    ) -> list[DocumentUid]:
        """Chunk, embed and index documents of one collection that have a text, for some seconds.

        Returns those that are not done; their work so far is stored. Documents that were deleted,
        cancelled or taken up by a later attempt are dropped on the way, and nothing is written for
        them.
        """
        begun = time.monotonic()
        async with self._database.transaction(tenant) as connection:
            works = await claim_work(connection, uids, fence)
        chunked = [
            (work, work.parsed, chunks)
            for work in works
            if work.parsed is not None
            and await self._is_harmless(tenant, work, fence)
            and (chunks := await self._chunks(tenant, work, work.parsed, fence))
        ]
        if not chunked:
            return []
        done, unfinished = await self._encode(tenant, chunked, fence, begun)
        if done:
            await self._index(tenant, chunked[0][0].collection, done)
        return unfinished

    async def _parse(self, tenant: TenantId, work: Work, fence: int) -> bool:
        if work.parsed is not None:
            return True
        if work.blob_key is None:
            await self._fail(tenant, work, "no_text", "The document has no text.", fence)
            return False
        if not await self._is_harmless(tenant, work, fence):
            return False
        if not await self._report(tenant, [work.uid], Stage.PARSE, 0.0, fence):
            return False
        with scratch_folder(self._scratch) as folder:
            path = folder / "document"
            try:
                await self._blobs.fetch(work.blob_key, path, work.file_size)
                parsed = await self._parser.parse(path, work.filename, work.media_type)
            except (DocumentError, NotFoundError) as error:
                await self._fail(tenant, work, error.code, error.detail, fence)
                return False
        async with self._database.transaction(tenant) as connection:
            return await save_parsed(connection, work, parsed, fence)

    async def _is_harmless(self, tenant: TenantId, work: Work, fence: int) -> bool:
        """Whether a document may be read. One that never may be has failed; others wait."""
        try:
            found = await self._inspector.inspect(work)
        except (DocumentError, NotFoundError) as error:
            await self._fail(tenant, work, error.code, error.detail, fence)
            return False
        if found is not None:
            await self._remove(tenant, work, found, fence)
        return found is None

    async def _remove(self, tenant: TenantId, work: Work, found: str, fence: int) -> None:
        """Fail a document for the malware in it, and keep nothing that could be given out."""
        _log.warning("document %s holds malware and is removed: %s", work.uid, found)
        message = f"The malware scanner found {found} in it. The content was removed."
        async with self._database.transaction(tenant) as connection:
            if await set_stage(connection, [work.uid], Stage.PARSE, 0.0, fence):
                await forget_content(connection, work.version)
                await mark_failed(connection, work, "malware", message, fence)
                event = AuditEvent(AuditAction.MALWARE_FOUND, None, work.id, found)
                await record(connection, tenant, event)
                await announce(connection, self._jobs, tenant, [work.uid])
        if work.blob_key is not None:
            await clear_blobs(self._database, self._blobs, [work.blob_key])

    async def _chunks(
        self, tenant: TenantId, work: Work, document: ParsedDocument, fence: int
    ) -> list[Chunk] | None:
        chunker = make_chunker(work.chunking, self._embedder.tokenizer)
        chunks = await asyncio.to_thread(lambda: with_gaps(document.text, chunker.chunk(document)))
        if not chunks:
            await self._fail(tenant, work, "no_text", "There is no text in this document.", fence)
            return None
        return chunks

    async def _encode(
        self,
        tenant: TenantId,
        chunked: Sequence[tuple[Work, ParsedDocument, list[Chunk]]],
        fence: int,
        begun: float,
    ) -> tuple[list[IndexedDocument], list[DocumentUid]]:
        """Embed the chunks of all documents together: full batches, whatever their sizes."""
        languages, placed = await asyncio.to_thread(_placed, chunked)
        run = EmbeddingRun(self._database, self._space, self._embedder, tenant, fence)
        versions = {work.uid: work.version for work, _, _ in chunked}
        embedded = await run.encode(versions, placed, self._end_of_turn(begun))
        done = [
            IndexedDocument(
                work.uid, work.version, work.number, embedded.chunks[work.version], language, fence
            )
            for (work, _, _), language in zip(chunked, languages, strict=True)
            if work.version in embedded.chunks
        ]
        return done, [uid for uid, version in versions.items() if version in embedded.unfinished]

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
            uids = [document.uid for document in documents]
            await announce(connection, self._jobs, tenant, uids)
            await fold_usage(connection)

    async def _report(
        self,
        tenant: TenantId,
        uids: Iterable[DocumentUid],
        stage: Stage,
        progress: float,
        fence: int,
    ) -> set[UUID]:
        """Say where the documents stand; returns those that are still to be worked on."""
        async with self._database.transaction(tenant) as connection:
            return await set_stage(connection, uids, stage, progress, fence)

    async def _fail(
        self, tenant: TenantId, work: Work, code: str, message: str, fence: int
    ) -> None:
        _log.info("document %s cannot be ingested: %s", work.uid, code)
        async with self._database.transaction(tenant) as connection:
            await mark_failed(connection, work, code, message, fence)
            await announce(connection, self._jobs, tenant, [work.uid])


def _placed(
    chunked: Sequence[tuple[Work, ParsedDocument, list[Chunk]]],
) -> tuple[list[str], list[PlacedChunk]]:
    """The language of each document, and the chunks of all."""
    languages = [detect_language(parsed.text) for _, parsed, _ in chunked]
    placed = [
        PlacedChunk(chunk, work.version, work.title or parsed.title, language)
        for (work, parsed, chunks), language in zip(chunked, languages, strict=True)
        for chunk in chunks
    ]
    return languages, placed


def _end_of_turn(begun: float) -> float:
    now = time.monotonic()
    return now + max(_TURN_SECONDS, _TURN_OF_PREPARATIONS * (now - begun))
