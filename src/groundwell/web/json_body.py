"""Reading JSON bodies strictly (RFC 8259, and I-JSON, RFC 7493, for strings and names)."""

from __future__ import annotations

import json
import re
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


NESTED_TOO_DEEPLY = "nested too deeply"
"""The message of the error for a body of more than 1,024 levels."""

REPEATED_NAME = "a name stands twice in one object"
"""The message of the error for an object that does not say which of two values it means."""

TOO_MANY_VALUES = "more than a million values"
"""The message of the error for a body that would take many times its size in memory."""

_MOST_VALUES = 1_000_000
# A whole string, or a mark that stands before a value. Whatever the text, no letter is read twice.
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[,\[{]', re.DOTALL)
_QUOTE = ord('"')
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
# The parser's words for it; the second where the brackets are never closed.
_DEPTH_MESSAGES = frozenset({"depth limit exceeded", "failed to allocate memory"})


def read_json(data: bytes) -> Any:  # noqa: ANN401 - JSON is anything until a schema has checked it
    """Parse a body. Raises json.JSONDecodeError for NaN, infinities, lone surrogates and NUL.

    Also with the message `TOO_MANY_VALUES`, `NESTED_TOO_DEEPLY` or `REPEATED_NAME`: of two values,
    a gateway may check the one and we take the other. Postgres cannot store NUL in text, so it is
    refused here, once, for every field.
    """
    if _has_too_many_values(data):
        raise json.JSONDecodeError(TOO_MANY_VALUES, "", 0)
    try:
        value = orjson.loads(data)
    except json.JSONDecodeError as error:
        if error.msg not in _DEPTH_MESSAGES:
            raise
        raise json.JSONDecodeError(NESTED_TOO_DEEPLY, "", 0) from error
    if b"\\u0000" in data and _has_nul(value):
        raise json.JSONDecodeError("NUL is not allowed", "", 0)
    if _has_repeated_name(data, value):
        raise json.JSONDecodeError(REPEATED_NAME, "", 0)
    return value


def _has_too_many_values(data: bytes) -> bool:
    """Whether the text holds more values than are good for our memory, before any is made.

    An empty list is two characters there and 64 bytes here.
    """
    # The marks within strings count too, until it matters.
    if len(data) <= _MOST_VALUES or sum(map(data.count, (b",", b"[", b"{"))) <= _MOST_VALUES:
        return False
    values = 0
    for number, token in enumerate(_TOKEN.finditer(data)):
        values += data[token.start()] != _QUOTE
        # Of what is JSON, no more strings than twice the values.
        if values > _MOST_VALUES or number > 3 * _MOST_VALUES:
            return True
    return False


def _has_repeated_name(data: bytes, value: object) -> bool:
    """Whether the text names more than the value has: the parser keeps the last of equal names.

    A colon outside of a string is one name. Most texts have no other colons, so that counting all
    of them is enough.
    """
    names = 0
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            names += len(item)
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
    return data.count(b":") > names < _STRING.sub(b"", data).count(b":")


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
