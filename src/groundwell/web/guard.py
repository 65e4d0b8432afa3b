"""What happens before any work: request id, sane headers, authentication, size limits."""

from __future__ import annotations

import re
from collections.abc import Callable
from uuid import uuid4

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from groundwell.domain.errors import GroundwellError, InvalidInputError, TooLargeError
from groundwell.domain.identity import Principal
from groundwell.services import Limits
from groundwell.web.auth import Authenticator
from groundwell.web.errors import problem_of, problem_response

_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_PUBLIC = frozenset({"/health", "/health/live", "/health/ready", "/docs", "/openapi.json"})
_UPLOADS = frozenset({"/api/v1/documents", "/documents"})
_BATCHES = frozenset({"/api/v1/documents/batch", "/documents/batch", "/api/v1/evals/sets"})
# Room for the parts of a form around the file.
_FORM_BYTES = 1 << 20
# Longer numbers are over every limit, and Python refuses to read very long ones.
_LENGTH_DIGITS = 18


class RequestGuard:
    """ASGI middleware. It answers bad requests itself, before a byte of the body is read.

    `limits` and `authenticator` are looked up at each request, since they exist only once the
    server has started.
    """

    def __init__(
        self,
        app: ASGIApp,
        authenticator: Callable[[Scope], Authenticator],
        limits: Callable[[Scope], Limits],
    ) -> None:
        self._app = app
        self._authenticator = authenticator
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a good request through, with its id and principal in the scope."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = _request_id(headers)
        scope["groundwell.request_id"] = request_id
        marked = _marking(send, request_id)
        try:
            _check_address(scope)
            if scope["path"] not in _PUBLIC:
                principal = await self._authenticator(scope).authenticate(headers)
                scope["groundwell.principal"] = principal
            limit = _body_limit(scope["path"], self._limits(scope))
            _check_length(headers, limit)
        except GroundwellError as error:
            await problem_response(problem_of(error, request_id))(scope, receive, marked)
            return
        await RequestBodyLimitMiddleware(self._app, limit)(scope, receive, marked)


def principal_of(request: Request) -> Principal:
    """The caller, as the guard found it."""
    principal: Principal = request.scope["groundwell.principal"]
    return principal


def _request_id(headers: Headers) -> str:
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else uuid4().hex


def _marking(send: Send, request_id: str) -> Send:
    async def marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = request_id
            headers["X-Content-Type-Options"] = "nosniff"
        await send(message)

    return marked


def _check_address(scope: Scope) -> None:
    if "\0" in scope["path"] or b"%00" in scope["query_string"]:
        raise InvalidInputError("An address must not contain NUL.", code="invalid_address")


def _body_limit(path: str, limits: Limits) -> int:
    if path in _UPLOADS:
        return limits.upload_bytes + _FORM_BYTES
    return limits.batch_bytes if path in _BATCHES else limits.json_bytes


def _check_length(headers: Headers, limit: int) -> None:
    length = headers.get("content-length", "0")
    if length.isdecimal() and (len(length) > _LENGTH_DIGITS or int(length) > limit):
        raise TooLargeError(f"The request is larger than {limit} bytes, which is the limit here.")
