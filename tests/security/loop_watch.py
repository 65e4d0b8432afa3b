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
    """`longest`: the seconds for which nobody else had a turn."""

    longest: float = 0.0


@asynccontextmanager
async def watched_loop() -> AsyncIterator[Stalls]:
    """Look for stalls while the block runs."""
    stalls = Stalls()

    async def tick() -> None:
        last = time.monotonic()
        while True:
            await asyncio.sleep(_PAUSE_SECONDS)
            now = time.monotonic()
            stalls.longest = max(stalls.longest, now - last - _PAUSE_SECONDS)
            last = now

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
