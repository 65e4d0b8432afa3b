"""Language models behind the OpenAI chat completions protocol.

OpenAI, Together.ai, Gemini's OpenAI endpoint, Ollama, vLLM and others speak it. Every answer is
read as a stream, also for `complete`: only then can the deadlines tell a slow model from a dead
one. Nothing that the provider sends is trusted: lines and totals are bounded, compression and
redirects are refused, and no error repeats a provider's body, which may echo the key.
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterator, Sequence
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx
import orjson

from groundwell.domain.answers import ChatMessage
from groundwell.domain.errors import (
    GroundwellError,
    ProviderError,
    StartupError,
    UnavailableError,
)
from groundwell.ports.language_model import Completion

T = TypeVar("T")

MAX_LINE_BYTES = 64 * 1024
MAX_ANSWER_BYTES = 8 * 1024 * 1024
MAX_RETRY_AFTER_SECONDS = 3600
TRAILER_SECONDS = 0.5
"""How long to wait, after the answer's end, for the token counts and the end of the stream."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long to wait. The time in which the consumer works counts only for the total."""

    connect_seconds: float = 5.0
    first_token_seconds: float = 30.0
    between_tokens_seconds: float = 20.0
    total_seconds: float = 120.0


DEFAULT_DEADLINES = Deadlines()


