"""The OpenAI adapter against a server that misbehaves in every way we know of."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing

import orjson
import pytest
from tests.fakes.staged_server import Scene, Stage, staged
from tests.waiting import first_good, patience

from groundwell.adapters.language_model.openai import Deadlines, OpenAILanguageModel
from groundwell.domain.answers import ChatMessage, Role
from groundwell.domain.errors import (
    ProviderError,
    ProviderTimeoutError,
    StartupError,
    UnavailableError,
)

ASKED = (ChatMessage(Role.USER, "Why?"),)
KEY = "sk-canary-0123456789"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
DONE = b"data: [DONE]\n\n"


def model_of(stage: Stage, deadlines: Deadlines | None = None) -> OpenAILanguageModel:
    url = f"http://127.0.0.1:{stage.port}/v1/"
    return OpenAILanguageModel(url, KEY, "small", deadlines or Deadlines())


def event(text: str = "", reason: str | None = None, **more: object) -> bytes:
    choice = {"delta": {"content": text}, "finish_reason": reason}
    return b"data: " + orjson.dumps({"choices": [choice], **more}) + b"\n\n"


def stream(*events: bytes, headers: bytes = b"") -> bytes:
    return HEAD + headers + b"\r\n" + b"".join(events)


def status(line: str, headers: str = "", body: str = "") -> bytes:
    return f"HTTP/1.1 {line}\r\n{headers}Content-Length: {len(body)}\r\n\r\n{body}".encode()


GOOD = stream(event("Be"), event("cause."), event(reason="stop"), DONE)


async def answer(stage: Stage, deadlines: Deadlines | None = None) -> str:
    model = model_of(stage, deadlines)
    try:
        return "".join([piece async for piece in model.stream(ASKED, 50)])
    finally:
        await model.close()


async def test_request_is_deterministic_uncompressed_and_carries_the_key():
    async with staged(GOOD) as stage:
        assert await answer(stage) == "Because."
    head, _, body = stage.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/chat/completions ")
    assert b"accept-encoding: identity" in head.lower()
    assert f"Bearer {KEY}".encode() in head
    asked = orjson.loads(body)
    assert (asked["temperature"], asked["max_tokens"], asked["stream"]) == (0, 50, True)
    assert asked["messages"] == [{"role": "user", "content": "Why?"}]


async def test_complete_reports_the_tokens_used():
    usage = b'data: {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": -1}}\n\n'
    async with staged(stream(event("Yes."), event(reason="stop"), usage, DONE)) as stage:
        completion = await model_of(stage).complete(ASKED, 50)
    assert (completion.text, completion.used.prompt) == ("Yes.", 7)
    assert completion.used.completion is None


async def test_characters_split_over_packets_arrive_whole():
    async def dribble(writer: asyncio.StreamWriter) -> None:
        for byte in stream(event("Grüße 世界 🌍"), event(reason="stop"), DONE):
            writer.write(bytes([byte]))
            await writer.drain()

    async with staged(dribble) as stage:
        assert await answer(stage) == "Grüße 世界 🌍"


async def test_tokens_after_the_finish_are_ignored():
    late = stream(event("Yes."), event(reason="stop"), event(" And no."), DONE)
    async with staged(late) as stage:
        assert await answer(stage) == "Yes."


async def test_comments_other_fields_and_carriage_returns_are_skipped():
    noise = b": ping\r\n\r\nevent: message\r\nid: 7\r\n" + event("Yes.").replace(b"\n", b"\r\n")
    async with staged(stream(noise, event(reason="stop"))) as stage:
        assert await answer(stage) == "Yes."


@pytest.mark.parametrize(
    "scene",
    [
        pytest.param(stream(event("Yes."), DONE), id="no finish reason before done"),
        pytest.param(stream(event("Yes.")), id="no finish reason at the end"),
        pytest.param(stream(event(reason="stop"), DONE), id="empty answer"),
        pytest.param(stream(event("a", "content_filter"), DONE), id="filtered"),
        pytest.param(stream(b"data: <html>\n\n"), id="event is not json"),
        pytest.param(stream(b"data: [1]\n\n"), id="event is not an object"),
        pytest.param(stream(b'data: {"error": {"message": "x"}}\n\n'), id="error event"),
        pytest.param(stream(b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n'), id="utf-8"),
        pytest.param(stream(b'data: {"choices":[{"delta":{"content":5}}]}\n\n'), id="number"),
        pytest.param(stream(b"data: " + b"x" * 200_000), id="huge line without end"),
        pytest.param(stream(b"data: " + b"x" * 70_000 + b"\n\n"), id="huge line"),
        pytest.param(stream((b":" + b"x" * 60 + b"\n") * 150_000), id="endless comments"),
        pytest.param(status("200 OK", "Content-Type: text/html\r\n", "<html>"), id="html"),
        pytest.param(stream(headers=b"Content-Encoding: gzip\r\n"), id="gzip"),
        pytest.param(status("302 Found", "Location: http://127.0.0.1:9/\r\n"), id="redirect"),
        pytest.param(stream(event("a"), headers=b"Content-Length: 999\r\n"), id="body cut short"),
    ],
)
async def test_nonsense_is_a_bad_response_and_is_not_asked_for_again(scene: bytes):
    async with staged(scene, GOOD) as stage:
        with pytest.raises(ProviderError) as caught:
            await answer(stage)
    assert caught.value.code == "provider_bad_response"
    assert len(stage.requests) == 1


async def test_refused_key_is_told_without_repeating_what_the_provider_said():
    echo = status("401 Unauthorized", body=f"Incorrect API key {KEY}")
    async with staged(echo) as stage:
        with pytest.raises(ProviderError) as caught:
            await answer(stage)
        assert KEY not in repr(model_of(stage))
    assert caught.value.code == "provider_rejected"
    assert KEY not in repr(caught.value) + caught.value.detail


def test_key_that_no_header_can_carry_is_refused_without_being_shown():
    with pytest.raises(StartupError) as caught:
        OpenAILanguageModel("http://127.0.0.1", KEY + "\n", "small")
    assert KEY not in caught.value.detail


@pytest.mark.parametrize("url", ["", "localhost:11434", "file:///etc/passwd", "http://"])
def test_base_url_must_be_an_http_address(url: str):
    with pytest.raises(StartupError):
        OpenAILanguageModel(url, None, "small")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("Retry-After: 7\r\n", 7),
        ("Retry-After: 0.2\r\n", 1),
        ("Retry-After: 99999999\r\n", 3600),
        ("Retry-After: soon\r\n", 1),
        ("", 1),
    ],
)
async def test_overload_says_when_to_come_back(header: str, seconds: int):
    overload = status("429 Too Many Requests", header)

    async def refused() -> tuple[UnavailableError, int]:
        async with staged(overload, overload) as stage:
            with pytest.raises(UnavailableError) as caught:
                # The pause may be over a second, and then ends after the deadline.
                await answer(stage, Deadlines(first_token_seconds=0.9))
        return caught.value, len(stage.requests)

    error, requests = await first_good(
        refused, lambda refusal: not isinstance(refusal[0], ProviderTimeoutError)
    )
    assert error.retry_after_seconds == seconds
    assert error.code == "provider_overloaded"
    assert requests == 1


async def test_overload_that_ends_before_the_deadline_is_waited_for():
    async with staged(status("429 Too Many Requests", "Retry-After: 1\r\n"), GOOD) as stage:
        began = time.monotonic()
        assert await answer(stage) == "Because."
    assert 1.0 <= time.monotonic() - began < 20
    assert len(stage.requests) == 2


@pytest.mark.parametrize("first", [status("500 Oops"), status("503 Busy"), b""])
async def test_failure_before_the_first_byte_is_retried_once(first: bytes):
    async with staged(first, GOOD) as stage:
        assert await answer(stage) == "Because."
    assert len(stage.requests) == 2


async def test_second_failure_is_final():
    async with staged(status("500 Oops"), status("502 Bad"), GOOD) as stage:
        with pytest.raises(UnavailableError):
            await answer(stage)
    assert len(stage.requests) == 2


async def test_nothing_is_retried_after_the_first_byte():
    async with staged(stream(event("Be")), GOOD) as stage:
        with pytest.raises(ProviderError):
            await answer(stage)
    assert len(stage.requests) == 1


def _stalling_after(*sent: bytes) -> Scene:
    async def scene(writer: asyncio.StreamWriter) -> None:
        writer.write(b"".join(sent))
        while True:
            await asyncio.sleep(0.02)
            writer.write(b": still here\n\n")
            await writer.drain()

    return scene


async def _silent(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(0.5)
    writer.close()


@pytest.mark.parametrize(
    ("sent", "deadlines"),
    [
        pytest.param(b"", Deadlines(first_token_seconds=0.1), id="no response"),
        pytest.param(stream(), Deadlines(first_token_seconds=0.1), id="no first token"),
        pytest.param(
            stream(event("Be")), Deadlines(between_tokens_seconds=0.1), id="no next token"
        ),
        pytest.param(stream(event("Be")), Deadlines(total_seconds=0.1), id="no end"),
    ],
)
async def test_deadline_holds_though_comments_keep_coming(sent: bytes, deadlines: Deadlines):
    async with staged(_stalling_after(sent) if sent else _silent) as stage:
        began = time.monotonic()
        with pytest.raises(ProviderTimeoutError) as caught:
            await answer(stage, deadlines)
    assert caught.value.code == "provider_timeout"
    assert time.monotonic() - began < 15


async def test_time_of_a_slow_consumer_is_not_held_against_the_model():
    slow = Deadlines(between_tokens_seconds=0.1)
    async with staged(GOOD) as stage:
        pieces = []
        async for piece in model_of(stage, slow).stream(ASKED, 50):
            pieces.append(piece)
            await asyncio.sleep(0.15)
    assert pieces == ["Be", "cause."]


async def test_finished_answer_does_not_wait_for_a_connection_that_stays_open():
    async with staged(_stalling_after(stream(event("Yes."), event(reason="stop")))) as stage:
        began = time.monotonic()
        assert await answer(stage) == "Yes."
    assert time.monotonic() - began < 15


async def test_provider_is_hung_up_on_within_a_second_when_the_consumer_leaves():
    async def seconds_until_it_notices() -> float:
        async with staged(_stalling_after(stream(event("Be")))) as stage, patience():
            async with aclosing(model_of(stage).stream(ASKED, 50)) as pieces:
                assert await anext(pieces) == "Be"
                left = time.monotonic()
            await stage.hung_up.wait()
            return time.monotonic() - left

    assert await first_good(seconds_until_it_notices, lambda seconds: seconds < 1) < 1
