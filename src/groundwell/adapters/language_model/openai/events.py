"""What a provider streams: lines, events, and the patience to wait for them.

Nothing received is trusted: lines and totals are bounded, every event must be sound JSON.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
import orjson

from groundwell.adapters.provider import CONNECT_SECONDS, Provider
from groundwell.domain.errors import GroundwellError, ProviderError
from groundwell.ports.language_model import TokensUsed

T = TypeVar("T")

MAX_LINE_BYTES = 64 * 1024
MAX_ANSWER_BYTES = 8 * 1024 * 1024
MOST_TOKENS = 10_000_000
"""More than any model reads and writes in one call: a provider that tells more is not believed."""
TRAILER_SECONDS = 0.5
"""How long to wait, after the answer's end, for the token counts and the end of the stream."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long to wait. The time in which the consumer works counts only for the total."""

    connect_seconds: float = CONNECT_SECONDS
    first_token_seconds: float = 30.0
    between_tokens_seconds: float = 20.0
    total_seconds: float = 120.0


@dataclass(frozen=True, slots=True)
class Chunk:
    """One event of the stream. `is_alive`: the model wrote something, be it only reasoning."""

    text: str = ""
    is_alive: bool = False
    is_last: bool = False
    usage: TokensUsed | None = None


class Patience:
    """Knows which deadline comes next."""

    def __init__(self, deadlines: Deadlines, provider: Provider) -> None:
        self._deadlines = deadlines
        self._provider = provider
        now = asyncio.get_running_loop().time()
        self._next_ends = now + deadlines.first_token_seconds
        self._total_ends = now + deadlines.total_seconds

    @property
    def deadline(self) -> float:
        """When the present wait ends, in the loop's time."""
        return min(self._next_ends, self._total_ends)

    async def wait(self, work: Awaitable[T]) -> T:
        """The outcome of `work`, or ProviderTimeoutError when the deadline passes first."""
        try:
            async with asyncio.timeout_at(self.deadline):
                return await work
        except TimeoutError:
            raise self._provider.too_slow() from None

    def token_came(self) -> None:
        """Start waiting for the next token. Call it once the consumer wants that token."""
        now = asyncio.get_running_loop().time()
        self._next_ends = now + self._deadlines.between_tokens_seconds


class Lines:
    """Cuts a body into lines. Works on bytes, so a character split over pieces comes whole."""

    def __init__(self, pieces: AsyncIterator[bytes], patience: Patience) -> None:
        self._pieces = pieces
        self._patience = patience
        self._buffer = bytearray()
        self._received = 0

    async def next(self) -> bytes | None:
        """The next line without its end, None after the last."""
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > MAX_LINE_BYTES:
                raise bad_response("The model sent a line that is too long.")
            piece = await self._patience.wait(anext(self._pieces, None))
            if piece is None:
                rest = bytes(self._buffer)
                self._buffer.clear()
                return rest or None
            self._received += len(piece)
            if self._received > MAX_ANSWER_BYTES:
                raise bad_response("The model sent more than an answer can be.")
            self._buffer += piece
        if end > MAX_LINE_BYTES:
            raise bad_response("The model sent a line that is too long.")
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line


async def next_chunk(lines: Lines) -> Chunk | None:
    """The next event that carries data; None at the end of the stream or at its `[DONE]`."""
    try:
        while (line := await lines.next()) is not None:
            if line.startswith(b"data:"):
                data = line[5:].strip()
                return None if data == b"[DONE]" else _parsed(data)
    except httpx.HTTPError:
        raise bad_response("The connection broke in the middle of the model's answer.") from None
    return None


async def trailing_usage(lines: Lines) -> TokensUsed | None:
    """Token counts after the end. Reading to the very end lets the connection be used again."""
    usage = None
    with suppress(TimeoutError, GroundwellError, httpx.HTTPError):
        async with asyncio.timeout(TRAILER_SECONDS):
            while (line := await lines.next()) is not None:
                data = line.removeprefix(b"data:").strip()
                if data.startswith(b"{"):
                    usage = _parsed(data).usage or usage
    return usage


def _parsed(data: bytes) -> Chunk:
    """One event. orjson refuses broken UTF-8 and lone surrogates, which nothing could store."""
    try:
        event: Any = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise bad_response("The model sent an event that is not JSON.") from None
    if not isinstance(event, dict) or event.get("error"):
        raise bad_response("The model reported an error in the middle of its answer.")
    usage = _usage_of(event.get("usage"))
    choices = event.get("choices")
    if not isinstance(choices, list) or not choices:
        return Chunk(usage=usage)
    choice = choices[0] if isinstance(choices[0], dict) else {}
    delta = choice.get("delta")
    delta = delta if isinstance(delta, dict) else {}
    text = delta.get("content") or ""
    reason = choice.get("finish_reason")
    if not isinstance(text, str) or reason in ("content_filter", "error"):
        raise bad_response("The model's answer was cut off by its provider.")
    thinks = bool(delta.get("reasoning_content") or delta.get("reasoning"))
    return Chunk(text.replace("\0", ""), bool(text) or thinks, bool(reason), usage)


def _usage_of(value: object) -> TokensUsed | None:
    if not isinstance(value, dict):
        return None
    counts = (value.get("prompt_tokens"), value.get("completion_tokens"))
    return TokensUsed(*(_believed(count) for count in counts))


def _believed(count: object) -> int | None:
    return count if isinstance(count, int) and 0 <= count <= MOST_TOKENS else None


def bad_response(detail: str) -> ProviderError:
    """The error for an answer that cannot be used; `detail` says why."""
    return ProviderError(detail, code="provider_bad_response")