class OpenAILanguageModel:
    """A `LanguageModel` at `base_url`, for example `https://api.openai.com/v1`.

    Errors: ProviderError `provider_timeout` after a deadline, `provider_bad_response` for a
    malformed or empty answer, `provider_rejected` when the request was refused;
    UnavailableError `provider_unavailable` for 429, 5xx and a refused connection. A 5xx or a
    connection that breaks before the answer begins is tried once more.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None,
        model: str,
        deadlines: Deadlines = DEFAULT_DEADLINES,
    ) -> None:
        self._model = model
        self._deadlines = deadlines
        self._url = _endpoint(base_url)
        timeout = httpx.Timeout(None, connect=deadlines.connect_seconds)
        self._client = httpx.AsyncClient(
            headers=_headers(api_key), timeout=timeout, follow_redirects=False, trust_env=False
        )

    @property
    def model(self) -> str:
        """The model's name, as the provider knows it."""
        return self._model

    async def stream(
        self, messages: Sequence[ChatMessage], max_tokens: int
    ) -> AsyncGenerator[str, None]:
        """The answer's text, piece by piece, at temperature 0."""
        async with aclosing(self._chunks(messages, max_tokens)) as chunks:
            async for chunk in chunks:
                if chunk.text:
                    yield chunk.text

    async def complete(self, messages: Sequence[ChatMessage], max_tokens: int) -> Completion:
        """The whole answer, at temperature 0."""
        texts: list[str] = []
        usage = _Usage()
        async with aclosing(self._chunks(messages, max_tokens)) as chunks:
            async for chunk in chunks:
                texts.append(chunk.text)
                usage = chunk.usage or usage
        return Completion("".join(texts), self._model, usage.prompt, usage.completion)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _chunks(
        self, messages: Sequence[ChatMessage], max_tokens: int
    ) -> AsyncGenerator[_Chunk, None]:
        body = {
            "model": self._model,
            "messages": [{"role": m.role.value, "content": m.content} for m in messages],
            "max_tokens": max_tokens,
            "temperature": 0,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        patience = _Patience(self._deadlines)
        response = await self._open(orjson.dumps(body), patience)
        try:
            lines = _Lines(response.aiter_raw())
            has_text = False
            while (chunk := await _next_chunk(lines, patience)) is not None:
                has_text = has_text or bool(chunk.text.strip())
                if chunk.is_last:
                    break
                if chunk.is_alive:
                    yield chunk
                    patience.token_came()
            if chunk is None:
                raise _bad_response("The model's answer broke off before its end.")
            if not has_text:
                raise _bad_response("The model answered nothing.")
            yield chunk
            yield _Chunk(usage=chunk.usage or await _trailing_usage(lines))
        finally:
            await response.aclose()

    async def _open(self, content: bytes, patience: _Patience) -> httpx.Response:
        """The response, once its head is good. Its body is unread."""
        for is_last_try in (False, True):
            try:
                with _translated():
                    request = self._client.build_request("POST", self._url, content=content)
                    response = await patience.wait(self._client.send(request, stream=True))
                    if problem := _problem_of(response):
                        await response.aclose()
                        raise problem
                    return response
            except UnavailableError as error:
                if is_last_try or error.retry_after_seconds is not None:
                    raise
                await patience.wait(asyncio.sleep(0.1 + secrets.randbelow(400) / 1000))
        raise AssertionError("the second try returns or raises")


@dataclass(frozen=True, slots=True)
class _Usage:
    prompt: int | None = None
    completion: int | None = None


@dataclass(frozen=True, slots=True)
class _Chunk:
    """One event of the stream. `is_alive`: the model wrote something, be it only reasoning."""

    text: str = ""
    is_alive: bool = False
    is_last: bool = False
    usage: _Usage | None = None


class _Patience:
    """Knows which deadline comes next."""

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        now = asyncio.get_running_loop().time()
        self._next_ends = now + deadlines.first_token_seconds
        self._total_ends = now + deadlines.total_seconds

    async def wait(self, work: Awaitable[T]) -> T:
        """The outcome of `work`, or ProviderError when the deadline passes first."""
        try:
            async with asyncio.timeout_at(min(self._next_ends, self._total_ends)):
                return await work
        except TimeoutError:
            raise ProviderError(
                "The language model took too long. Try again, or ask for less.",
                code="provider_timeout",
            ) from None

    def token_came(self) -> None:
        now = asyncio.get_running_loop().time()
        self._next_ends = now + self._deadlines.between_tokens_seconds


class _Lines:
    """Cuts a body into lines. Works on bytes, so a character split over pieces comes whole."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces
        self._buffer = bytearray()
        self._received = 0

    async def next(self) -> bytes | None:
        """The next line without its end, None after the last."""
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > MAX_LINE_BYTES:
                raise _bad_response("The model sent a line that is too long.")
            piece = await anext(self._pieces, None)
            if piece is None:
                rest = bytes(self._buffer)
                self._buffer.clear()
                return rest or None
            self._received += len(piece)
            if self._received > MAX_ANSWER_BYTES:
                raise _bad_response("The model sent more than an answer can be.")
            self._buffer += piece
        if end > MAX_LINE_BYTES:
            raise _bad_response("The model sent a line that is too long.")
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line


async def _next_chunk(lines: _Lines, patience: _Patience) -> _Chunk | None:
    """The next event that carries data; None at the end of the stream or at its `[DONE]`."""
    with _translated():
        while (line := await patience.wait(lines.next())) is not None:
            if line.startswith(b"data:"):
                data = line[5:].strip()
                return None if data == b"[DONE]" else _parsed(data)
    return None


async def _trailing_usage(lines: _Lines) -> _Usage | None:
    """Token counts after the end. Reading to the very end lets the connection be used again."""
    usage = None
    with suppress(TimeoutError, GroundwellError, httpx.HTTPError):
        async with asyncio.timeout(TRAILER_SECONDS):
            while (line := await lines.next()) is not None:
                data = line.removeprefix(b"data:").strip()
                if data.startswith(b"{"):
                    usage = _parsed(data).usage or usage
    return usage


def _parsed(data: bytes) -> _Chunk:
    """One event. orjson refuses broken UTF-8 and lone surrogates, which nothing could store."""
    try:
        event: Any = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise _bad_response("The model sent an event that is not JSON.") from None
    if not isinstance(event, dict) or event.get("error"):
        raise _bad_response("The model reported an error in the middle of its answer.")
    usage = _usage_of(event.get("usage"))
    choices = event.get("choices")
    if not isinstance(choices, list) or not choices:
        return _Chunk(usage=usage)
    choice = choices[0] if isinstance(choices[0], dict) else {}
    delta = choice.get("delta")
    delta = delta if isinstance(delta, dict) else {}
    text = delta.get("content") or ""
    reason = choice.get("finish_reason")
    if not isinstance(text, str) or reason in ("content_filter", "error"):
        raise _bad_response("The model's answer was cut off by its provider.")
    thinks = bool(delta.get("reasoning_content") or delta.get("reasoning"))
    return _Chunk(text.replace("\0", ""), bool(text) or thinks, bool(reason), usage)


def _usage_of(value: object) -> _Usage | None:
    if not isinstance(value, dict):
        return None
    counts = (value.get("prompt_tokens"), value.get("completion_tokens"))
    return _Usage(*(n if isinstance(n, int) and n >= 0 else None for n in counts))


def _problem_of(response: httpx.Response) -> GroundwellError | None:
    """What is wrong with a response, judged by its head alone."""
    status = response.status_code
    if status == httpx.codes.TOO_MANY_REQUESTS or response.is_server_error:
        seconds = _retry_after(response.headers.get("retry-after"))
        if status == httpx.codes.TOO_MANY_REQUESTS and seconds is None:
            seconds = 1
        return _unavailable(f"The language model is overloaded (HTTP {status}).", seconds)
    if response.is_redirect:
        return _bad_response("The provider redirects. Set the base URL to its final address.")
    if status != httpx.codes.OK:
        return ProviderError(
            f"The provider refused the request (HTTP {status}). Check the key and the model.",
            code="provider_rejected",
        )
    if not response.headers.get("content-type", "").lower().startswith("text/event-stream"):
        return _bad_response("The provider did not answer with a stream. Check the base URL.")
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        return _bad_response("The provider compressed its answer though asked not to.")
    return None


def _retry_after(value: str | None) -> int | None:
    """Whole seconds, from a number or a date; None when there is neither."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            when = parsedate_to_datetime(value)
        except ValueError:
            return None
        seconds = (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    if not math.isfinite(seconds):
        return None
    return min(max(math.ceil(seconds), 0), MAX_RETRY_AFTER_SECONDS)


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the client's errors into ours; their texts are dropped, they may hold the request."""
    try:
        yield
    except (httpx.ConnectError, httpx.TimeoutException):
        raise _unavailable("The language model is out of reach.", None) from None
    except httpx.HTTPError:
        raise _unavailable("The connection to the language model broke.", None) from None


def _endpoint(base_url: str) -> httpx.URL:
    try:
        url = httpx.URL(base_url.rstrip("/") + "/chat/completions")
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in ("http", "https") or not url.host:
        raise StartupError("The language model's base URL must begin with http:// or https://.")
    return url


def _headers(api_key: str | None) -> dict[str, str]:
    headers = {
        "Accept": "text/event-stream",
        "Accept-Encoding": "identity",
        "Content-Type": "application/json",
    }
    if api_key:
        # A key with a line break would reach the log: the client's error quotes the header.
        if not api_key.isascii() or not api_key.isprintable() or " " in api_key:
            raise StartupError("The language model's API key holds characters no key can have.")
        headers["Authorization"] = f"Bearer {api_key}"
    return headers


def _unavailable(detail: str, retry_after_seconds: int | None) -> UnavailableError:
    return UnavailableError(
        detail, code="provider_unavailable", retry_after_seconds=retry_after_seconds
    )


def _bad_response(detail: str) -> ProviderError:
    return ProviderError(detail, code="provider_bad_response")
