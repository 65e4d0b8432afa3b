"""The shared cache, swept: what has expired is removed of all tenants."""

from __future__ import annotations

from groundwell.domain.queues import Queue
from groundwell.ports.job_engine import Attempt, JobArguments, JobEngine, JobKind
from groundwell.store.database import Database

SWEEP_CACHE_JOB = "sweep_cache"


class CacheRetention:
    """Removes, every hour, what nobody would be given any more."""

    def __init__(self, database: Database, engine: JobEngine) -> None:
        self._database = database
        engine.register(
            JobKind(SWEEP_CACHE_JOB, Queue.MAINTENANCE, self._sweep, _give_up, is_hourly=True)
        )

    async def _sweep(self, arguments: JobArguments, attempt: Attempt) -> None:
        del arguments, attempt
        async with self._database.anonymous_transaction() as connection:
            await connection.execute("SELECT forget_expired_cache()")


async def _give_up(arguments: JobArguments, attempt: Attempt, reason: str) -> None:
    """The next hour tries again."""
    del arguments, attempt, reason
