"""Waiting in tests, on machines that are slow or stand still for a while.

A test waits until something holds, not for a time in which it should; what a test bounds is not
what the machine adds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

PATIENCE_SECONDS = 120.0
"""So long that only a fault takes longer. No test that passes waits for it."""
TRIES = 3
_FIXED_WORK_SECONDS = 0.02

T = TypeVar("T")


def patience() -> asyncio.Timeout:
    """The time that a block may take before it counts as stuck."""
    return asyncio.timeout(PATIENCE_SECONDS)


async def until(condition: Callable[[], object]) -> None:
    """Wait until the condition holds, for what no event tells of."""
    async with patience():
        while True:
            begun = time.monotonic()
            if condition():
                return
            # A condition that blocks the loop for long leaves it as much time for others.
            await asyncio.sleep(max(0.01, time.monotonic() - begun))


async def first_good(attempt: Callable[[], Awaitable[T]], is_good: Callable[[T], bool]) -> T:
    """The outcome of the first attempt that is good, or else of the last.

    For a limit that is itself the promise, so that it cannot be made longer: a machine that stands
    still can only miss it, and is not likely to do so each time.
    """
    for _ in range(TRIES - 1):
        if is_good(outcome := await attempt()):
            return outcome
    return await attempt()


def slowness() -> float:
    """How many times as long as the processor of a plain machine this one computes, 1 at least.

    For limits of the processor's time: what is shared with others computes more slowly, too.
    """
    begun = time.thread_time()
    sum(number * number for number in range(300_000))
    return max(1.0, (time.thread_time() - begun) / _FIXED_WORK_SECONDS)
