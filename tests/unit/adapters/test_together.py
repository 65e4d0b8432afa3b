"""The parts of a worker end together, and what one leaves behind does not end the next ones."""

from __future__ import annotations

import asyncio

import pytest

from groundwell.adapters.job_engine.procrastinate.together import run_until_one_ends


async def end_at_once() -> None:
    await asyncio.sleep(0)


async def fail_when_cancelled() -> None:
    try:
        await asyncio.sleep(60)
    finally:
        raise ConnectionError("the queue is away")


async def test_a_part_that_fails_while_it_is_ended_does_not_cancel_who_waits() -> None:
    with pytest.raises(ExceptionGroup) as raised:
        await run_until_one_ends(end_at_once(), fail_when_cancelled())
    assert [type(error) for error in raised.value.exceptions] == [ConnectionError]
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_when_one_ends_in_order_the_others_are_ended() -> None:
    ended = asyncio.Event()

    async def go_on() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    await run_until_one_ends(end_at_once(), go_on())
    assert ended.is_set()


async def test_whoever_is_cancelled_ends_all_parts_and_is_cancelled() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def go_on() -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    running = asyncio.ensure_future(run_until_one_ends(go_on(), fail_when_cancelled()))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended.is_set()
