"""Clocks that are an hour wrong: leases and pauses are measured by the database's.

A lease is lost by right where its worker, or the database, stands still for as long. So a run in
which either did shows nothing, and is done again.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from groundwell.adapters.job_engine.procrastinate.engine import ProcrastinateJobEngine
from groundwell.domain.errors import ProviderError
from groundwell.ports.job_engine import Attempt, JobArguments, JobKind
from groundwell.store.database import Database, app_options

HOUR = timedelta(hours=1)
LEASE_SECONDS = 2.0
# Half of the time between a heartbeat and the end of its lease.
STANDSTILL_SECONDS = LEASE_SECONDS / 4
MOST_RUNS = 5


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


@dataclass
class Standstill:
    """The longest time for which this process or the database did nothing."""

    seconds: float = 0.0

    async def watch(self, database: Database) -> None:
        while True:
            begun = time.monotonic()
            await database.ensure_available()
            await asyncio.sleep(0.02)
            self.seconds = max(self.seconds, time.monotonic() - begun)


async def work_with_jumping_clocks(
    database: Database, database_url: str, hours: int
) -> tuple[Work, float]:
    """What became of a job, and for how long all stood still meanwhile."""
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
    standstill = Standstill()
    watching = asyncio.ensure_future(standstill.watch(database))
    async with working(engines):
        async with asyncio.timeout(120):
            await work.ended.wait()
    watching.cancel()
    return work, standstill.seconds


@pytest.mark.slow
@pytest.mark.parametrize("hours", [1, -1])
async def test_a_clock_that_jumps_by_an_hour_locks_no_job_out_and_runs_none_twice(
    database: Database, database_url: str, hours: int
):
    for _ in range(MOST_RUNS):
        work, seconds = await work_with_jumping_clocks(database, database_url, hours)
        if seconds < STANDSTILL_SECONDS:
            break
    pause = work.starts[1] - work.starts[0]
    sys.stdout.write(
        f"\nclocks of two workers jumped by {hours:+} h whenever a job began: tried again after"
        f" {pause:.1f} s, started"
        f" {len(work.starts)} times, never more than {work.most_at_once} at once\n"
    )
    assert len(work.starts) == 2
    assert work.most_at_once == 1
    # A pause of an hour would be as wrong as none.
    assert 0.9 < pause < HOUR.total_seconds() / 2
