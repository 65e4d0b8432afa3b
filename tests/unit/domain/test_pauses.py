"""What goes on until it is cancelled does end."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from tests.waiting import patience

from groundwell.domain.pauses import pause


async def test_a_loop_whose_work_makes_an_error_of_a_cancellation_ends_at_its_pause() -> None:
    begun = asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise ConnectionError("the statement was cancelled") from None

    async def go_on() -> None:
        while True:
            with suppress(ConnectionError):
                await work()
            await pause(60)

    going = asyncio.ensure_future(go_on())
    await begun.wait()
    going.cancel()
    async with patience():
        with pytest.raises(asyncio.CancelledError):
            await going


async def test_a_pause_takes_its_time() -> None:
    loop = asyncio.get_running_loop()
    before = loop.time()
    await pause(0.05)
    assert loop.time() - before >= 0.05
