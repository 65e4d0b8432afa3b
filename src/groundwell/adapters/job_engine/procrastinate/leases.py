"""Leases: only the attempt that holds a job may end it or hand it back.

Procrastinate ends a job by its id alone. A worker that was paused, taken for dead and woke again
would so delete the job, or hand it out once more, while another worker runs it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from procrastinate.connector import BaseAsyncConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager
from psycopg.errors import ForeignKeyViolation, OperationalError

_log = logging.getLogger(__name__)
# The row is locked before the function looks at it, so that nobody comes in between.
_HELD = (
    "WITH held AS MATERIALIZED (SELECT id FROM procrastinate_jobs WHERE id = %(job_id)s"
    " AND status = 'doing' AND attempts = %(attempts)s FOR UPDATE) "
)
_FINISH = (
    "SELECT procrastinate_finish_job_v1(held.id, %(status)s::procrastinate_job_status,"
    " %(delete_job)s) FROM held"
)
_RETRY = (
    "SELECT procrastinate_retry_job_v2(held.id, now() + %(pause)s, %(priority)s, %(queue)s,"
    " %(lock)s) FROM held"
)
# Longer than a database takes to start again; and how often it is tried.
_INSIST_SECONDS = 30.0
_INSIST_PAUSE_SECONDS = 0.5
WAITS = "waits"
WAITING_SINCE = "waiting_since"
"""Arguments of a job that keep how often, and since when, it has waited for a part."""
_NOTE_WAIT = (
    "UPDATE procrastinate_jobs SET args = args || jsonb_build_object("
    "'reason', %(reason)s::text, 'waits', coalesce((args ->> 'waits')::int, 0) + 1,"
    " 'waiting_since',"
    " coalesce((args ->> 'waiting_since')::bigint, extract(epoch FROM now())::bigint))"
    " WHERE id = %(job_id)s AND status = 'doing' AND attempts = %(attempts)s"
    " RETURNING (args ->> 'waits')::int AS waits,"
    " extract(epoch FROM now())::float8 - (args ->> 'waiting_since')::bigint AS seconds"
)
_NOTE_REASON = (
    "UPDATE procrastinate_jobs SET args = args || jsonb_build_object('reason', %(reason)s::text)"
    " WHERE id = %(job_id)s AND status = 'doing' AND attempts = %(attempts)s"
)


@dataclass(frozen=True, slots=True)
class Wait:
    """How often a job found a part away, this time included, and for how many seconds by now."""

    number: int
    seconds: float


def waits_of(job: Job) -> int:
    """How many starts of a job were no attempts."""
    waits = job.task_kwargs.get(WAITS, 0)
    return waits if isinstance(waits, int) else 0


class LeasedJobManager(JobManager):
    """Procrastinate's ways to its tables, where a lost lease changes nothing.

    `clock` is the one by which callers choose the moment of a retry. The job waits by the
    database's own clock: the clocks of the machines may be hours apart. What became of a job is
    told for `insist_seconds` to a database that is away.
    """

    def __init__(
        self,
        connector: BaseAsyncConnector,
        clock: Callable[[], datetime],
        insist_seconds: float = _INSIST_SECONDS,
    ) -> None:
        super().__init__(connector)
        self._clock = clock
        self._insist_seconds = insist_seconds

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> Job | None:
        """The next job. A worker whose row others cleared away writes it again."""
        try:
            return await super().fetch_job(queues, worker_id)
        except ConnectorException as error:
            if not isinstance(error.__cause__, ForeignKeyViolation):
                raise
            await self.update_heartbeat(worker_id)
            return await super().fetch_job(queues, worker_id)

    async def update_heartbeat(self, worker_id: int) -> None:
        """Show that the worker lives, even one that was counted as dead."""
        await self.connector.execute_query_async(
            "INSERT INTO procrastinate_workers (id) OVERRIDING SYSTEM VALUE VALUES (%(worker_id)s)"
            " ON CONFLICT (id) DO UPDATE SET last_heartbeat = now()",
            worker_id=worker_id,
        )

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:
        """End the job, if this attempt still holds it."""
        await self._if_held(_FINISH, job, status=status.value, delete_job=delete_job)

    async def retry_job(
        self,
        job: Job,
        retry_at: datetime | None = None,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        """Hand the job out again, if this attempt still holds it."""
        pause = timedelta(0) if retry_at is None else max(retry_at - self._clock(), timedelta(0))
        await self._if_held(_RETRY, job, pause=pause, priority=priority, queue=queue, lock=lock)

    async def note_reason(self, job: Job, reason: str) -> None:
        """Keep why a job has to be tried again. A note that cannot be written is missing."""
        try:
            await self.connector.execute_query_async(
                _NOTE_REASON, job_id=job.id, attempts=job.attempts, reason=reason
            )
        except ConnectorException:
            _log.warning("the reason why job %s waits could not be noted", job.id)

    async def note_wait(self, job: Job, reason: str) -> Wait:
        """Count a start that found a part away, so that it is no attempt, and say for how long.

        The database's clock counts, which is the same for all workers. A job in other hands waits
        for nothing.
        """
        rows = await self.connector.execute_query_all_async(
            _NOTE_WAIT, job_id=job.id, attempts=job.attempts, reason=reason
        )
        if not rows:
            return Wait(waits_of(job), 0.0)
        job.task_kwargs[WAITS] = rows[0]["waits"]
        return Wait(rows[0]["waits"], rows[0]["seconds"])

    async def _if_held(self, query: str, job: Job, **values: object) -> None:
        rows = await self._insist(_HELD + query, job_id=job.id, attempts=job.attempts, **values)
        if not rows:
            _log.warning("job %s is in other hands; what became of it here is dropped", job.id)

    async def _insist(self, query: str, **values: object) -> list[dict[str, Any]]:
        """The answer of a database that may be away for a moment.

        A worker that lives on keeps its lease, so a job whose end was never told would be held for
        ever. Telling it twice is harmless: the second time it is not held any more.
        """
        deadline = time.monotonic() + self._insist_seconds
        while True:
            try:
                return await self.connector.execute_query_all_async(query, **values)
            except ConnectorException as error:
                # What the database refused it will refuse again.
                is_away = isinstance(error.__cause__, OperationalError)
                if not is_away or time.monotonic() > deadline:
                    raise
            await asyncio.sleep(_INSIST_PAUSE_SECONDS)
