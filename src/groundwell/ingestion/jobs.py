"""The jobs of ingestion, as any job engine can run them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from psycopg import AsyncConnection

from groundwell.domain.documents import CollectionId, DocumentUid, TenantId
from groundwell.ingestion.ingest import REWEIGH_JOB, Ingestor
from groundwell.ports.job_engine import JobArguments, JobEngine, JobKind
from groundwell.store.database import Database, Row
from groundwell.store.documents import fail_unfinished
from groundwell.store.reweigh import adopt_average_length, reweigh_step

INGEST_JOB = "ingest"
_DOCUMENTS_PER_JOB = 32


class IngestionJobs:
    """Makes the jobs known to the engine and queues them."""

    def __init__(self, database: Database, engine: JobEngine, ingestor: Ingestor) -> None:
        self._database = database
        self._engine = engine
        self._ingestor = ingestor
        engine.register(JobKind(INGEST_JOB, "ingestion", self._ingest, self._give_up))
        engine.register(JobKind(REWEIGH_JOB, "maintenance", self._reweigh, _forget))

    async def defer(
        self, connection: AsyncConnection[Row], tenant: TenantId, uids: Sequence[DocumentUid]
    ) -> None:
        """Queue documents of one collection in the caller's transaction, a few to a job."""
        for start in range(0, len(uids), _DOCUMENTS_PER_JOB):
            documents = " ".join(str(uid) for uid in uids[start : start + _DOCUMENTS_PER_JOB])
            await self._engine.defer(
                connection, INGEST_JOB, {"tenant": str(tenant), "documents": documents}
            )

    async def _ingest(self, arguments: JobArguments) -> None:
        tenant, uids = _documents(arguments)
        await self._ingestor.ingest(tenant, uids)

    async def _give_up(self, arguments: JobArguments, reason: str) -> None:
        tenant, uids = _documents(arguments)
        async with self._database.transaction(tenant) as connection:
            await fail_unfinished(connection, uids, "ingestion_failed", reason)

    async def _reweigh(self, arguments: JobArguments) -> None:
        tenant = TenantId(UUID(str(arguments["tenant"])))
        collection = CollectionId(UUID(str(arguments["collection"])))
        async with self._database.transaction(tenant) as connection:
            average = await adopt_average_length(connection, collection)
        has_more = average is not None
        while average is not None and has_more:
            async with self._database.transaction(tenant) as connection:
                has_more = await reweigh_step(connection, collection, average)


async def _forget(arguments: JobArguments, reason: str) -> None:
    """Nothing is lost when a collection keeps its old weights; the next drift tries again."""
    del arguments, reason


def _documents(arguments: JobArguments) -> tuple[TenantId, list[DocumentUid]]:
    tenant = TenantId(UUID(str(arguments["tenant"])))
    return tenant, [DocumentUid(UUID(uid)) for uid in str(arguments["documents"]).split()]
