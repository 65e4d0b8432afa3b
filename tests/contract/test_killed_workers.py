"""Workers that are killed in the middle of a job, as real processes."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import psycopg
from tests.waiting import PATIENCE_SECONDS, patience

from groundwell.adapters.job_engine.procrastinate.engine import ProcrastinateJobEngine
from groundwell.ports.job_engine import Attempt, JobArguments, JobKind
from groundwell.store.database import Database, app_options, owner_options

LEASE_SECONDS = 2.0
# Less than the library's own lease of half a minute, so that it was ours that ended.
MOST_SECONDS = 25.0
_ROWS = "SELECT status::text, attempts FROM procrastinate_jobs"
# A worker that dies by the first job it takes, and notes when it took it.
_WORKER = f"""
import asyncio, os, signal, sys, time
from groundwell.adapters.job_engine.procrastinate.engine import ProcrastinateJobEngine
from groundwell.ports.job_engine import JobKind
from groundwell.store.database import app_options

async def run(arguments, attempt):
    with open(sys.argv[2], "a") as file:
        print(begun, time.time(), attempt.number, file=file, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

async def give_up(arguments, attempt, reason):
    raise AssertionError

engine = ProcrastinateJobEngine(
    sys.argv[1], app_options(), concurrency=1, lease_seconds={LEASE_SECONDS}
)
engine.register(JobKind("poison", "test", run, give_up))
begun = time.time()
asyncio.run(engine.run())
"""


async def test_a_job_that_kills_every_worker_stops_after_three(
    database: Database, database_url: str, tmp_path: Path
):
    given_up: list[str] = []

    async def never(_: JobArguments, __: Attempt) -> None:
        raise AssertionError

    async def give_up(_: JobArguments, __: Attempt, reason: str) -> None:
        given_up.append(reason)

    engine = ProcrastinateJobEngine(
        database_url, app_options(), concurrency=1, lease_seconds=LEASE_SECONDS
    )
    engine.register(JobKind("poison", "test", never, give_up))
    async with database.anonymous_transaction() as connection:
        await engine.defer(connection, "poison", {})
    notes = tmp_path / "notes"
    for _ in range(3):
        command = [sys.executable, "-c", _WORKER, database_url, str(notes)]
        killed = await asyncio.to_thread(
            subprocess.run, command, timeout=PATIENCE_SECONDS, check=False
        )
        assert killed.returncode == -signal.SIGKILL
    begun_at = time.time()
    working = asyncio.ensure_future(engine.run())
    async with patience():
        while not given_up:  # noqa: ASYNC110 - the database gives no event
            await asyncio.sleep(0.02)
    ended = time.time() - begun_at
    # The worker notes the end in the job's row after it gave up.
    with psycopg.connect(database_url, options=owner_options(), autocommit=True) as owner:
        async with patience():
            while (rows := owner.execute(_ROWS).fetchall()) == [("doing", 2)]:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.02)
    working.cancel()
    await asyncio.wait([working])
    lines = [line.split() for line in notes.read_text().splitlines()]
    moments = [(float(begun), float(taken)) for begun, taken, _ in lines]
    # The time that a process needs to start is not the job engine's.
    pauses = [taken - max(begun, died) for (_, died), (begun, taken) in pairwise(moments)]
    sys.stdout.write(
        f"lease {LEASE_SECONDS} s; from death to the next start"
        f" {', '.join(f'{pause:.1f}' for pause in pauses)} s; given up {ended:.1f} s after\n"
    )
    assert [number for _, _, number in lines] == ["0", "1", "2"]
    assert given_up == ["The worker died 3 times while it worked on this."]
    assert max(*pauses, ended) < MOST_SECONDS
    assert rows == [("failed", 3)]
