"""How long the event loop was held up: what everybody else had to wait for.

The time in which its thread could have gone on, and others had the processors, does not count: it
says how busy the machine is. What a process is stopped for cannot be told from a stall of its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_PAUSE_SECONDS = 0.002
# Of the thread that reads it: nanoseconds of computing, and of waiting for a processor.
_SCHEDULED = Path("/proc/thread-self/schedstat")


@dataclass
class Stalls:
    """`longest`: the seconds for which nobody else had a turn.

    `longest_own`: of them those that this process computed, on the loop or beside it. What other
    processes took of the machine is no part of it.
    """

    longest: float = 0.0
    longest_own: float = 0.0


@asynccontextmanager
async def watched_loop() -> AsyncIterator[Stalls]:
    """Look for stalls while the block runs."""
    stalls = Stalls()

    async def tick() -> None:
        last = time.monotonic() - _seconds_without_processor()
        last_own = time.process_time()
        while True:
            await asyncio.sleep(_PAUSE_SECONDS)
            now, now_own = time.monotonic() - _seconds_without_processor(), time.process_time()
            waited = now - last - _PAUSE_SECONDS
            stalls.longest = max(stalls.longest, waited)
            # Several threads compute faster than time goes by.
            stalls.longest_own = max(stalls.longest_own, min(waited, now_own - last_own))
            last, last_own = now, now_own

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


def _seconds_without_processor() -> float:
    """For how long this thread has waited for one; always 0 where the kernel does not tell."""
    try:
        return int(_SCHEDULED.read_text().split()[1]) / 1e9
    except (FileNotFoundError, IndexError):
        return 0.0
