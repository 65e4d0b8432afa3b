"""The way of a request into the server: its body in time, a place to work in, no work for nobody.

A request takes a place once it is here as a whole and gives it back when its answer begins. So
neither slow senders nor slow readers hold one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from groundwell.domain.errors import GroundwellError
from groundwell.web.admission import Admission, OpenStream
from groundwell.web.errors import RequestTimeoutError, problem_of, problem_response

# Whoever watches over an overloaded server must see it.
_NEVER_QUEUED = frozenset({"/health", "/health/live", "/health/ready", "/metrics"})
# Here nothing is stored that somebody could miss: without a reader, the work is for nothing.
_ABANDONED = frozenset(
    {
        *("/api/v1/search", "/api/v1/search/hybrid", "/api/v1/context", "/api/v1/rerank"),
        *("/api/v1/ask", "/query", "/api/v1/rag/query", "/api/chat/generate-questions"),
    }
)
# Most requests are answered before it pays to look whether somebody still waits.
_LOOK_AFTER_SECONDS = 0.05
# What a sender has to reach on average, once the first `request_seconds` are over.
_LEAST_BYTES_A_SECOND = 4096
_CLIENT_CLOSED_REQUEST = 499
_LEFT: Message = {"type": "http.disconnect"}


class Gate:
    """ASGI middleware. `admission` is looked up at each request: it exists once the server runs."""

    def __init__(self, app: ASGIApp, admission: Callable[[Scope], Admission]) -> None:
        self._app = app
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request in when there is room for it."""
        if scope["type"] != "http" or scope["path"] in _NEVER_QUEUED:
            await self._app(scope, receive, send)
            return
        visit = Visit(self._admission(scope), scope, receive, send)
        scope["groundwell.visit"] = visit
        await visit.run(self._app)


class Visit:
    """One request on its way through the server."""

    def __init__(self, admission: Admission, scope: Scope, receive: Receive, send: Send) -> None:
        self._admission = admission
        self._places = (
            admission.downloads if is_download(scope["method"], scope["path"]) else admission.places
        )
        self._scope = scope
        self._receive_next = receive
        self._send_on = send
        self._is_whole = not _has_body(scope)
        self._body_bytes = 0
        self._waited_seconds = 0.0
        self._has_place = False
        self._has_begun = False
        self._has_left = False
        self._refusal: GroundwellError | None = None
        self._stream: OpenStream | None = None
        self._look: asyncio.TimerHandle | None = None
        self._watcher: asyncio.Task[None] | None = None

    async def run(self, app: ASGIApp) -> None:
        """Answer the request by `app`, or say why not."""
        self._task = asyncio.current_task()
        try:
            if self._is_whole:
                await self._enter()
            else:
                # Who cannot be let in anyway need not send a body first.
                self._places.check()
            await app(self._scope, self._receive, self._send)
        except asyncio.CancelledError:
            if not self._has_left or self._task is None:
                raise
            self._task.uncancel()
        except Exception as error:
            # What the application makes of a body that ends early is of no interest to anybody.
            if self._refusal is None:
                if self._has_begun or not isinstance(error, GroundwellError):
                    raise
                self._refusal = error
        finally:
            self._end()
        if not self._has_begun:
            await self._tell()

    def check_stream(self) -> None:
        """Raise an error when the caller cannot have another stream, before work is done for it."""
        self._admission.streams.check(self._scope["groundwell.principal"].user_id)

    def open_stream(self) -> OpenStream:
        """Count the answer as a stream, for as long as the request lasts. Raises as above."""
        self._stream = self._admission.streams.open(self._scope["groundwell.principal"].user_id)
        return self._stream

    async def _enter(self) -> None:
        await self._places.take()
        self._has_place = True

    def leave_place(self) -> None:
        """Let the next one in: what is left to do is to wait for others."""
        if self._has_place:
            self._has_place = False
            self._places.give_back()

    def _end(self) -> None:
        self.leave_place()
        if self._stream is not None:
            self._admission.streams.close(self._stream)
        if self._look is not None:
            self._look.cancel()
        if self._watcher is not None:
            self._watcher.cancel()

    async def _receive(self) -> Message:
        """The next piece of the body; with the last one, the request has its place."""
        if self._is_whole:
            return await self._receive_next()
        if self._refusal is not None:
            return _LEFT
        try:
            message = await self._next_piece()
            if message["type"] == "http.request" and not message.get("more_body", False):
                self._is_whole = True
                if self._scope["path"] in _ABANDONED:
                    loop = asyncio.get_running_loop()
                    self._look = loop.call_later(_LOOK_AFTER_SECONDS, self._watch)
                await self._enter()
        except GroundwellError as error:
            # For the application the client has left; the client is told why.
            self._refusal = error
            return _LEFT
        return message

    async def _next_piece(self) -> Message:
        """A piece, if it comes in time: while we do not wait for it, no time passes."""
        seconds = self._admission.request_seconds
        earned = self._body_bytes / _LEAST_BYTES_A_SECOND
        begun = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(min(seconds, seconds + earned - self._waited_seconds)):
                message = await self._receive_next()
        except TimeoutError:
            raise RequestTimeoutError(
                "The body did not come in time. Send it faster, or in smaller parts."
            ) from None
        self._waited_seconds += asyncio.get_running_loop().time() - begun
        self._body_bytes += len(message.get("body", b""))
        return message

    def _watch(self) -> None:
        self._watcher = asyncio.ensure_future(self._cancel_when_left())

    async def _cancel_when_left(self) -> None:
        while (await self._receive_next())["type"] != "http.disconnect":
            pass
        if not self._has_begun and self._task is not None:
            self._has_left = True
            self._task.cancel()

    async def _send(self, message: Message) -> None:
        if self._refusal is not None and not self._has_begun:
            return
        if message["type"] == "http.response.start":
            self._has_begun = True
            self.leave_place()
        await self._send_on(message)

    async def _tell(self) -> None:
        if self._refusal is not None:
            request_id = str(self._scope.get("groundwell.request_id", ""))
            problem = problem_of(self._refusal, request_id)
            response = problem_response(problem, closes=not self._is_whole)
            await response(self._scope, self._receive_next, self._send_on)
        elif self._has_left:
            # Nobody reads it. It is for the metrics: a client that left is no failure of ours.
            await self._send_on(
                {"type": "http.response.start", "status": _CLIENT_CLOSED_REQUEST, "headers": []}
            )
            await self._send_on({"type": "http.response.body"})


def visit_of(request: Request) -> Visit:
    """The request's way through the server."""
    visit: Visit = request.scope["groundwell.visit"]
    return visit


def is_download(method: str, path: str) -> bool:
    """Whether somebody asks for a document's file."""
    return method == "GET" and path.endswith("/content")


def _has_body(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
