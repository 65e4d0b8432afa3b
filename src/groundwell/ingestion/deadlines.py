"""Waiting for the bytes of announced documents, but not for ever."""

from __future__ import annotations

from uuid import UUID

from psycopg import AsyncConnection

from groundwell.domain.documents import DocumentUid, TenantId
from groundwell.domain.queues import Queue
from groundwell.domain.uploads import staging_key
from groundwell.ports.blob_store import BlobStore
from groundwell.ports.job_engine import Attempt, JobArguments, JobEngine, JobKind
from groundwell.store.announced import find_awaited, give_up_waiting, read_deadline
from groundwell.store.blobs import clear_blobs
from groundwell.store.database import Database, Row

DEADLINE_JOB = "upload_deadline"


class UploadDeadlines:
    """A job for each announced upload, which begins when its time is over.

    It ends the wait if the bytes have not come, and clears away what was put under the staging key
    and is of no use. The database's clock decides, whenever the job is begun.
    """

    def __init__(self, database: Database, engine: JobEngine, blobs: BlobStore) -> None:
        self._database = database
        self._engine = engine
        self._blobs = blobs
        engine.register(JobKind(DEADLINE_JOB, Queue.UPLOADS, self._end, _leave))

    async def defer(
        self, connection: AsyncConnection[Row], tenant: TenantId, uid: DocumentUid
    ) -> None:
        """Queue the end of the wait for a document's bytes, in the caller's transaction."""
        upload = await find_awaited(connection, uid)
        if upload is not None:
            seconds = await read_deadline(connection, upload)
            arguments = {"tenant": str(tenant), "awaited": str(uid), "upload": str(upload)}
            await self._engine.defer(
                connection, DEADLINE_JOB, arguments, after_seconds=max(seconds or 0.0, 0.0)
            )

    async def _end(self, arguments: JobArguments, attempt: Attempt) -> None:
        del attempt  # Whether the bytes have come is asked under the document's lock.
        tenant = TenantId(UUID(str(arguments["tenant"])))
        upload = UUID(str(arguments["upload"]))
        async with self._database.transaction(tenant) as connection:
            await give_up_waiting(connection, upload)
            if await read_deadline(connection, upload) is not None:
                # The engine's clock is ahead of the database's.
                await self.defer(connection, tenant, DocumentUid(UUID(str(arguments["awaited"]))))
                return
        await clear_blobs(self._database, self._blobs, [staging_key(upload)])


async def _leave(arguments: JobArguments, attempt: Attempt, reason: str) -> None:
    """A document that waits without a deadline is found, and gets a new one."""
    del arguments, attempt, reason
