"""What is told of each request: to the log, to the monitor, and to the audit if it was refused."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from groundwell.domain.identity import Principal
from groundwell.ports.metrics import Metrics
from groundwell.web.refusals import Refusals

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER = "other"
_PREFIX = "/api/v1"
# Monitors ask every few seconds; what they ask is of no interest unless it fails.
_QUIET = frozenset({"/health", "/health/live", "/health/ready", "/metrics"})
_FAILED = 500
_log = logging.getLogger("groundwell.access")


class RequestMeter:
    """ASGI middleware, outside of everything else: what the guard refuses is told of too.

    A request is known by the template of its address, such as `/api/v1/documents/{document_id}`.
    Addresses that lead nowhere, and those of requests that the guard refused, are one: strangers
    could make up any number of them.
    """

    def __init__(
        self,
        app: ASGIApp,
        metrics: Callable[[Scope], Metrics],
        refusals: Callable[[Scope], Refusals],
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and tell of it when it is over."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        # What is answered outside of the application is an error that nobody expected.
        status = _FAILED

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception:
            scope["groundwell.code"] = "internal_error"
            raise
        finally:
            self._tell(scope, status, time.perf_counter() - begun)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else _OTHER
        route = _route(scope)
        code: str | None = scope.get("groundwell.code")
        self._metrics(scope).observe_request(route, method, status, seconds, code)
        self._refusals(scope).note(scope, status)
        level = _level(scope["path"], status)
        if _log.isEnabledFor(level):
            principal: Principal | None = scope.get("groundwell.principal")
            fields = {
                "request_id": scope.get("groundwell.request_id"),
                "tenant": None if principal is None else principal.tenant,
                "user": None if principal is None else principal.user_id,
                "method": method,
                "route": route,
                "status": status,
                "code": code,
                "duration_ms": round(seconds * 1000, 2),
            }
            _log.log(level, "request", extra=fields)


def _level(path: str, status: int) -> int:
    if status >= _FAILED:
        return logging.ERROR
    return logging.DEBUG if path in _QUIET else logging.INFO


def _route(scope: Scope) -> str:
    template: str = getattr(scope.get("route"), "path_format", _OTHER)
    # Whether a route knows the prefix that it was included under depends on the release of FastAPI.
    path: str = scope["path"]
    if template != _OTHER and path.startswith(_PREFIX) and not template.startswith(_PREFIX):
        return _PREFIX + template
    return template
