"""Reading JSON bodies strictly (RFC 8259, and I-JSON, RFC 7493, for strings)."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.routing import APIRoute

from groundwell.domain.errors import GroundwellError


class UnreadableJsonError(GroundwellError):
    """A body, or a line of one, that is not JSON."""

    status = 400
    default_code = "invalid_json"
    title = "Unreadable request"


def read_json(data: bytes) -> Any:  # noqa: ANN401 - JSON is anything until a schema has checked it
    """Parse a body. Raises json.JSONDecodeError for NaN, infinities, lone surrogates and NUL.

    Postgres cannot store NUL in text, so it is refused here, once, for every field.
    """
    value = orjson.loads(data)
    if b"\\u0000" in data and _has_nul(value):
        raise json.JSONDecodeError("NUL is not allowed", "", 0)
    return value


def _has_nul(value: object) -> bool:
    # Without recursion: the parser takes a thousand levels, which is more than Python's stack does.
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting += item.keys()
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
        elif isinstance(item, str) and "\0" in item:
            return True
    return False


class _StrictRequest(Request):
    """A request whose JSON is read strictly."""

    async def json(self) -> Any:  # noqa: ANN401 - as the method it replaces
        if not hasattr(self, "_json"):
            self._json = read_json(await self.body())
        return self._json


class StrictJsonRoute(APIRoute):
    """The route class of all our routers."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the request before FastAPI reads its body."""
        handle = super().get_route_handler()

        async def handle_strictly(request: Request) -> Response:
            return await handle(_StrictRequest(request.scope, request.receive))

        return handle_strictly
