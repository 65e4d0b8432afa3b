"""Server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any
from uuid import uuid4

import orjson
import pytest
from fastapi import Request
from starlette.types import Message
from tests.waiting import patience

from groundwell.domain.documents import TenantId
from groundwell.domain.errors import ProviderError, RateLimitedError, UnavailableError
from groundwell.domain.identity import SCOPES_OF_ROLE, Principal, Role, Tier
from groundwell.services import Limits
from groundwell.web.admission import Admission, Streams
from groundwell.web.gate import Visit
from groundwell.web.streaming import Event, event_stream

ADMISSION = Admission(Limits(upload_bytes=1, batch_bytes=1))
NOBODY = Principal(TenantId(uuid4()), uuid4(), SCOPES_OF_ROLE[Role.MEMBER], Role.MEMBER, Tier.FREE)


def request(admission: Admission = ADMISSION) -> Request:
    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/api/v1/ask",
        "groundwell.request_id": "the-id",
        "groundwell.principal": NOBODY,
        "headers": [],
    }
    scope["groundwell.visit"] = Visit(admission, scope, silent, silent)
    return Request(scope)


async def silent(*_: object) -> Message:
    raise AssertionError("the stream does not speak to the connection")


async def received(
    events: AsyncIterator[Event], admission: Admission = ADMISSION
) -> list[tuple[str, object]]:
    response = event_stream(request(admission), events)
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
    assert "the stream of a request failed" in caplog.text


async def test_the_source_is_closed_when_the_client_leaves() -> None:
    waits, closed = asyncio.Event(), asyncio.Event()

    async def events() -> AsyncGenerator[Event, None]:
        try:
            yield Event("message", {})
            waits.set()
            await asyncio.Event().wait()
        finally:
            closed.set()

    response = event_stream(request(), events())
    pieces = response.body_iterator
    await anext(aiter(pieces))
    waiting = asyncio.ensure_future(anext(aiter(pieces)))
    async with patience():
        await waits.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    async with patience():
        await closed.wait()


def test_integers_of_any_size_can_be_sent() -> None:
    assert Event("x", {"n": 10**80}).encode() == b'event: x\ndata: {"n":1%s}\n\n' % (b"0" * 80)


async def test_a_stream_ends_with_an_error_when_the_server_stops() -> None:
    admission = Admission(Limits(upload_bytes=1, batch_bytes=1))
    is_closed = False

    async def events() -> AsyncIterator[Event]:
        nonlocal is_closed
        try:
            yield Event("message", {"delta": "a"})
            asyncio.get_running_loop().call_soon(admission.streams.end)
            await asyncio.Event().wait()
        finally:
            is_closed = True

    async with patience():
        told = await received(events(), admission)
    assert [name for name, _ in told] == ["message", "error", "done"]
    problem = told[1][1]
    assert isinstance(problem, dict)
    assert (problem["code"], problem["status"], problem["retry_after"]) == ("shutting_down", 503, 5)
    assert is_closed
    with pytest.raises(UnavailableError, match="is stopping"):
        event_stream(request(admission), events())


async def test_one_user_cannot_take_all_streams_and_all_users_cannot_take_more_than_all() -> None:
    streams = Streams(most=3, most_of_one=2)
    ann, bob, cid = uuid4(), uuid4(), uuid4()
    first = streams.open(ann)
    streams.open(ann)
    with pytest.raises(RateLimitedError, match="2 streams") as refused:
        streams.open(ann)
    assert refused.value.code == "too_many_streams"
    streams.open(bob)
    with pytest.raises(UnavailableError) as full:
        streams.check(cid)
    assert full.value.code == "overloaded"
    streams.close(first)
    streams.open(cid)
