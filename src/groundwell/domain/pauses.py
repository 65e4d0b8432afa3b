"""Pauses of what goes on until it is cancelled."""

from __future__ import annotations

import asyncio


async def pause(seconds: float) -> None:
    """Sleep, unless this task was told to end before.

    A cancellation reaches a task once. A driver may make an error of its own out of it, and
    `asyncio.wait_for` of Python 3.11 may drop it; a loop that goes on after errors would then go on
    for ever. Raises CancelledError.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
    await asyncio.sleep(seconds)
