"""Looking after everything now and then, so that nothing stays out of step until somebody asks."""

from __future__ import annotations

import logging

from groundwell.domain.queues import Queue
from groundwell.ports.blob_store import BlobStore
from groundwell.ports.job_engine import Attempt, JobArguments, JobEngine, JobKind
from groundwell.store.database import Database
from groundwell.store.recovery.mend import Requeue, mend
from groundwell.store.recovery.survey import survey

RECONCILE_JOB = "reconcile"
_log = logging.getLogger(__name__)


class Reconciliation:
    """Surveys and mends every hour, and whenever a worker starts: `groundwell doctor --repair`.

    It reads every chunk, which takes seconds for 100,000 of them.
    """

    def __init__(
        self, database: Database, blobs: BlobStore, requeue: Requeue, engine: JobEngine
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._requeue = requeue
        self._engine = engine
        engine.register(
            JobKind(RECONCILE_JOB, Queue.MAINTENANCE, self._run, _give_up, is_hourly=True)
        )

    async def defer(self) -> None:
        """Queue a round now, unless one waits already."""
        async with self._database.anonymous_transaction() as connection:
            await self._engine.defer(connection, RECONCILE_JOB, {}, unique=RECONCILE_JOB)

    async def _run(self, arguments: JobArguments, attempt: Attempt) -> None:
        del arguments, attempt
        found = await survey(self._database, self._blobs)
        for sentence in await mend(self._database, self._blobs, self._requeue, found):
            _log.warning("%s", sentence)
        if found.lost_files:
            _log.error("documents that have lost their original: %d", len(found.lost_files))
        if found.damaged_files:
            _log.error("documents whose original is damaged: %d", len(found.damaged_files))


async def _give_up(arguments: JobArguments, attempt: Attempt, reason: str) -> None:
    """The next hour tries again."""
    del arguments, attempt, reason
