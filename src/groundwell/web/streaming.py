"""Server-sent events (WHATWG HTML, section 9.2)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.responses import StreamingResponse
from pydantic_core import to_json

from groundwell.domain.errors import GroundwellError
from groundwell.web.errors import problem_of, request_id_of

_PING_SECONDS = 15.0
_PING = b": ping\n\n"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its name and its JSON data."""

    name: str
    data: Mapping[str, Any]

    def encode(self) -> bytes:
        """The event as it goes over the wire. Integers of any size can stand in metadata."""
        return b"event: %s\ndata: %s\n\n" % (self.name.encode(), to_json(self.data))


def event_stream(request: Request, events: AsyncIterator[Event]) -> StreamingResponse:
    """Stream events, then `done`; after a failure `error` with a problem document, then `done`.

    A silent source is covered by comments every 15 seconds. When the client leaves, the source is
    closed at once.
    """
    return StreamingResponse(
        _encoded(events, request_id_of(request)),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _encoded(events: AsyncIterator[Event], request_id: str) -> AsyncIterator[bytes]:
    try:
        async with aclosing(_with_pings(events)) as pieces:
            async for piece in pieces:
                yield piece
    except GroundwellError as error:
        yield _failure(error, request_id)
    except Exception as error:  # noqa: BLE001 - this is the loop of a streaming request
        # The answer has begun: the only way left to report an error is inside the stream.
        _log.exception("stream of request %s failed", request_id)
        yield _failure(GroundwellError(f"Unexpected {type(error).__name__}."), request_id)
    yield Event("done", {}).encode()


async def _with_pings(events: AsyncIterator[Event]) -> AsyncGenerator[bytes, None]:
    source = aiter(events)
    upcoming: asyncio.Task[Event] | None = None
    try:
        while True:
            upcoming = upcoming or asyncio.ensure_future(_next(source))
            done, _ = await asyncio.wait({upcoming}, timeout=_PING_SECONDS)
            if not done:
                yield _PING
                continue
            try:
                event = upcoming.result()
            except StopAsyncIteration:
                return
            upcoming = None
            yield event.encode()
    finally:
        if upcoming is not None:
            upcoming.cancel()
            with suppress(asyncio.CancelledError, StopAsyncIteration, GroundwellError):
                await upcoming
        close = getattr(source, "aclose", None)
        if close is not None:
            await close()


async def _next(source: AsyncIterator[Event]) -> Event:
    return await anext(source)


def _failure(error: GroundwellError, request_id: str) -> bytes:
    return Event("error", problem_of(error, request_id).model_dump(exclude_none=True)).encode()
