"""How long the event loop was held up: what everybody else had to wait for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

_PAUSE_SECONDS = 0.002


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
        last, last_own = time.monotonic(), time.process_time()
        while True:
            await asyncio.sleep(_PAUSE_SECONDS)
            now, now_own = time.monotonic(), time.process_time()
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
