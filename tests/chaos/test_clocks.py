"""Clocks that are an hour wrong: leases and pauses are measured by the database's."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest

from groundwell.adapters.job_engine.procrastinate.engine import ProcrastinateJobEngine
from groundwell.domain.errors import ProviderError
from groundwell.ports.job_engine import Attempt, JobArguments, JobKind
from groundwell.store.database import Database, app_options

HOUR = timedelta(hours=1)
LEASE_SECONDS = 2.0


class JumpingClock:
    """The real time, and what was added to it."""

    def __init__(self, ahead: timedelta = timedelta(0)) -> None:
        self.ahead = ahead

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class Work:
    """Fails once, then takes a while. Remembers when it was started, and how many at once."""

    def __init__(self, clocks: list[JumpingClock], jump: timedelta, seconds: float) -> None:
        self._clocks = clocks
        self._jump = jump
        self._seconds = seconds
        self._running = 0
        self.most_at_once = 0
        self.starts: list[float] = []
        self.ended = asyncio.Event()

    async def run(self, _: JobArguments, attempt: Attempt) -> None:
        self.starts.append(time.monotonic())
        self._running += 1
        self.most_at_once = max(self.most_at_once, self._running)
        for clock in self._clocks:
            clock.ahead += self._jump
        try:
            if attempt.number == 0:
                raise ProviderError("The first time it does not work.")
            await asyncio.sleep(self._seconds)
        finally:
            self._running -= 1
        self.ended.set()

    async def give_up(self, _: JobArguments, __: Attempt, reason: str) -> None:
        raise AssertionError(reason)


@asynccontextmanager
async def working(engines: list[ProcrastinateJobEngine]) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(engine.run()) for engine in engines]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


@pytest.mark.slow
@pytest.mark.parametrize("hours", [1, -1])
async def test_a_clock_that_jumps_by_an_hour_locks_no_job_out_and_runs_none_twice(
    database: Database, database_url: str, hours: int
):
    # Two workers whose clocks are two hours apart; both jump whenever the job begins.
    clocks = [JumpingClock(), JumpingClock(-2 * hours * HOUR)]
    work = Work(clocks, hours * HOUR, seconds=2 * LEASE_SECONDS)
    engines = []
    for clock in clocks:
        engine = ProcrastinateJobEngine(
            database_url,
            app_options(),
            concurrency=1,
            lease_seconds=LEASE_SECONDS,
            clock=clock,
        )
        engine.register(JobKind("work", "test", work.run, work.give_up))
        engines.append(engine)
    async with database.anonymous_transaction() as connection:
        await engines[0].defer(connection, "work", {})
    async with working(engines):
        async with asyncio.timeout(30):
            await work.ended.wait()
    pause = work.starts[1] - work.starts[0]
    sys.stdout.write(
        f"\nclocks of two workers jumped by {hours:+} h whenever a job began: tried again after"
        f" {pause:.1f} s, started"
        f" {len(work.starts)} times, never more than {work.most_at_once} at once\n"
    )
    assert len(work.starts) == 2
    assert work.most_at_once == 1
    assert 0.9 < pause < 15
