"""Connections that nobody can hold without using them.

The web server has no deadline for the head of a request, none for a reader, and takes heads of any
length. The protocol here adds to uvicorn's what is missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import uuid4

from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from groundwell.domain.errors import GroundwellError, InvalidInputError, UnavailableError
from groundwell.web.connections import Connections
from groundwell.web.errors import (
    HeadersTooLargeError,
    RequestTimeoutError,
    problem_of,
    problem_response,
)
from groundwell.web.gate import is_download
from groundwell.web.outlet import Outlet

# More than the guard allows for a head: whoever is only a little over it gets its answer.
_MOST_LOOSE_BYTES = 64 << 10
# Of a body that nobody reads any more, because the answer is out.
_MOST_UNREAD_BYTES = 64 << 10
_MOST_PIPELINED = 64
_TOO_MANY_AT_ONCE = "Too many requests were sent without waiting for an answer."
_END_OF_HEAD = b"\r\n\r\n"
_MOST_SEND_SECONDS = 20.0
# So long may a reader take who is to be waited for when the server stops.
_SLOW_SECONDS = 2.0
_HEALTH = "/health"


class BadRequestError(InvalidInputError):
    """What was sent is not HTTP."""

    status = 400
    default_code = "bad_request"
    title = "Not HTTP"


class Connection(HttpToolsProtocol):
    """One connection. `look` has to be called about once a second."""

    outlet: Outlet

    def __init__(
        self,
        config: Config,
        server_state: Connections,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._all = server_state
        self.address = ""
        # Since when the head of a request is on its way; None while there is nothing of it.
        self._head_since: float | None = None
        self._is_whole = True
        self._loose_bytes = 0
        self._unread_bytes = 0
        # How to begin the request that is being read.
        self._begin: Callable[[], None] | None = None
        self._is_for_download = False
        # What was sent after it without waiting for its answer, and how often that was so in a row.
        self._ahead = b""
        self._in_one_breath = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Let a client in, if there is room for it."""
        self.outlet = Outlet(transport, lambda: self._is_whole and self._head_since is None)
        super().connection_made(self.outlet)
        self.address = self.client[0] if self.client else ""
        # A client that says nothing at all gets no more time than one that dribbles.
        self._head_since = self.loop.time()
        if not self._all.let_in(self):
            self._refuse(
                UnavailableError(
                    "There are too many connections. Try again in 5 seconds.",
                    code="too_many_connections",
                    retry_after_seconds=5,
                )
            )

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a client."""
        self._all.forget(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless what comes is no use, or is for later."""
        if self.outlet.is_closing():
            return
        if self._is_whole and not self._is_idle():
            self._keep(data)
            return
        if self._is_whole and self._head_since is None:
            self._head_since = self.loop.time()
        self._loose_bytes += len(data)
        ahead = self._read_a_request(data)
        self._begin_request()
        if self._loose_bytes > _MOST_LOOSE_BYTES and not self.outlet.is_closing():
            self._refuse(
                HeadersTooLargeError(
                    f"Headers, or what stands between the parts of a body, are larger than "
                    f"{_MOST_LOOSE_BYTES} bytes, which is the limit."
                )
            )
        elif ahead:
            self._keep(ahead)

    def _read_a_request(self, data: bytes) -> bytes:
        """Read a head, and what there is of its body. What follows a whole request is returned.

        The parser would read on: twenty requests in one breath would stop everybody else for as
        long as twenty clients do.
        """
        end = data.find(_END_OF_HEAD) + len(_END_OF_HEAD) if self._is_whole else 0
        if not len(_END_OF_HEAD) <= end < len(data):
            super().data_received(data)
            return b""
        super().data_received(data[:end])
        if self.outlet.is_closing():
            return b""
        if self._is_whole and not self._is_idle():
            return data[end:]
        super().data_received(data[end:])
        return b""

    def _keep(self, data: bytes) -> None:
        """Put aside what follows a request that is in work (RFC 9112, section 9.3.2)."""
        self._ahead += data
        self.flow.pause_reading()

    def _go_on(self) -> None:
        """Read the next request, if it was sent before the last one was answered."""
        ahead, self._ahead = self._ahead, b""
        self._in_one_breath = self._in_one_breath + 1 if ahead else 0
        if self._in_one_breath > _MOST_PIPELINED:
            self._refuse(BadRequestError(_TOO_MANY_AT_ONCE))
        elif ahead:
            self.data_received(ahead)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header. Fields after the body (RFC 9110, section 6.5) change nothing here."""
        if self._is_whole:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin to work on a request."""
        if len(self.pipeline) >= _MOST_PIPELINED:
            raise BadRequestError(_TOO_MANY_AT_ONCE)
        self._loose_bytes = 0
        self._unread_bytes = 0
        self._head_since = None
        self._is_whole = False
        self._all.begin(self)
        super().on_headers_complete()
        if not self.scope["path"].startswith(_HEALTH):
            self._all.last_request = self.loop.time()
        if self._all.is_closing:
            # The next request of this client belongs to another server.
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Hand a part of a body on, as long as somebody wants it."""
        self._loose_bytes = 0
        super().on_body(body)
        if self.cycle.response_complete:
            self._unread_bytes += len(body)
            if self._unread_bytes > _MOST_UNREAD_BYTES:
                self.outlet.close()

    def on_message_complete(self) -> None:
        """Note that the request is here as a whole."""
        self._loose_bytes = 0
        self._is_whole = True
        self._head_since = None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        has_next = bool(self.pipeline)
        super().on_response_complete()
        if not has_next:
            self._all.rest(self)
            if not self._is_whole or self._head_since is not None:
                # What is left of the request has as much time as the head of another one.
                self._head_since = self.loop.time()
            self._go_on()

    def send_400_response(self, msg: str) -> None:
        """Say, as the application says such things, that this is not HTTP."""
        del msg
        self._refuse(BadRequestError("What was sent is not an HTTP request."))

    def look(self, now: float, request_seconds: float) -> None:
        """Hang up on a client that does not get on, or does not take what it asked for."""
        if self.outlet.is_stuck(now, min(_MOST_SEND_SECONDS, request_seconds)):
            self._all.turns.begin(self._drop)
        elif (
            self._is_idle()
            and self._head_since is not None
            and now - self._head_since > request_seconds
            and not self.outlet.is_closing()
        ):
            self._give_up()

    def drop_if_slow(self, now: float) -> None:
        """Hang up on a client whose request is still coming, or who does not read its answer."""
        stuck_since = self.outlet.stuck_since
        is_stuck = stuck_since is not None and now - stuck_since > _SLOW_SECONDS
        if is_stuck or not self._is_whole or self._head_since is not None:
            self.outlet.abort()

    # Called by the protocol when a head is complete, or when the pipeline moves on.
    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        begin = partial(super()._start_asgi_task, cycle, app)
        if cycle is self.cycle and not self._is_whole:
            self._begin = begin
            # Of this request: the parser may have read on to the next one when it begins.
            self._is_for_download = is_download(cycle.scope["method"], cycle.scope["path"])
        else:
            begin()

    def _begin_request(self) -> None:
        """Begin what was read: at once, or in turn if its body or its reader takes time anyway."""
        begin, self._begin = self._begin, None
        if begin is None:
            return
        if self._is_whole and not self._is_for_download:
            begin()
        else:
            self._all.turns.begin(begin)

    def _drop(self) -> None:
        if self in self.connections:
            self.outlet.abort()

    def _give_up(self) -> None:
        """Hang up on a client that does not get on with its request."""
        if self._is_whole and self._loose_bytes:
            self._refuse(RequestTimeoutError("The request did not come in time."))
        else:
            # It never asked for anything, or has its answer already.
            self.outlet.close()

    def _is_idle(self) -> bool:
        """Whether no request is in work."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def _refuse(self, error: GroundwellError) -> None:
        """Answer without the application, and hang up."""
        if not self._is_idle():
            # Another answer is on its way: this one would end up in its middle.
            self.outlet.abort()
            return
        response = problem_response(problem_of(error, uuid4().hex), closes=True)
        head = [STATUS_LINE[response.status_code]]
        for name, value in (*self._all.default_headers, *response.raw_headers):
            head += [name, b": ", value, b"\r\n"]
        self.outlet.write(b"".join((*head, b"\r\n", bytes(response.body))))
        self.outlet.close()
