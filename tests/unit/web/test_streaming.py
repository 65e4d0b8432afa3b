"""Server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import orjson
import pytest
from fastapi import Request

from groundwell.domain.errors import ProviderError
from groundwell.web.streaming import Event, event_stream


def request() -> Request:
    return Request({"type": "http", "groundwell.request_id": "the-id", "headers": []})


async def received(events: AsyncIterator[Event]) -> list[tuple[str, object]]:
    response = event_stream(request(), events)
    pieces = [bytes(piece) async for piece in response.body_iterator]
    blocks = b"".join(pieces).decode().split("\n\n")[:-1]
    named = [block.split("\ndata: ") for block in blocks]
    return [(name.removeprefix("event: "), orjson.loads(data)) for name, data in named]


async def test_a_stream_ends_with_done() -> None:
    async def events() -> AsyncIterator[Event]:
        yield Event("message", {"delta": "a\n\nb"})

    assert await received(events()) == [("message", {"delta": "a\n\nb"}), ("done", {})]


async def test_an_error_is_told_as_a_problem_before_done() -> None:
    async def events() -> AsyncIterator[Event]:
        yield Event("message", {"delta": "a"})
        raise ProviderError("The model is away.")

    told = await received(events())
    assert [name for name, _ in told] == ["message", "error", "done"]
    problem = told[1][1]
    assert isinstance(problem, dict)
    assert (problem["status"], problem["detail"]) == (502, "The model is away.")
    assert problem["instance"] == "the-id"


async def test_an_unexpected_error_shows_nothing_of_its_insides(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def events() -> AsyncIterator[Event]:
        raise RuntimeError("secret")
        yield Event("message", {})

    told = await received(events())
    assert [name for name, _ in told] == ["error", "done"]
    assert "secret" not in str(told)
    assert "stream of request the-id failed" in caplog.text


async def test_the_source_is_closed_when_the_client_leaves() -> None:
    closed = asyncio.Event()

    async def events() -> AsyncGenerator[Event, None]:
        try:
            yield Event("message", {})
            await asyncio.Event().wait()
        finally:
            closed.set()

    response = event_stream(request(), events())
    pieces = response.body_iterator
    await anext(aiter(pieces))
    waiting = asyncio.ensure_future(anext(aiter(pieces)))
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.wait_for(closed.wait(), 1)


def test_integers_of_any_size_can_be_sent() -> None:
    assert Event("x", {"n": 10**80}).encode() == b'event: x\ndata: {"n":1%s}\n\n' % (b"0" * 80)
