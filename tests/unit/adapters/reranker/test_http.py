"""The HTTP reranker against a server that misbehaves in every way we know of."""

from __future__ import annotations

import asyncio
import time
from uuid import uuid4

import orjson
import pytest
from tests.fakes.staged_server import Scene, Stage, staged
from tests.waiting import first_good

from groundwell.adapters.reranker.http import HttpReranker
from groundwell.domain.chunks import ChunkId
from groundwell.domain.errors import (
    GroundwellError,
    ProviderError,
    ProviderTimeoutError,
    StartupError,
    UnavailableError,
)
from groundwell.domain.search import AnalysedQuery
from groundwell.ports.reranker import Candidate

KEY = "sk-canary-0123456789"
SECRET_TEXT = "the merger is on Friday"


def status(line: str, body: bytes = b"", headers: str = "") -> bytes:
    head = f"HTTP/1.1 {line}\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def results(*pairs: tuple[int, object]) -> bytes:
    found = [{"index": index, "relevance_score": score} for index, score in pairs]
    return status("200 OK", orjson.dumps({"id": "x", "results": found}))


async def ask(stage: Stage, *texts: str, timeout_seconds: float = 60) -> list[float | None]:
    reranker = HttpReranker(
        base_url=f"http://127.0.0.1:{stage.port}/v2/",
        api_key=KEY,
        model="rerank-small",
        timeout_seconds=timeout_seconds,
    )
    found = [Candidate(ChunkId(str(uuid4())), text) for text in texts]
    try:
        return await reranker.rerank(AnalysedQuery("Why?", (), None), found)
    finally:
        await reranker.close()


async def test_request_is_the_protocols_and_carries_the_key():
    async with staged(results((1, 0.9), (0, 0.25))) as stage:
        assert await ask(stage, "first", "second \ud800") == [0.25, 0.9]
    head, _, body = stage.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v2/rerank ")
    assert f"Bearer {KEY}".encode() in head
    assert b"accept-encoding: identity" in head.lower()
    assert orjson.loads(body) == {
        "model": "rerank-small",
        "query": "Why?",
        "documents": ["first", "second ?"],
        "top_n": 2,
    }


async def test_blank_passages_are_not_sent_and_have_no_score():
    async with staged(results((0, 0.5), (1, 0.75))) as stage:
        assert await ask(stage, "", "a", " \n", "b") == [None, 0.5, None, 0.75]
        assert await ask(stage, "", " ") == [None, None]
    assert len(stage.requests) == 1


async def test_a_passage_that_did_not_come_back_has_no_score():
    async with staged(results((2, 0.5)), results()) as stage:
        assert await ask(stage, "a", "b", "c") == [None, None, 0.5]
        assert await ask(stage, "a") == [None]


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()


@pytest.mark.parametrize("scene", [status("503 Away"), status("500 Oh"), hang_up])
async def test_a_failure_before_the_answer_is_tried_once_more(scene: Scene):
    async with staged(scene, results((0, 0.5))) as stage:
        assert await ask(stage, "a") == [0.5]
    async with staged(scene, scene, results((0, 0.5))) as stage:
        with pytest.raises(UnavailableError):
            await ask(stage, "a")
        assert len(stage.requests) == 2


async def test_a_connection_that_breaks_within_the_answer_is_not_tried_again():
    async with staged(results((0, 0.5))[:-9], results((0, 0.5))) as stage:
        with pytest.raises(UnavailableError):
            await ask(stage, "a")
        assert len(stage.requests) == 1


@pytest.mark.parametrize(
    ("headers", "seconds"), [("", 1), ("Retry-After: 17\r\n", 17), ("Retry-After: soon\r\n", 1)]
)
async def test_a_server_that_asks_to_wait_too_long_is_not_asked_again(headers: str, seconds: int):
    async def refused() -> tuple[UnavailableError, int]:
        async with staged(status("429 Slow down", headers=headers), results()) as stage:
            with pytest.raises(UnavailableError) as caught:
                # The pause is over a second, and would end after the deadline.
                await ask(stage, "a", timeout_seconds=0.9)
            return caught.value, len(stage.requests)

    error, requests = await first_good(refused, in_time)
    assert error.retry_after_seconds == seconds
    assert requests == 1


def in_time(refusal: tuple[UnavailableError, int]) -> bool:
    return not isinstance(refusal[0], ProviderTimeoutError)


async def stall(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)
    writer.close()


async def drip(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("scene", [stall, drip])
async def test_a_slow_server_is_given_up_at_the_deadline(scene: Scene):
    begun = time.monotonic()
    async with staged(scene) as stage:
        with pytest.raises(UnavailableError, match="too long"):
            await ask(stage, "a", timeout_seconds=0.2)
        assert time.monotonic() - begun < 30


async def test_a_server_that_is_not_there_is_unavailable():
    # Nothing listens on the discard port of this machine.
    with pytest.raises(UnavailableError, match="reach"):
        await ask(Stage([], port=9), "a")


@pytest.mark.parametrize(
    "scene",
    [
        status("401 No", KEY.encode()),
        status("422 Bad", SECRET_TEXT.encode()),
        status("302 Elsewhere", headers="Location: http://127.0.0.1:1/\r\n"),
        status("200 OK", b"<html>" + SECRET_TEXT.encode()),
        status("200 OK", b'{"results": "none"}'),
        status("200 OK", b'{"results": [{"index": 0, "relevance_score": "NaN"}]}'),
        results((1, 0.5)),
        results((-1, 0.5)),
        results((0, 0.5), (0, 0.6)),
        results((0, None)),
        status("200 OK", b" " * 200_000),
    ],
)
async def test_a_refusal_or_an_unusable_answer_is_the_providers_fault(scene: Scene):
    async with staged(scene) as stage:
        with pytest.raises(ProviderError) as caught:
            await ask(stage, SECRET_TEXT)
    assert not leaks(caught.value)


def leaks(error: GroundwellError) -> bool:
    shown = f"{error!r} {error.detail} {error.__cause__!r}"
    return KEY in shown or SECRET_TEXT in shown


@pytest.mark.parametrize("base_url", ["", "127.0.0.1:80", "ftp://x", "http://", "http://[::"])
def test_address_that_is_none_is_refused(base_url: str):
    with pytest.raises(StartupError, match="base URL"):
        HttpReranker(base_url=base_url, api_key=None, model="m")


def test_key_that_is_none_is_refused_without_being_shown():
    with pytest.raises(StartupError) as caught:
        HttpReranker(base_url="http://x", api_key="two\nlines", model="m")
    assert "two" not in caught.value.detail
