"""What every job engine promises, shown on those that there are."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import psycopg
import pytest
from procrastinate.exceptions import ConnectorException
from tests.waiting import PATIENCE_SECONDS, patience, until

from groundwell.adapters.job_engine.procrastinate.engine import ProcrastinateJobEngine
from groundwell.domain.errors import DocumentError, ProviderError, UnavailableError
from groundwell.domain.origin import Origin, current_origin, origin_kept, set_origin
from groundwell.ports.job_engine import (
    Attempt,
    JobArguments,
    JobKind,
    JobOutcome,
    JobStanding,
    QueueDepth,
    Turn,
)
from groundwell.store.database import Database, app_options, owner_options

LEASE_SECONDS = 5.0


@dataclass
class Work:
    """Does what the test says and remembers when, and what was given up."""

    failures: dict[int, Exception] = field(default_factory=dict)
    failures_left: int = 1000
    started: list[tuple[float, JobArguments]] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    given_up: list[tuple[JobArguments, str]] = field(default_factory=list)

    async def run(self, arguments: JobArguments, attempt: Attempt) -> None:
        self.started.append((time.monotonic(), dict(arguments)))
        self.attempts.append(attempt)
        error = self.failures.get(int(arguments["number"]))
        if error is not None and self.failures_left:
            self.failures_left -= 1
            raise error

    async def give_up(self, arguments: JobArguments, _: Attempt, reason: str) -> None:
        self.given_up.append((dict(arguments), reason))

    @property
    def arguments(self) -> list[JobArguments]:
        return [arguments for _, arguments in self.started]


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def engine(database_url: str, work: Work) -> ProcrastinateJobEngine:
    return make_engine(database_url, work)


def make_engine(url: str, work: Work) -> ProcrastinateJobEngine:
    engine = ProcrastinateJobEngine(url, app_options(), concurrency=2, lease_seconds=LEASE_SECONDS)
    engine.register(JobKind("work", "test", work.run, work.give_up))
    return engine


@asynccontextmanager
async def working(
    engine: ProcrastinateJobEngine, queues: list[str] | None = None
) -> AsyncIterator[None]:
    task = asyncio.ensure_future(engine.run(queues))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def statuses(url: str) -> list[tuple[str, int]]:
    with psycopg.connect(url, options=owner_options()) as owner:
        rows = owner.execute(
            "SELECT status::text, attempts FROM procrastinate_jobs ORDER BY id"
        ).fetchall()
    return [(status, attempts) for status, attempts in rows]


def has_worker(url: str) -> bool:
    with psycopg.connect(url, options=owner_options()) as owner:
        return bool(owner.execute("SELECT 1 FROM procrastinate_workers").fetchall())


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


@pytest.fixture
def deadly_queue(database_url: str) -> Iterator[None]:
    """Whoever queues a job loses its connection in the middle of it."""
    with psycopg.connect(database_url, options=owner_options(), autocommit=True) as owner:
        owner.execute(
            "CREATE FUNCTION hang_up() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS"
            " $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$"
        )
        owner.execute(
            "CREATE TRIGGER hang_up BEFORE INSERT ON procrastinate_jobs EXECUTE FUNCTION hang_up()"
        )
        yield
        owner.execute("DROP FUNCTION hang_up CASCADE")


@pytest.mark.usefixtures("deadly_queue")
async def test_a_database_that_dies_while_a_job_is_queued_is_away_and_no_unknown_error(
    engine: ProcrastinateJobEngine, database: Database
):
    with pytest.raises(UnavailableError):
        await defer(engine, database, 1)


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


async def test_a_job_that_is_to_begin_later_holds_no_other_up_and_begins_then(
    engine: ProcrastinateJobEngine, database: Database, work: Work
):
    async with database.anonymous_transaction() as connection:
        await engine.defer(connection, "work", {"number": 1}, after_seconds=3600)
        await engine.defer(connection, "work", {"number": 2})
    async with working(engine):
        await until(lambda: work.arguments == [{"number": 2}])
        begun = time.monotonic()
        async with database.anonymous_transaction() as connection:
            await engine.defer(connection, "work", {"number": 3}, after_seconds=1.5)
        await until(lambda: len(work.started) == 2)
        await asyncio.sleep(0.3)
    assert work.arguments == [{"number": 2}, {"number": 3}]
    assert work.started[1][0] - begun >= 1.5


async def test_a_job_that_is_to_begin_later_goes_by_the_database_s_clock(
    database_url: str, database: Database, work: Work
):
    wrong = ProcrastinateJobEngine(
        database_url,
        app_options(),
        concurrency=2,
        lease_seconds=LEASE_SECONDS,
        clock=lambda: datetime.now(UTC) - timedelta(hours=5),
    )
    wrong.register(JobKind("work", "test", work.run, work.give_up))
    async with database.anonymous_transaction() as connection:
        await wrong.defer(connection, "work", {"number": 1}, after_seconds=3600)
    with psycopg.connect(database_url, options=owner_options()) as owner:
        row = owner.execute(
            "SELECT extract(epoch FROM scheduled_at - now())::float8 FROM procrastinate_jobs"
        ).fetchone()
    assert row is not None
    assert 3590 < row[0] <= 3600


async def test_a_job_that_fails_is_tried_three_times_with_growing_pauses_and_given_up_once(
    engine: ProcrastinateJobEngine, database: Database, database_url: str, work: Work
):
    errors = [ProviderError("The model answers nonsense."), KeyError("oops")]
    work.failures = dict(enumerate(errors))
    for number in work.failures:
        await defer(engine, database, number)
    async with working(engine):
        await until(lambda: statuses(database_url) == [("failed", 3)] * 2)
    for number in work.failures:
        moments = [moment for moment, given in work.started if given == {"number": number}]
        assert len(moments) == 3
        # Of one second and of two; what comes upon them is the machine's.
        assert 0.9 <= moments[1] - moments[0] < 30
        assert 1.9 <= moments[2] - moments[1] < 30
    reasons = {arguments["number"]: reason for arguments, reason in work.given_up}
    assert len(work.given_up) == 2
    assert reasons[0] == "The model answers nonsense."
    assert "KeyError" in reasons[1]


async def test_a_job_whose_error_is_final_is_given_up_at_once(
    engine: ProcrastinateJobEngine, database: Database, database_url: str, work: Work
):
    work.failures = {1: DocumentError("It is encrypted.")}
    await defer(engine, database, 1)
    async with working(engine):
        await until(lambda: statuses(database_url) == [("failed", 1)])
    assert work.given_up == [({"number": 1}, "It is encrypted.")]
    assert len(work.started) == 1


async def test_fences_grow_with_each_attempt_and_each_job(
    engine: ProcrastinateJobEngine, database: Database, database_url: str, work: Work
):
    work.failures, work.failures_left = {1: ProviderError("No.")}, 1
    await defer(engine, database, 1)
    async with working(engine):
        await until(lambda: len(work.started) == 2)
        await defer(engine, database, 2)
        await until(lambda: statuses(database_url) == [])
    assert [attempt.number for attempt in work.attempts] == [0, 1, 0]
    fences = [attempt.fence for attempt in work.attempts]
    assert fences == sorted(set(fences))


@pytest.mark.parametrize("ending", ["finishes", "fails"])
async def test_a_worker_that_wakes_after_its_lease_cannot_end_or_repeat_the_job(
    database: Database, database_url: str, ending: str
):
    asleep, second_may_end = asyncio.Event(), asyncio.Event()
    attempts: list[int] = []
    given_up: list[str] = []

    async def run(arguments: JobArguments, attempt: Attempt) -> None:
        attempts.append(attempt.number)
        if attempt.number == 0:
            await asleep.wait()
            if ending == "fails" and arguments["number"] == 1:
                raise ProviderError("No.")
        else:
            await second_may_end.wait()

    async def give_up(_: JobArguments, __: Attempt, reason: str) -> None:
        given_up.append(reason)

    engines = [make_engine(database_url, Work()) for _ in range(2)]
    for engine in engines:
        engine.register(JobKind("slow", "test", run, give_up))
    async with database.anonymous_transaction() as connection:
        await engines[0].defer(connection, "slow", {"number": 1})
    async with working(engines[0]):
        await until(lambda: attempts == [0])
        with psycopg.connect(database_url, options=owner_options()) as owner:
            # As if its heart had stopped and its row had been cleared away.
            owner.execute("DELETE FROM procrastinate_workers")
        async with working(engines[1]):
            await until(lambda: attempts == [0, 1])
            asleep.set()
            await asyncio.sleep(1.5)
            assert statuses(database_url) == [("doing", 1)]
            second_may_end.set()
            await until(lambda: statuses(database_url) == [])
        # The one that was counted as dead works on.
        async with database.anonymous_transaction() as connection:
            await engines[0].defer(connection, "slow", {"number": 2})
        await until(lambda: statuses(database_url) == [])
    assert attempts == [0, 1, 0]
    assert given_up == []


async def test_a_job_that_recovers_is_not_given_up(
    engine: ProcrastinateJobEngine, database: Database, database_url: str, work: Work
):
    work.failures, work.failures_left = {1: UnavailableError("Away.")}, 1
    await defer(engine, database, 1)
    async with working(engine):
        await until(lambda: len(work.started) == 2)
        await until(lambda: statuses(database_url) == [])
    assert work.given_up == []


async def test_waiting_for_a_part_that_is_away_uses_no_attempt_up(
    engine: ProcrastinateJobEngine, database: Database, database_url: str, work: Work
):
    away = UnavailableError("Away.", retry_after_seconds=0)
    work.failures, work.failures_left = {1: away}, 3
    await defer(engine, database, 1)
    async with working(engine):
        await until(lambda: len(work.started) == 4)
        await until(lambda: statuses(database_url) == [])
    moments = [moment for moment, _ in work.started]
    pauses = [after - before for before, after in pairwise(moments)]
    assert [pause > least for pause, least in zip(pauses, (0.9, 1.9, 3.9), strict=True)] == [
        True
    ] * 3
    assert [attempt.number for attempt in work.attempts] == [0] * 4
    fences = [attempt.fence for attempt in work.attempts]
    assert fences == sorted(set(fences))
    assert work.arguments == [{"number": 1}] * 4
    assert work.given_up == []


async def test_attempts_count_on_after_waiting(
    engine: ProcrastinateJobEngine, database: Database, database_url: str, work: Work
):
    numbers: list[int] = []
    errors = [ProviderError("No."), UnavailableError("Away."), ProviderError("No."), KeyError("x")]

    async def run(_: JobArguments, attempt: Attempt) -> None:
        numbers.append(attempt.number)
        raise errors[len(numbers) - 1]

    engine.register(JobKind("mixed", "test", run, work.give_up))
    async with database.anonymous_transaction() as connection:
        await engine.defer(connection, "mixed", {"number": 1})
    async with working(engine):
        await until(lambda: statuses(database_url) == [("failed", 4)])
    assert numbers == [0, 1, 1, 2]
    assert len(work.given_up) == 1


async def test_a_job_that_has_waited_for_a_day_is_given_up(
    engine: ProcrastinateJobEngine, database: Database, database_url: str, work: Work
):
    work.failures = {1: UnavailableError("The model is away.")}
    await defer(engine, database, 1)
    with psycopg.connect(database_url, options=owner_options()) as owner:
        owner.execute(
            "UPDATE procrastinate_jobs SET args = args || jsonb_build_object('waits', 700,"
            " 'waiting_since', extract(epoch FROM now())::bigint - 86401), attempts = 700"
        )
    async with working(engine):
        await until(lambda: statuses(database_url) == [("failed", 701)])
    assert work.given_up == [({"number": 1}, "The model is away.")]
    assert [attempt.number for attempt in work.attempts] == [0]


async def test_ten_thousand_waiting_jobs_of_one_share_do_not_hold_back_another(
    engine: ProcrastinateJobEngine, database: Database, database_url: str, work: Work
):
    async with database.anonymous_transaction() as connection:
        for number in range(20):
            await engine.defer(connection, "work", {"number": number}, turn=Turn("many"))
    with psycopg.connect(database_url, options=owner_options()) as owner:
        # The rest of the line, as it would have been queued one by one.
        owner.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args, priority)"
            " SELECT queue_name, task_name,"
            " jsonb_build_object('share', 'many', 'rank', 2, 'number', 20 + n),"
            " priority - n FROM procrastinate_jobs, generate_series(1, 9980) AS n"
            " WHERE args ->> 'number' = '19'"
        )
        owner.execute("ANALYZE procrastinate_jobs")
    begun = time.monotonic()
    async with database.anonymous_transaction() as connection:
        await engine.defer(connection, "work", {"number": -1}, turn=Turn("one"))
    queued_in = time.monotonic() - begun
    begun = time.monotonic()
    async with database.anonymous_transaction() as connection:
        await engine.defer(connection, "work", {"number": -3}, turn=Turn("many", 0))
    urgent_in = time.monotonic() - begun
    async with working(engine):
        await until(lambda: {"number": -1} in work.arguments)
        # Another comes while the long line is worked on.
        async with database.anonymous_transaction() as connection:
            await engine.defer(connection, "work", {"number": -2}, turn=Turn("one"))
        place = len(work.started)
        await until(lambda: {"number": -2} in work.arguments)
    assert work.arguments.index({"number": -3}) <= 2
    first = work.arguments.index({"number": -1})
    later = work.arguments.index({"number": -2}) - place
    sys.stdout.write(
        f"jobs of the other share before it: {first}, and {later} while it runs;"
        f" queued in {queued_in * 1000:.1f} ms, before its own in {urgent_in * 1000:.1f} ms\n"
    )
    assert first <= 2
    assert later <= 20


async def test_shares_take_turns_and_what_is_urgent_goes_first_at_the_cost_of_its_own_share(
    engine: ProcrastinateJobEngine, database: Database, work: Work
):
    async with database.anonymous_transaction() as connection:
        for number in range(10):
            await engine.defer(connection, "work", {"number": number}, turn=Turn("one", 1))
        for number in range(100, 110):
            await engine.defer(connection, "work", {"number": number}, turn=Turn("other", 1))
        for number in range(200, 210):
            await engine.defer(connection, "work", {"number": number}, turn=Turn("one", 0))
    async with working(engine):
        await until(lambda: len(work.started) == 30)
    order = [int(arguments["number"]) for arguments in work.arguments]
    own = [number for number in order if not 100 <= number < 110]
    assert own == [*range(200, 210), *range(10)]
    others = [place for place, number in enumerate(order) if 100 <= number < 110]
    sys.stdout.write(f"ten urgent jobs of another share: places of the ten others {others}\n")
    assert others == pytest.approx([2 * n for n in range(10)], abs=2)


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


async def test_a_dead_workers_job_of_an_unknown_kind_ends_and_holds_up_nobody(
    engine: ProcrastinateJobEngine, database: Database, database_url: str, work: Work
):
    """As after a rolling restart back to an older version."""
    pretend_that_a_worker_died(database_url, 1, attempts=2)
    with psycopg.connect(database_url, options=owner_options()) as owner:
        owner.execute("UPDATE procrastinate_jobs SET task_name = 'of the future'")
    async with working(engine):
        await until(lambda: statuses(database_url)[0][0] == "failed")
        await defer(engine, database, 2)
        await until(lambda: work.arguments == [{"number": 2}])


async def test_a_dead_workers_job_that_cannot_be_given_up_in_order_holds_up_nobody(
    database: Database,
    database_url: str,
    work: Work,
):
    async def give_up(*_: object) -> None:
        raise ZeroDivisionError

    clumsy = make_engine(database_url, Work())
    clumsy.register(JobKind("clumsy", "test", work.run, give_up))
    pretend_that_a_worker_died(database_url, 1, attempts=2)
    with psycopg.connect(database_url, options=owner_options()) as owner:
        owner.execute("UPDATE procrastinate_jobs SET task_name = 'clumsy'")
    async with working(clumsy):
        await until(lambda: statuses(database_url)[0][0] == "failed")
        async with database.anonymous_transaction() as connection:
            await clumsy.defer(connection, "clumsy", {"number": 2})
        await until(lambda: work.arguments == [{"number": 2}])


async def test_slow_jobs_of_one_queue_hold_up_none_of_another(
    engine: ProcrastinateJobEngine, database: Database, work: Work
):
    released, begun = asyncio.Event(), []

    async def wait(arguments: JobArguments, _: Attempt) -> None:
        begun.append(arguments)
        await released.wait()

    engine.register(JobKind("wait", "slow", wait, work.give_up))
    async with database.anonymous_transaction() as connection:
        for number in range(10):
            await engine.defer(connection, "wait", {"number": number})
    async with working(engine):
        await until(lambda: len(begun) == 2)
        await defer(engine, database, 1)
        await until(lambda: work.arguments == [{"number": 1}])
        released.set()


async def test_a_worker_of_some_queues_leaves_the_others_alone(
    engine: ProcrastinateJobEngine, database: Database, work: Work
):
    other = Work()
    engine.register(JobKind("other", "elsewhere", other.run, other.give_up))
    await defer(engine, database, 1)
    async with database.anonymous_transaction() as connection:
        await engine.defer(connection, "other", {"number": 2})
    async with working(engine, ["elsewhere"]):
        await until(lambda: other.arguments == [{"number": 2}])
        await asyncio.sleep(0.3)
    assert work.started == []


async def test_a_dead_workers_job_that_another_waiting_one_replaces_holds_up_nobody(
    engine: ProcrastinateJobEngine, database: Database, database_url: str, work: Work
):
    pretend_that_a_worker_died(database_url, 1, attempts=0, unique="same")
    pretend_that_a_worker_died(database_url, 2, attempts=0)
    pretend_that_a_worker_died(database_url, 3, attempts=0)
    await defer(engine, database, 4, unique="same")
    async with working(engine):
        await until(lambda: {2, 3, 4} <= {a["number"] for a in work.arguments})
        await until(lambda: all(status != "doing" for status, _ in statuses(database_url)))


async def test_a_failing_job_that_another_waiting_one_replaces_holds_up_nobody(
    engine: ProcrastinateJobEngine, database: Database, database_url: str, work: Work
):
    numbers: list[int] = []

    async def defer_keyed(number: int) -> None:
        async with database.anonymous_transaction() as connection:
            await engine.defer(connection, "keyed", {"number": number}, unique="same")

    async def run(arguments: JobArguments, _: Attempt) -> None:
        numbers.append(int(arguments["number"]))
        if arguments["number"] == 1:
            await defer_keyed(2)
            raise UnavailableError("Away.")

    engine.register(JobKind("keyed", "test", run, work.give_up))
    await defer_keyed(1)
    async with working(engine):
        await until(lambda: 2 in numbers)
        await until(lambda: all(status != "doing" for status, _ in statuses(database_url)))


async def test_a_worker_that_is_stopped_hands_back_or_finishes_what_it_holds(
    engine: ProcrastinateJobEngine, database: Database, database_url: str
):
    begun, may_end, ended = asyncio.Event(), asyncio.Event(), []

    async def slowly(arguments: JobArguments, _: Attempt) -> None:
        begun.set()
        await may_end.wait()
        ended.append(arguments)

    async def never(_: JobArguments, __: Attempt, ___: str) -> None:
        raise AssertionError

    engine.register(JobKind("slow", "test", slowly, never))
    async with database.anonymous_transaction() as connection:
        await engine.defer(connection, "slow", {"number": 1})
    running = asyncio.ensure_future(engine.run())
    async with patience():
        await begun.wait()
    running.cancel()
    await asyncio.sleep(0.1)
    may_end.set()
    with suppress(asyncio.CancelledError):
        await running
    assert ended == [{"number": 1}]
    assert statuses(database_url) == []


class ClumsyJobEngine(ProcrastinateJobEngine):
    """Its workers lose the database at the moment at which they are told to stop."""

    async def _serve(self, queue: str) -> None:
        try:
            await super()._serve(queue)
        finally:
            raise ConnectorException


async def test_a_run_that_is_cancelled_ends_even_when_the_database_goes_away_meanwhile(
    database_url: str, work: Work
):
    engine = ClumsyJobEngine(
        database_url, app_options(), concurrency=2, lease_seconds=LEASE_SECONDS
    )
    engine.register(JobKind("work", "test", work.run, work.give_up))
    running = asyncio.ensure_future(engine.run())
    await until(lambda: has_worker(database_url))
    running.cancel()
    await asyncio.wait([running], timeout=PATIENCE_SECONDS)
    assert running.cancelled()


async def test_a_job_works_for_the_request_that_queued_it(
    engine: ProcrastinateJobEngine, database: Database
) -> None:
    origins: list[Origin] = []

    async def follow(arguments: JobArguments, _: Attempt) -> None:
        origins.append(current_origin())
        if not arguments:
            async with database.anonymous_transaction() as connection:
                await engine.defer(connection, "follow", {"number": 2})

    engine.register(JobKind("follow", "test", follow, Work().give_up))
    with origin_kept():
        set_origin(Origin("req-7"))
        async with database.anonymous_transaction() as connection:
            await engine.defer(connection, "follow", {})
    async with working(engine):
        await until(lambda: len(origins) == 2)
    assert [origin.request_id for origin in origins] == ["req-7", "req-7"]
    assert None not in {origin.job for origin in origins}
    assert current_origin() == Origin()


async def test_ends_of_jobs_are_counted_and_queues_measured(
    engine: ProcrastinateJobEngine, database: Database, work: Work
) -> None:
    work.failures = {2: DocumentError("Broken.")}
    for number in (1, 2, 3):
        await defer(engine, database, number)
    async with database.anonymous_transaction() as connection:
        assert await engine.read_depths(connection) == [QueueDepth("test", "waiting", 3)]
    outcomes: list[JobOutcome] = []
    async with working(engine), patience():
        while sum(outcome.jobs for outcome in outcomes) < 3:
            async with database.anonymous_transaction() as connection:
                outcomes = await engine.read_outcomes(connection)
            await asyncio.sleep(0.05)
    counted = {(outcome.kind, outcome.outcome): outcome.jobs for outcome in outcomes}
    assert counted == {("work", "succeeded"): 2, ("work", "failed"): 1}
    async with database.anonymous_transaction() as connection:
        assert await engine.read_depths(connection) == [QueueDepth("test", "failed", 1)]


async def test_an_hourly_job_is_queued_by_itself_and_learns_nothing_of_it(
    database: Database, database_url: str
) -> None:
    seen: list[JobArguments] = []

    async def look(arguments: JobArguments, _: Attempt) -> None:
        seen.append(arguments)

    engine = make_engine(database_url, Work())
    engine.register(JobKind("look", "test", look, Work().give_up, is_hourly=True))
    registry = engine._app.periodic_registry.periodic_tasks
    assert [(task.task.name, task.cron) for task in registry.values()] == [("look", "17 * * * *")]
    async with database.anonymous_transaction() as connection:
        await engine.defer(connection, "look", {"timestamp": 1})
    async with working(engine):
        await until(lambda: bool(seen))
    # Another one may come at its minute of the hour.
    assert all(arguments == {} for arguments in seen)


async def test_turns_of_one_queue_do_not_move_those_of_another(
    engine: ProcrastinateJobEngine, database: Database, database_url: str
) -> None:
    engine.register(JobKind("call", "calls", Work().run, Work().give_up))
    async with database.anonymous_transaction() as connection:
        for number in range(50):
            await engine.defer(connection, "call", {"number": number}, turn=Turn("one/calls"))
        await connection.execute(
            "INSERT INTO procrastinate_workers (id) OVERRIDING SYSTEM VALUE VALUES (1)"
        )
        # The last one is running: its tag would be the moment of all.
        await connection.execute(
            "UPDATE procrastinate_jobs SET status = 'doing', worker_id = 1 WHERE priority ="
            " (SELECT min(priority) FROM procrastinate_jobs)"
        )
        for share in ("one", "one", "two"):
            await engine.defer(connection, "work", {"number": 1}, turn=Turn(share))
    with psycopg.connect(database_url, options=owner_options()) as owner:
        rows = owner.execute(
            "SELECT args ->> 'share', priority FROM procrastinate_jobs WHERE task_name = 'work'"
            " ORDER BY id"
        ).fetchall()
    assert rows == [("one", -1), ("one", -2), ("two", -2)]


async def standing(engine: ProcrastinateJobEngine, database: Database, name: str) -> JobStanding:
    async with database.anonymous_transaction() as connection:
        return await engine.read_standing(connection, "name", name, "of")


async def defer_for(
    engine: ProcrastinateJobEngine, database: Database, owner: str, *names: str
) -> None:
    async with database.anonymous_transaction() as connection:
        for number, name in enumerate(names):
            arguments = {"number": number, "name": name, "of": owner}
            await engine.defer(connection, "work", arguments)


async def test_a_waiting_job_knows_those_of_its_owner_that_come_first_and_no_others(
    engine: ProcrastinateJobEngine, database: Database
):
    await defer_for(engine, database, "ann", "first", "second")
    await defer_for(engine, database, "bob", "elsewhere")
    await defer_for(engine, database, "ann", "third")
    assert (await standing(engine, database, "first")).before == 0
    third = await standing(engine, database, "third")
    assert third == JobStanding(
        has_worker=False, is_there=True, is_running=False, next_try_at=None, reason=None, before=2
    )
    assert not (await standing(engine, database, "nowhere")).is_there


async def test_a_job_that_could_not_be_done_says_why_and_when_it_comes_again(
    engine: ProcrastinateJobEngine, database: Database, work: Work
):
    work.failures = {
        0: UnavailableError("The model is away.", retry_after_seconds=30),
        1: ProviderError("The model answers nonsense."),
    }
    await defer_for(engine, database, "ann", "away", "odd")
    async with working(engine):
        await until(lambda: len(work.started) >= 2)
        async with patience():
            while (away := await standing(engine, database, "away")).next_try_at is None:  # noqa: ASYNC110 - the database gives no event
                await asyncio.sleep(0.05)
        assert (away.has_worker, away.is_running, away.reason) == (
            True,
            False,
            "The model is away.",
        )
        async with patience():
            while (odd := await standing(engine, database, "odd")).reason is None:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.05)
        assert odd.reason == "The model answers nonsense."
        # What the engine keeps for itself is no business of the job's code.
        await until(lambda: len(work.started) >= 3)
        assert all(set(given) == {"number", "name", "of"} for given in work.arguments)


async def test_a_job_in_hand_is_running_and_a_worker_that_left_is_none(
    engine: ProcrastinateJobEngine, database: Database, database_url: str
):
    going, begun = asyncio.Event(), asyncio.Event()

    async def hold(_: JobArguments, __: Attempt) -> None:
        begun.set()
        await going.wait()

    engine.register(JobKind("hold", "test", hold, Work().give_up))
    async with database.anonymous_transaction() as connection:
        await engine.defer(connection, "hold", {"name": "held", "of": "ann"})
    async with working(engine):
        async with patience():
            await begun.wait()
        held = await standing(engine, database, "held")
        assert (held.has_worker, held.is_running, held.before) == (True, True, 0)
        # The worker lives on, so that a heartbeat may come in between.
        async with patience():
            while held.has_worker:
                with psycopg.connect(database_url, options=owner_options()) as owner:
                    owner.execute(
                        "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1h'"
                    )
                held = await standing(engine, database, "held")
        going.set()


async def test_a_job_in_hand_is_not_handed_out_again_while_heartbeats_are_late(
    database: Database, database_url: str
) -> None:
    starts: list[Attempt] = []

    async def run_late(_: JobArguments, attempt: Attempt) -> None:
        starts.append(attempt)
        async with await psycopg.AsyncConnection.connect(
            database_url, options=owner_options(), autocommit=True
        ) as owner:
            end = time.monotonic() + 1
            while time.monotonic() < end:
                await owner.execute(
                    "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'"
                )
                await asyncio.sleep(0.01)

    work = Work()
    # It looks for the jobs of dead workers five times a second.
    engine = ProcrastinateJobEngine(database_url, app_options(), concurrency=2, lease_seconds=1)
    engine.register(JobKind("late", "test", run_late, work.give_up))
    async with database.anonymous_transaction() as connection:
        await engine.defer(connection, "late", {})
    async with working(engine):
        await until(lambda: bool(starts))
        await until(lambda: statuses(database_url) == [])
    assert [attempt.number for attempt in starts] == [0]
    assert work.given_up == []
