"""The jobs of ingestion, as any job engine can run them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from uuid import UUID

from psycopg import AsyncConnection

from groundwell.domain.documents import CollectionId, DocumentUid, Priority, TenantId, Waiting
from groundwell.domain.errors import GroundwellError, UnavailableError
from groundwell.domain.queues import Queue
from groundwell.ingestion.deadlines import UploadDeadlines
from groundwell.ingestion.download import Downloader
from groundwell.ingestion.ingest import REWEIGH_JOB, Ingestor
from groundwell.ingestion.waiting import explain_wait
from groundwell.ingestion.webhooks import announce
from groundwell.ports.job_engine import (
    LEAST_URGENT,
    Attempt,
    JobArguments,
    JobEngine,
    JobKind,
    Turn,
)
from groundwell.store.database import Database, Row
from groundwell.store.disk import DiskRoom
from groundwell.store.ingestion import (
    Step,
    fail_unfinished,
    find_steps,
    order_by_attempts,
    take_back_attempt,
)
from groundwell.store.reweigh import adopt_average_length, reweigh_step

DOWNLOAD_JOB = "download"
PARSE_JOB = "parse"
EMBED_JOB = "embed"
# What is embedded together fills the model's batches, and takes seconds, not minutes.
_DOCUMENTS_PER_JOB = 32
_BYTES_PER_JOB = 200_000
_LOOK_FOR_ROOM_SECONDS = 1.0
_JOB_OF_STEP = {Step.DOWNLOAD: DOWNLOAD_JOB, Step.PARSE: PARSE_JOB, Step.EMBED: EMBED_JOB}
_RANKS = {Priority.HIGH: 0, Priority.NORMAL: 1, Priority.LOW: LEAST_URGENT}
_log = logging.getLogger(__name__)


class IngestionJobs:
    """Makes the jobs known to the engine and queues them.

    Downloading, parsing and embedding are jobs of their own: each has its three attempts, and a
    failure of the one does not repeat the other. While the disk is full, jobs wait and lose no
    attempt. Documents that are announced only wait for their bytes.
    """

    def __init__(
        self,
        database: Database,
        engine: JobEngine,
        ingestor: Ingestor,
        downloader: Downloader,
        deadlines: UploadDeadlines,
        room: DiskRoom,
    ) -> None:
        self._room = room
        self._database = database
        self._engine = engine
        self._ingestor = ingestor
        self._downloader = downloader
        self._deadlines = deadlines
        engine.register(JobKind(DOWNLOAD_JOB, Queue.INGESTION, self._download, self._give_up))
        engine.register(JobKind(PARSE_JOB, Queue.INGESTION, self._parse, self._give_up))
        engine.register(JobKind(EMBED_JOB, Queue.EMBEDDING, self._embed, self._give_up))
        engine.register(JobKind(REWEIGH_JOB, Queue.MAINTENANCE, self._reweigh, _forget))

    async def defer(
        self,
        connection: AsyncConnection[Row],
        tenant: TenantId,
        uids: Sequence[DocumentUid],
        priority: Priority = Priority.NORMAL,
    ) -> None:
        """Queue documents of one collection in the caller's transaction.

        Each goes to its next step: files are downloaded and parsed each in a job of its own, since
        one can take a minute, and texts are embedded a few to a job. Tenants take turns.
        """
        steps = await find_steps(connection, uids) if uids else {}
        for step, documents in _portions(uids, steps):
            if step is Step.AWAIT:
                await self._deadlines.defer(connection, tenant, documents[0])
                continue
            name = _JOB_OF_STEP[step]
            arguments = {
                "tenant": str(tenant),
                "documents": " ".join(map(str, documents)),
                "priority": priority.value,
            }
            turn = Turn(str(tenant), _RANKS[priority])
            # A job that waits for a file will find the newest version.
            unique = None if name == EMBED_JOB else f"{name}/{documents[0]}"
            await self._engine.defer(connection, name, arguments, unique=unique, turn=turn)

    async def find_wait(self, connection: AsyncConnection[Row], uid: DocumentUid) -> Waiting | None:
        """What an unfinished document waits for; None while a worker has it in hand.

        `connection` must be one that may see the document.
        """
        standing = await self._engine.read_standing(connection, "documents", str(uid), "tenant")
        return explain_wait(standing, has_room=await self._room.is_enough())

    async def _download(self, arguments: JobArguments, attempt: Attempt) -> None:
        tenant, _ = _documents(arguments)
        priority = Priority(str(arguments["priority"]))

        async def download(uids: Sequence[DocumentUid]) -> None:
            downloaded = await self._downloader.download(tenant, uids, attempt.fence)
            async with self._database.transaction(tenant) as connection:
                await self.defer(connection, tenant, downloaded, priority)

        await self._work(arguments, attempt, download)

    async def _parse(self, arguments: JobArguments, attempt: Attempt) -> None:
        tenant, _ = _documents(arguments)
        priority = Priority(str(arguments["priority"]))

        async def parse(uids: Sequence[DocumentUid]) -> None:
            parsed = await self._ingestor.parse(tenant, uids, attempt.fence)
            async with self._database.transaction(tenant) as connection:
                await self.defer(connection, tenant, parsed, priority)

        await self._work(arguments, attempt, parse)

    async def _embed(self, arguments: JobArguments, attempt: Attempt) -> None:
        tenant, _ = _documents(arguments)
        priority = Priority(str(arguments["priority"]))

        async def embed(uids: Sequence[DocumentUid]) -> None:
            unfinished = await self._ingestor.index(tenant, uids, attempt.fence)
            if unfinished:
                async with self._database.transaction(tenant) as connection:
                    await take_back_attempt(connection, unfinished, attempt.fence)
                    await self.defer(connection, tenant, unfinished, priority)

        await self._work(arguments, attempt, embed)

    async def _work(
        self,
        arguments: JobArguments,
        attempt: Attempt,
        step: Callable[[Sequence[DocumentUid]], Awaitable[None]],
    ) -> None:
        """Do a step for all documents together, or, after a failure, for one after the other.

        A document that fails, or kills the worker, so takes no others with it: those that were
        tried least often go first. Finding a part away counts as no try.
        """
        await self._wait_for_room()
        tenant, uids = _documents(arguments)
        try:
            await self._try(tenant, uids, attempt, step)
        except UnavailableError:
            async with self._database.transaction(tenant) as connection:
                await take_back_attempt(connection, uids, attempt.fence)
            raise

    async def _try(
        self,
        tenant: TenantId,
        uids: Sequence[DocumentUid],
        attempt: Attempt,
        step: Callable[[Sequence[DocumentUid]], Awaitable[None]],
    ) -> None:
        if attempt.number == 0:
            await step(uids)
            return
        async with self._database.transaction(tenant) as connection:
            ordered = await order_by_attempts(connection, uids)
        failure: GroundwellError | None = None
        for uid in ordered:
            try:
                await step([uid])
            except UnavailableError:
                # What is away is away for the others too.
                raise
            except GroundwellError as error:
                failure = error
        if failure is not None:
            raise failure

    async def _wait_for_room(self) -> None:
        is_told = False
        while not await self._room.is_enough():
            if not is_told:
                _log.warning("the disk is full: ingestion waits for room")
                is_told = True
            await asyncio.sleep(_LOOK_FOR_ROOM_SECONDS)

    async def _give_up(self, arguments: JobArguments, attempt: Attempt, reason: str) -> None:
        tenant, uids = _documents(arguments)
        async with self._database.transaction(tenant) as connection:
            await fail_unfinished(connection, uids, "ingestion_failed", reason, attempt.fence)
            await announce(connection, self._engine, tenant, uids)

    async def _reweigh(self, arguments: JobArguments, attempt: Attempt) -> None:
        del attempt  # Each step writes weights that do not depend on who computes them.
        tenant = TenantId(UUID(str(arguments["tenant"])))
        collection = CollectionId(UUID(str(arguments["collection"])))
        async with self._database.transaction(tenant) as connection:
            average = await adopt_average_length(connection, collection)
        has_more = average is not None
        while average is not None and has_more:
            async with self._database.transaction(tenant) as connection:
                has_more = await reweigh_step(connection, collection, average)


def _portions(
    uids: Sequence[DocumentUid], steps: Mapping[UUID, tuple[Step, int]]
) -> Iterator[tuple[Step, list[DocumentUid]]]:
    """What belongs into a job together. A large text has one for itself."""
    together: list[DocumentUid] = []
    size = 0
    for uid in uids:
        if uid not in steps:
            continue
        step, own = steps[uid]
        if step is not Step.EMBED:
            yield step, [uid]
            continue
        if together and (len(together) == _DOCUMENTS_PER_JOB or size + own > _BYTES_PER_JOB):
            yield Step.EMBED, together
            together, size = [], 0
        together.append(uid)
        size += own
    if together:
        yield Step.EMBED, together


async def _forget(arguments: JobArguments, attempt: Attempt, reason: str) -> None:
    """Nothing is lost when a collection keeps its old weights; the next drift tries again."""
    del arguments, attempt, reason


def _documents(arguments: JobArguments) -> tuple[TenantId, list[DocumentUid]]:
    tenant = TenantId(UUID(str(arguments["tenant"])))
    return tenant, [DocumentUid(UUID(uid)) for uid in str(arguments["documents"]).split()]
