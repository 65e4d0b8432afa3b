"""Jobs in Postgres through procrastinate: queued in the same transaction as the data."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime

import procrastinate
from procrastinate import PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException, UniqueViolation
from procrastinate.jobs import Job, Status
from psycopg import AsyncConnection

from groundwell.adapters.job_engine.procrastinate.attempts import (
    MOST_ATTEMPTS,
    REQUEST_ID,
    Pauses,
    Start,
    arguments_of,
    attempt_of,
    number_of,
    start_of,
    task_of,
)
from groundwell.adapters.job_engine.procrastinate.leases import (
    LeasedJobManager,
)
from groundwell.adapters.job_engine.procrastinate.outcomes import (
    count_outcome,
    read_depths,
    read_outcomes,
)
from groundwell.adapters.job_engine.procrastinate.standings import read_standing
from groundwell.adapters.job_engine.procrastinate.together import run_until_one_ends
from groundwell.adapters.job_engine.procrastinate.turns import RANK, SHARE, find_place
from groundwell.domain.errors import (
    UnavailableError,
)
from groundwell.domain.origin import current_origin
from groundwell.domain.pauses import pause
from groundwell.ports.job_engine import (
    JobArguments,
    JobKind,
    JobOutcome,
    JobStanding,
    QueueDepth,
    Turn,
)
from groundwell.store.database import RECONNECT_SECONDS, Row, patient_address

# Heartbeats in the time of a lease: some may be late or lost.
_HEARTBEATS = 5
_EVERY_HOUR = "17 * * * *"
# Between two tries to reach a database that is away, and for a connection of the pool.
_AWAY_SECONDS = 1.0
_CONNECTION_SECONDS = 5.0
_log = logging.getLogger(__name__)


class ProcrastinateJobEngine:
    """Runs jobs of all queues in this process, several at a time.

    Leases and pauses are measured by the database's clock. `clock` only tells how far ahead of now
    a moment of this process lies, so it may be wrong.
    """

    def __init__(
        self,
        url: str,
        options: str,
        *,
        concurrency: int,
        lease_seconds: float,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._connector = PsycopgConnector(
            conninfo=patient_address(url),
            kwargs={"options": options},
            min_size=1,
            max_size=2 * concurrency + 2,
            timeout=_CONNECTION_SECONDS,
            reconnect_timeout=RECONNECT_SECONDS,
        )
        self._app = procrastinate.App(connector=self._connector)
        self._leases = LeasedJobManager(self._connector, clock)
        self._app.job_manager = self._leases
        self._pauses = Pauses(clock)
        self._kinds: dict[str, JobKind] = {}
        self._running: set[Start] = set()
        self._concurrency = concurrency
        self._lease_seconds = lease_seconds

    def register(self, kind: JobKind) -> None:
        """Make a kind of job known."""
        self._kinds[kind.name] = kind
        task = self._app.task(
            name=kind.name, queue=kind.queue, pass_context=True, retry=self._pauses
        )(task_of(kind, self._leases, self._running))
        if kind.is_hourly:
            self._app.periodic(cron=_EVERY_HOUR, queueing_lock=kind.name)(task)

    async def defer(
        self,
        connection: AsyncConnection[Row],
        name: str,
        arguments: JobArguments,
        *,
        unique: str | None = None,
        turn: Turn | None = None,
        after_seconds: float = 0.0,
    ) -> None:
        """Queue a job inside the caller's transaction."""
        given = dict(arguments)
        if turn is not None:
            given[SHARE], given[RANK] = turn.share, turn.rank
        if (request_id := current_origin().request_id) is not None:
            given[REQUEST_ID] = request_id
        queue = self._kinds[name].queue
        deferrer = self._app.configure_task(
            name,
            queue=queue,
            queueing_lock=unique,
            connection=connection,
            schedule_at=await _moment(connection, after_seconds) if after_seconds else None,
            priority=0 if turn is None else await find_place(connection, queue, turn),
        )
        with contextlib.suppress(AlreadyEnqueued), _database_errors():
            # The savepoint keeps a refused insert from spoiling the caller's transaction.
            async with connection.transaction():
                await deferrer.defer_async(**given)

    async def read_depths(self, connection: AsyncConnection[Row]) -> list[QueueDepth]:
        """What waits, runs and has failed in each queue."""
        return await read_depths(connection)

    async def read_outcomes(self, connection: AsyncConnection[Row]) -> list[JobOutcome]:
        """What has become of the jobs of all workers."""
        return await read_outcomes(connection)

    async def read_standing(
        self, connection: AsyncConnection[Row], argument: str, word: str, owner: str
    ) -> JobStanding:
        """Where a job stands. A worker lives whose last heartbeat is no older than a lease."""
        return await read_standing(connection, argument, word, owner, self._lease_seconds)

    async def run(self, queues: Collection[str] | None = None) -> None:
        """Work until cancelled, and look after the jobs of workers that died.

        When the database goes away, procrastinate's workers end, with or without an error. Then
        others begin, as soon as there is a database again.
        """
        own = sorted({kind.queue for kind in self._kinds.values()} if queues is None else queues)
        while True:
            try:
                await self._run_until_away(own)
            except* (ConnectorException, UnavailableError) as errors:
                _log.warning("the queue is away for the moment: %s", errors.exceptions[0])
            await pause(_AWAY_SECONDS)

    async def _run_until_away(self, queues: Sequence[str]) -> None:
        try:
            await self._app.open_async()
            await run_until_one_ends(*map(self._serve, queues), self._rescue_stalled_jobs())
        finally:
            # A pool that could not be opened has to be closed too, or it would be taken for open.
            await self._app.close_async()

    async def _serve(self, queue: str) -> None:
        """Each queue has places of its own: what is slow in one holds up nothing in another."""
        await self._app.run_worker_async(
            queues=[queue],
            name=queue,
            concurrency=self._concurrency,
            fetch_job_polling_interval=1.0,
            install_signal_handlers=False,
            delete_jobs="successful",
            shutdown_graceful_timeout=20.0,
            update_heartbeat_interval=self._lease_seconds / _HEARTBEATS,
            stalled_worker_timeout=self._lease_seconds,
        )

    async def _rescue_stalled_jobs(self) -> None:
        """Hand out the jobs of dead workers again; procrastinate leaves them where they are."""
        while True:
            try:
                stalled = await self._app.job_manager.get_stalled_jobs(
                    seconds_since_heartbeat=self._lease_seconds
                )
                for job in stalled:
                    # Heartbeats of this process may be late; what it runs is in good hands.
                    if start_of(job) not in self._running:
                        await self._rescue(job)
            except (ConnectorException, UnavailableError) as error:
                _log.warning("stalled jobs could not be looked for: %s", error)
            await pause(self._lease_seconds / _HEARTBEATS)

    async def _rescue(self, job: Job) -> None:
        if number_of(job) + 1 < MOST_ATTEMPTS:
            _log.warning("job %s of a dead worker starts again", job.id)
            try:
                await self._app.job_manager.retry_job(job)
            except UniqueViolation:
                # A job of the same key waits already and does this one's work.
                await self._app.job_manager.finish_job(job, Status.FAILED, delete_job=True)
            return
        _log.error("job %s killed its worker %d times and is given up", job.id, MOST_ATTEMPTS)
        await self._give_up(job, f"The worker died {MOST_ATTEMPTS} times while it worked on this.")
        await self._app.job_manager.finish_job(job, Status.FAILED, delete_job=False)
        await count_outcome(self._app, job.task_name, "killed", 0.0)

    async def _give_up(self, job: Job, reason: str) -> None:
        """Tell the job's code. Whatever comes of that, the queue and its worker go on."""
        kind = self._kinds.get(job.task_name)
        if kind is None:
            _log.error("job %s is of a kind that this version does not know", job.id)
            return
        try:
            await kind.give_up(arguments_of(job.task_kwargs), attempt_of(job), reason)
        except UnavailableError:
            raise
        except Exception:  # noqa: BLE001 - one bad job must not end the worker, again and again
            _log.exception("job %s (%s) could not be given up in order", job.id, kind.name)


async def _moment(connection: AsyncConnection[Row], after_seconds: float) -> datetime:
    """That many seconds from now, by the clock that workers go by when they look for jobs."""
    cursor = await connection.execute("SELECT now() + make_interval(secs => %s)", (after_seconds,))
    row = await cursor.fetchone()
    assert row is not None, "a query without FROM has one row"
    moment: datetime = row[0]
    return moment


@contextlib.contextmanager
def _database_errors() -> Iterator[None]:
    """Raise what the database said: the caller's transaction has to understand it."""
    try:
        yield
    except ConnectorException as error:
        raise error.__cause__ or error from None
