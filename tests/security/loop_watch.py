"""How long the event loop was held up: what everybody else had to wait for.

What the machine is to blame for does not count: time in which the loop's thread could have gone on
and others had the processors, and time in which everything stood still. The kernel tells of the
one; of the other, a second process does, which notes when it could not go on either.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

_PAUSE_SECONDS = 0.002
# Shorter gaps are not looked into.
_SHORT_SECONDS = 0.02
# Of the thread that reads it: nanoseconds of computing, and of waiting for a processor.
_SCHEDULED = Path("/proc/thread-self/schedstat")
# The clock is the same in all processes.
_OTHER = f"""
import time
print("here", flush=True)
last = time.monotonic()
while True:
    time.sleep({_PAUSE_SECONDS})
    now = time.monotonic()
    if now - last > {_SHORT_SECONDS}:
        print(last, now, flush=True)
    last = now
"""

Gap: TypeAlias = tuple[float, float]


@dataclass
class Stalls:
    """`longest`: the seconds for which nobody else had a turn.

    `longest_own`: of them those that this process computed, on the loop or beside it. Both are
    known when the block has ended.
    """

    longest: float = 0.0
    longest_own: float = 0.0


@asynccontextmanager
async def watched_loop() -> AsyncIterator[Stalls]:
    """Look for stalls while the block runs."""
    stalls = Stalls()
    # When nobody had a turn, for how much of it the thread waited for a processor, and how much
    # this process computed.
    gaps: list[tuple[Gap, float, float]] = []

    async def tick() -> None:
        last, last_waited = time.monotonic(), _seconds_without_processor()
        last_own = time.process_time()
        while True:
            await asyncio.sleep(_PAUSE_SECONDS)
            now, waited = time.monotonic(), _seconds_without_processor()
            own = time.process_time()
            gaps.append(((last + _PAUSE_SECONDS, now), waited - last_waited, own - last_own))
            last, last_waited, last_own = now, waited, own

    command = [sys.executable, "-I", "-S", "-c", _OTHER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:  # noqa: ASYNC220 - before anything is watched
        assert other.stdout is not None
        assert other.stdout.readline()
        ticking = asyncio.create_task(tick())
        await asyncio.sleep(0)
        try:
            yield stalls
            # A stall that lasts until now is seen at the next tick.
            await asyncio.sleep(_PAUSE_SECONDS * 2)
        finally:
            ticking.cancel()
            with suppress(asyncio.CancelledError):
                await ticking
            other.kill()
            of_all = [_gap_of(line) for line in other.stdout if line.endswith("\n")]
    for gap, waited, own in gaps:
        seconds = _share_of_this(gap, waited, of_all)
        stalls.longest = max(stalls.longest, seconds)
        # Several threads compute faster than time goes by.
        stalls.longest_own = max(stalls.longest_own, min(seconds, own))


def _gap_of(line: str) -> Gap:
    begun, ended = map(float, line.split())
    return begun, ended


def _share_of_this(gap: Gap, waited: float, of_all: list[Gap]) -> float:
    """The seconds of a gap that only this process itself can have caused."""
    begun, ended = gap
    if ended - begun < _SHORT_SECONDS:
        return max(0.0, ended - begun)
    shared = sum(max(0.0, min(ended, e) - max(begun, b)) for b, e in of_all)
    return ended - begun - max(waited, shared)


def _seconds_without_processor() -> float:
    """For how long this thread has waited for one; always 0 where the kernel does not tell."""
    try:
        return int(_SCHEDULED.read_text().split()[1]) / 1e9
    except (FileNotFoundError, IndexError):
        return 0.0
