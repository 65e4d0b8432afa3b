"""Jobs in Postgres through procrastinate: queued in the same transaction as the data."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

import procrastinate
from procrastinate import JobContext, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException, UniqueViolation
from procrastinate.jobs import Job, Status
from procrastinate.retry import BaseRetryStrategy, RetryDecision
from psycopg import AsyncConnection

from groundwell.domain.errors import GroundwellError, UnavailableError
from groundwell.ports.job_engine import JobArguments, JobKind
from groundwell.store.database import Row

_MOST_ATTEMPTS = 3
_FIRST_PAUSE_SECONDS = 1.0
_PAUSE_FACTOR = 2.0
_HEARTBEAT_SECONDS = 5.0
_STALLED_SECONDS = 20.0
_log = logging.getLogger(__name__)


class ProcrastinateJobEngine:
    """Runs jobs of all queues in this process, several at a time."""

    def __init__(self, url: str, options: str, *, concurrency: int) -> None:
        self._connector = PsycopgConnector(
            conninfo=url, kwargs={"options": options}, min_size=1, max_size=concurrency + 2
        )
        self._app = procrastinate.App(connector=self._connector)
        self._kinds: dict[str, JobKind] = {}
        self._concurrency = concurrency

    def register(self, kind: JobKind) -> None:
        """Make a kind of job known."""
        self._kinds[kind.name] = kind
        self._app.task(name=kind.name, queue=kind.queue, pass_context=True, retry=_Pauses())(
            _task(kind)
        )

    async def defer(
        self,
        connection: AsyncConnection[Row],
        name: str,
        arguments: JobArguments,
        *,
        unique: str | None = None,
    ) -> None:
        """Queue a job inside the caller's transaction."""
        deferrer = self._app.configure_task(
            name,
            queue=self._kinds[name].queue,
            queueing_lock=unique,
            connection=connection,
        )
        with contextlib.suppress(AlreadyEnqueued):
            # The savepoint keeps a refused insert from spoiling the caller's transaction.
            async with connection.transaction():
                await deferrer.defer_async(**dict(arguments))

    async def run(self) -> None:
        """Work until cancelled, and look after the jobs of workers that died."""
        async with self._app.open_async(), asyncio.TaskGroup() as tasks:
            tasks.create_task(self._rescue_stalled_jobs())
            tasks.create_task(
                self._app.run_worker_async(
                    concurrency=self._concurrency,
                    fetch_job_polling_interval=1.0,
                    install_signal_handlers=False,
                    delete_jobs="successful",
                    shutdown_graceful_timeout=20.0,
                    update_heartbeat_interval=_HEARTBEAT_SECONDS,
                    stalled_worker_timeout=_STALLED_SECONDS,
                )
            )

    async def _rescue_stalled_jobs(self) -> None:
        """Hand out the jobs of dead workers again; procrastinate leaves them where they are."""
        while True:
            try:
                stalled = await self._app.job_manager.get_stalled_jobs(
                    seconds_since_heartbeat=_STALLED_SECONDS
                )
                for job in stalled:
                    await self._rescue(job)
            except (ConnectorException, UnavailableError) as error:
                _log.warning("stalled jobs could not be looked for: %s", error)
            await asyncio.sleep(_HEARTBEAT_SECONDS)

    async def _rescue(self, job: Job) -> None:
        if job.attempts + 1 < _MOST_ATTEMPTS:
            _log.warning("job %s of a dead worker starts again", job.id)
            try:
                await self._app.job_manager.retry_job(job)
            except UniqueViolation:
                # A job of the same key waits already and does this one's work.
                await self._app.job_manager.finish_job(job, Status.FAILED, delete_job=True)
            return
        _log.error("job %s killed its worker %d times and is given up", job.id, _MOST_ATTEMPTS)
        reason = f"The worker died {_MOST_ATTEMPTS} times while it worked on this."
        await self._kinds[job.task_name].give_up(_arguments(job.task_kwargs), reason)
        await self._app.job_manager.finish_job(job, Status.FAILED, delete_job=False)


class _Pauses(BaseRetryStrategy):
    """1 s, then 2 s, then no more; a job that was interrupted by a shutdown waits for nothing."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if isinstance(exception, asyncio.CancelledError):
            return RetryDecision(retry_in={"seconds": 0})
        if job.attempts + 1 >= _MOST_ATTEMPTS:
            return None
        pause = _FIRST_PAUSE_SECONDS * _PAUSE_FACTOR**job.attempts
        return RetryDecision(retry_in={"seconds": int(pause)})


def _task(kind: JobKind) -> Callable[..., Awaitable[None]]:
    async def run(context: JobContext, **arguments: str | int) -> None:
        try:
            await kind.run(arguments)
        except Exception as error:
            # The one place that catches everything: whatever a job raises, its document must
            # not be left waiting.
            if isinstance(error, GroundwellError):
                reason = error.detail
            else:
                _log.exception("job %s (%s) failed", context.job.id, kind.name)
                reason = f"Something unexpected went wrong ({type(error).__name__}). See the log."
            if await _is_replaced(context):
                return
            if context.job.attempts + 1 >= _MOST_ATTEMPTS:
                await kind.give_up(arguments, reason)
            raise

    return run


async def _is_replaced(context: JobContext) -> bool:
    """Whether a job of the same key waits already: then this one cannot, and need not, wait too."""
    key = context.job.queueing_lock
    if key is None:
        return False
    waiting = await context.app.job_manager.list_jobs_async(queueing_lock=key, status="todo")
    return bool(list(waiting))


def _arguments(raw: object) -> JobArguments:
    if not isinstance(raw, dict):
        return {}
    return {str(key): value for key, value in raw.items() if isinstance(value, str | int)}
