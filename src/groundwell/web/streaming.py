"""Server-sent events (WHATWG HTML, section 9.2)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.responses import StreamingResponse
from pydantic_core import to_json

from groundwell.domain.errors import GroundwellError
from groundwell.web.admission import OpenStream, shutting_down
from groundwell.web.errors import problem_of, request_id_of
from groundwell.web.gate import visit_of

EVENT_STREAM = "text/event-stream"


def described_events(*names: str) -> dict[str, Any]:
    """What the OpenAPI document says of a stream: the schema is that of one event."""
    return {
        "schema": {
            "type": "object",
            "description": "One event of the stream.",
            "properties": {
                "event": {"enum": names},
                "data": {"type": "string", "contentMediaType": "application/json"},
            },
            "required": ["event", "data"],
        }
    }


_PING_SECONDS = 15.0
_PING = b": ping\n\n"
_log = logging.getLogger(__name__)
# The event loop itself holds a task only weakly.
_CLOSING: set[asyncio.Future[None]] = set()


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
    closed at once; when the server stops, with the error `shutting_down`.

    Raises RateLimitedError or UnavailableError where there are too many streams already.
    """
    stream = visit_of(request).open_stream()
    return StreamingResponse(
        _encoded(events, stream, request_id_of(request)),
        media_type=EVENT_STREAM,
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _encoded(
    events: AsyncIterator[Event], stream: OpenStream, request_id: str
) -> AsyncIterator[bytes]:
    try:
        async with aclosing(_with_pings(events, stream)) as pieces:
            async for piece in pieces:
                yield piece
    except GroundwellError as error:
        yield _failure(error, request_id)
    except Exception as error:  # noqa: BLE001 - this is the loop of a streaming request
        # The answer has begun: the only way left to report an error is inside the stream.
        _log.exception("the stream of a request failed")
        yield _failure(GroundwellError(f"Unexpected {type(error).__name__}."), request_id)
    yield Event("done", {}).encode()


async def _with_pings(
    events: AsyncIterator[Event], stream: OpenStream
) -> AsyncGenerator[bytes, None]:
    source = aiter(events)
    upcoming: asyncio.Task[Event] | None = None
    try:
        while True:
            upcoming = upcoming or asyncio.ensure_future(_next(source))
            either: set[asyncio.Future[Any]] = {upcoming, stream.ending}
            done, _ = await asyncio.wait(
                either, timeout=_PING_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                yield _PING
                continue
            if upcoming not in done:
                raise shutting_down()
            try:
                event = upcoming.result()
            except StopAsyncIteration:
                return
            upcoming = None
            yield event.encode()
    finally:
        # Whoever leaves cancels this task, and does so again and again while it waits. A
        # connection that is being closed must not notice: it would stay open for good.
        closing = asyncio.ensure_future(_close(source, upcoming))
        _CLOSING.add(closing)
        closing.add_done_callback(_CLOSING.discard)
        await asyncio.shield(closing)


async def _close(source: AsyncIterator[Event], upcoming: asyncio.Task[Event] | None) -> None:
    """Stop a source in the middle of whatever it does, and let it clear up."""
    if upcoming is not None:
        upcoming.cancel()
        # How it ends is nobody's business any more.
        await asyncio.wait({upcoming})
        if not upcoming.cancelled():
            upcoming.exception()
    close = getattr(source, "aclose", None)
    if close is not None:
        await close()


async def _next(source: AsyncIterator[Event]) -> Event:
    return await anext(source)


def _failure(error: GroundwellError, request_id: str) -> bytes:
    return Event("error", problem_of(error, request_id).document()).encode()
