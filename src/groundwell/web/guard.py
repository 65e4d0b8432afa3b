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
from groundwell.domain.origin import Origin, origin_kept, set_origin
from groundwell.domain.spending import Purse
from groundwell.services import Limits, Services
from groundwell.web.auth import Authenticator
from groundwell.web.caller import caller_address
from groundwell.web.errors import HeadersTooLargeError, problem_of, problem_response
from groundwell.web.failed_attempts import address_of
from groundwell.web.quotas import check_ahead
from groundwell.web.request_limiter import RequestLimiter
from groundwell.web.upload_addresses import ANNOUNCEMENTS, FORMS, takes_bytes

_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
PUBLIC = frozenset({"/health", "/health/live", "/health/ready", "/docs", "/openapi.json"})
"""The addresses that ask for no credential."""

_BATCHES = frozenset({"/api/v1/documents/batch", "/documents/batch", "/api/v1/evals/sets"})
_FILLING = frozenset({*FORMS, ANNOUNCEMENTS, "/api/v1/documents/batch", "/documents/batch"})
# Room for the parts of a form around the file.
_FORM_BYTES = 1 << 20
# Longer numbers are over every limit, and Python refuses to read very long ones.
_LENGTH_DIGITS = 18
# Address and headers of honest clients are a tenth of it, tokens included.
_HEAD_BYTES = 32 << 10
# A body of that size is as good as here: it is cheaper to read it than to open a new connection.
_SMALL_BODY_BYTES = 64 << 10


class RequestGuard:
    """ASGI middleware. It answers bad requests itself, before a byte of the body is read.

    What it needs is looked up at each request, since it exists only once the server has started.
    """

    def __init__(
        self,
        app: ASGIApp,
        authenticator: Callable[[Scope], Authenticator],
        limiter: Callable[[Scope], RequestLimiter],
        services: Callable[[Scope], Services],
    ) -> None:
        self._app = app
        self._authenticator = authenticator
        self._limiter = limiter
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a good request through, with its id and principal in the scope."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = _request_id(headers)
        scope["groundwell.request_id"] = request_id
        marked = _marking(send, scope, request_id)
        limit = _body_limit(scope["path"], self._services(scope).limits)
        with origin_kept():
            set_origin(Origin(request_id, address=caller_address(scope)))
            try:
                await self._check(scope, headers, limit)
            except GroundwellError as error:
                scope["groundwell.code"] = error.code
                problem = problem_of(error, request_id)
                response = problem_response(problem, closes=_has_large_body(headers))
                await response(scope, receive, marked)
                return
            limited = RequestBodyLimitMiddleware(self._app, limit)
            purse = self._purse_of(scope)
            if purse is None:
                await limited(scope, receive, marked)
                return
            async with self._services(scope).allowances.tokens.spending(purse):
                await limited(scope, receive, marked)

    def _purse_of(self, scope: Scope) -> Purse | None:
        """Who pays if a language model is asked; None where nobody need."""
        caller: Principal | None = scope.get("groundwell.principal")
        return None if caller is None else self._services(scope).allowances.table.purse_of(caller)

    async def _check(self, scope: Scope, headers: Headers, limit: int) -> None:
        _check_head(scope)
        if scope["path"] not in PUBLIC:
            await self._admit(scope, headers)
        _check_length(headers, limit)
        if scope["method"] == "POST" and scope["path"] in _FILLING:
            await self._check_room(scope, headers)

    async def _admit(self, scope: Scope, headers: Headers) -> None:
        authenticator = self._authenticator(scope)
        principal = await authenticator.authenticate(headers, address_of(scope))
        scope["groundwell.principal"] = principal
        origin = Origin(
            scope["groundwell.request_id"],
            principal.tenant,
            principal.user_id,
            caller_address(scope),
        )
        set_origin(origin)
        verdict = await self._limiter(scope).judge(principal, scope["path"])
        scope["groundwell.rate_headers"] = verdict.headers
        if verdict.refusal is not None:
            raise verdict.refusal

    async def _check_room(self, scope: Scope, headers: Headers) -> None:
        # How much of a batch is text, and how much of a form is no file, is known only later.
        length = _length(headers) or 0
        least_bytes = length - _FORM_BYTES if scope["path"] in FORMS else 0
        caller: Principal = scope["groundwell.principal"]
        await check_ahead(self._services(scope), caller, max(least_bytes, 0))


def principal_of(request: Request) -> Principal:
    """The caller, as the guard found it."""
    principal: Principal = request.scope["groundwell.principal"]
    return principal


def _request_id(headers: Headers) -> str:
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else uuid4().hex


def _marking(send: Send, scope: Scope, request_id: str) -> Send:
    async def marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = request_id
            headers["X-Content-Type-Options"] = "nosniff"
            if scope["app"].state.closing.is_begun():
                # The next request of this client belongs to another server.
                headers["Connection"] = "close"
            for name, value in scope.get("groundwell.rate_headers", ()):
                headers[name] = value
        await send(message)

    return marked


def _check_head(scope: Scope) -> None:
    size = len(scope["path"]) + len(scope["query_string"])
    for name, value in scope["headers"]:
        size += len(name) + len(value)
    if size > _HEAD_BYTES:
        raise HeadersTooLargeError(
            f"Address and headers together are larger than {_HEAD_BYTES} bytes, which is the limit."
        )
    if "\0" in scope["path"] or b"%00" in scope["query_string"]:
        raise InvalidInputError("An address must not contain NUL.", code="invalid_address")


def _body_limit(path: str, limits: Limits) -> int:
    if path in FORMS:
        return limits.upload_bytes + _FORM_BYTES
    if takes_bytes(path):
        return limits.upload_bytes
    return limits.batch_bytes if path in _BATCHES else limits.json_bytes


def _check_length(headers: Headers, limit: int) -> None:
    if _is_longer(headers, limit):
        raise TooLargeError(f"The request is larger than {limit} bytes, which is the limit here.")


def _is_longer(headers: Headers, limit: int) -> bool:
    length = _length(headers)
    return length is not None and length > limit


def _length(headers: Headers) -> int | None:
    """The announced length; one too long to be read is over every limit."""
    text = headers.get("content-length", "")
    if not text.isdecimal():
        return None
    return int(text) if len(text) <= _LENGTH_DIGITS else 10**_LENGTH_DIGITS


def _has_large_body(headers: Headers) -> bool:
    return "transfer-encoding" in headers or _is_longer(headers, _SMALL_BODY_BYTES)
