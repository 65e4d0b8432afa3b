"""What every job engine promises, shown on those that there are."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import psycopg
import pytest

from groundwell.adapters.job_engine.procrastinate import ProcrastinateJobEngine
from groundwell.domain.errors import ProviderError, UnavailableError
from groundwell.ports.job_engine import JobArguments, JobKind
from groundwell.store.database import Database, app_options, owner_options


@dataclass
class Work:
    """Does what the test says and remembers when, and what was given up."""

    failures: dict[int, Exception] = field(default_factory=dict)
    failures_left: int = 1000
    started: list[tuple[float, JobArguments]] = field(default_factory=list)
    given_up: list[tuple[JobArguments, str]] = field(default_factory=list)

    async def run(self, arguments: JobArguments) -> None:
        self.started.append((time.monotonic(), dict(arguments)))
        error = self.failures.get(int(arguments["number"]))
        if error is not None and self.failures_left:
            self.failures_left -= 1
            raise error

    async def give_up(self, arguments: JobArguments, reason: str) -> None:
        self.given_up.append((dict(arguments), reason))

    @property
    def arguments(self) -> list[JobArguments]:
        return [arguments for _, arguments in self.started]


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def engine(database_url: str, work: Work) -> ProcrastinateJobEngine:
    engine = ProcrastinateJobEngine(database_url, app_options(), concurrency=2)
    engine.register(JobKind("work", "test", work.run, work.give_up))
    return engine


@asynccontextmanager
async def working(engine: ProcrastinateJobEngine) -> AsyncIterator[None]:
    task = asyncio.ensure_future(engine.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], bool], seconds: float = 15) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the database gives no event
            await asyncio.sleep(0.02)


def statuses(url: str) -> list[tuple[str, int]]:
    with psycopg.connect(url, options=owner_options()) as owner:
        rows = owner.execute(
            "SELECT status::text, attempts FROM procrastinate_jobs ORDER BY id"
        ).fetchall()
    return [(status, attempts) for status, attempts in rows]


async def defer(
    engine: ProcrastinateJobEngine, database: Database, number: int, unique: str | None = None
) -> None:
    async with database.anonymous_transaction() as connection:
        await engine.defer(connection, "work", {"number": number}, unique=unique)


async def test_a_job_is_visible_exactly_when_its_transaction_commits(
    engine: ProcrastinateJobEngine, database: Database, work: Work
):
    async with working(engine):
        async with database.anonymous_transaction() as connection:
            await engine.defer(connection, "work", {"number": 1, "name": "x"})
            await asyncio.sleep(0.4)
            assert work.started == []
        await until(lambda: work.arguments == [{"number": 1, "name": "x"}])
    assert work.given_up == []


async def test_a_job_of_a_transaction_that_is_rolled_back_never_runs(
    engine: ProcrastinateJobEngine, database: Database, work: Work
):
    async with working(engine):
        with suppress(ZeroDivisionError):
            async with database.anonymous_transaction() as connection:
                await engine.defer(connection, "work", {"number": 1})
                raise ZeroDivisionError
        await defer(engine, database, 2)
        await until(lambda: bool(work.started))
    assert work.arguments == [{"number": 2}]


async def test_a_waiting_job_of_the_same_key_makes_another_unnecessary(
    engine: ProcrastinateJobEngine, database: Database, work: Work
):
    async with database.anonymous_transaction() as connection:
        await engine.defer(connection, "work", {"number": 1}, unique="same")
        await engine.defer(connection, "work", {"number": 2}, unique="same")
        await engine.defer(connection, "work", {"number": 3}, unique="other")
    await defer(engine, database, 4, unique="same")
    async with working(engine):
        await until(lambda: len(work.started) == 2)
        await defer(engine, database, 5, unique="same")
        await until(lambda: len(work.started) == 3)
    assert sorted(a["number"] for a in work.arguments) == [1, 3, 5]


async def test_a_job_that_fails_is_tried_three_times_with_growing_pauses_and_given_up_once(
    engine: ProcrastinateJobEngine, database: Database, database_url: str, work: Work
):
    errors = [
        UnavailableError("The store is away."),
        ProviderError("The model answers nonsense."),
        KeyError("oops"),
    ]
    work.failures = dict(enumerate(errors))
    for number in work.failures:
        await defer(engine, database, number)
    async with working(engine):
        await until(lambda: statuses(database_url) == [("failed", 3)] * 3)
    for number in work.failures:
        moments = [moment for moment, given in work.started if given == {"number": number}]
        assert len(moments) == 3
        assert 0.9 <= moments[1] - moments[0] < 2.6
        assert 1.9 <= moments[2] - moments[1] < 3.6
    reasons = {arguments["number"]: reason for arguments, reason in work.given_up}
    assert len(work.given_up) == 3
    assert reasons[0] == "The store is away."
    assert reasons[1] == "The model answers nonsense."
    assert "KeyError" in reasons[2]


async def test_a_job_that_recovers_is_not_given_up(
    engine: ProcrastinateJobEngine, database: Database, database_url: str, work: Work
):
    work.failures, work.failures_left = {1: UnavailableError("Away.")}, 1
    await defer(engine, database, 1)
    async with working(engine):
        await until(lambda: len(work.started) == 2)
        await until(lambda: statuses(database_url) == [])
    assert work.given_up == []


def pretend_that_a_worker_died(
    url: str, number: int, attempts: int, unique: str | None = None
) -> None:
    """A job in the hands of a worker whose heart stopped a minute ago."""
    with psycopg.connect(url, options=owner_options()) as owner:
        owner.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, attempts,"
            " worker_id, queueing_lock) VALUES ('test', 'work', %s, 'todo', %s, NULL, %s)",
            (json.dumps({"number": number}), attempts, unique),
        )
        (worker,) = owner.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat)"
            " VALUES (now() - interval '1 minute') RETURNING id"
        ).fetchone() or (None,)
        owner.execute(
            "UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s"
            " WHERE status = 'todo' AND args ->> 'number' = %s",
            (worker, str(number)),
        )


async def test_the_job_of_a_worker_that_died_is_run_again(
    engine: ProcrastinateJobEngine, database_url: str, work: Work
):
    pretend_that_a_worker_died(database_url, 1, attempts=0)
    async with working(engine):
        await until(lambda: work.arguments == [{"number": 1}])
    assert work.given_up == []


async def test_a_job_that_killed_its_worker_three_times_is_given_up(
    engine: ProcrastinateJobEngine, database_url: str, work: Work
):
    pretend_that_a_worker_died(database_url, 1, attempts=2)
    async with working(engine):
        await until(lambda: bool(work.given_up))
        await until(lambda: statuses(database_url)[0][0] == "failed")
    assert work.started == []
    ((arguments, reason),) = work.given_up
    assert arguments == {"number": 1}
    assert "died 3 times" in reason


async def test_a_dead_workers_job_that_another_waiting_one_replaces_holds_up_nobody(
    engine: ProcrastinateJobEngine, database: Database, database_url: str, work: Work
):
    pretend_that_a_worker_died(database_url, 1, attempts=0, unique="same")
    pretend_that_a_worker_died(database_url, 2, attempts=0)
    pretend_that_a_worker_died(database_url, 3, attempts=0)
    await defer(engine, database, 4, unique="same")
    async with working(engine):
        await until(lambda: {2, 3, 4} <= {a["number"] for a in work.arguments}, 8)
        await until(lambda: all(status != "doing" for status, _ in statuses(database_url)), 8)


async def test_a_failing_job_that_another_waiting_one_replaces_holds_up_nobody(
    engine: ProcrastinateJobEngine, database: Database, database_url: str, work: Work
):
    numbers: list[int] = []

    async def defer_keyed(number: int) -> None:
        async with database.anonymous_transaction() as connection:
            await engine.defer(connection, "keyed", {"number": number}, unique="same")

    async def run(arguments: JobArguments) -> None:
        numbers.append(int(arguments["number"]))
        if arguments["number"] == 1:
            await defer_keyed(2)
            raise UnavailableError("Away.")

    engine.register(JobKind("keyed", "test", run, work.give_up))
    await defer_keyed(1)
    async with working(engine):
        await until(lambda: 2 in numbers, 8)
        await until(lambda: all(status != "doing" for status, _ in statuses(database_url)), 8)


async def test_a_worker_that_is_stopped_hands_back_or_finishes_what_it_holds(
    engine: ProcrastinateJobEngine, database: Database, database_url: str
):
    begun, may_end, ended = asyncio.Event(), asyncio.Event(), []

    async def slowly(arguments: JobArguments) -> None:
        begun.set()
        await may_end.wait()
        ended.append(arguments)

    async def never(_: JobArguments, __: str) -> None:
        raise AssertionError

    engine.register(JobKind("slow", "test", slowly, never))
    async with database.anonymous_transaction() as connection:
        await engine.defer(connection, "slow", {"number": 1})
    running = asyncio.ensure_future(engine.run())
    await asyncio.wait_for(begun.wait(), 10)
    running.cancel()
    await asyncio.sleep(0.1)
    may_end.set()
    with suppress(asyncio.CancelledError):
        await running
    assert ended == [{"number": 1}]
    assert statuses(database_url) == []
