"""Reading JSON bodies strictly (RFC 8259, and I-JSON, RFC 7493, for strings and names)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from itertools import islice
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope

from groundwell.domain.errors import GroundwellError
from groundwell.web.json_marks import colons, starts
from groundwell.web.json_pieces import read_in_pieces
from groundwell.web.long_members import LongMembers


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

TOO_MANY_TOGETHER = "more than 100,000 values in one element"
"""The message of the error for a body of which a part would hold everybody up."""

TOO_MANY_NAMES = "more than 20,000 names in one object"
"""The message of the error for an object that would hold everybody up: each name may be wrong."""

_MOST_VALUES = 1_000_000
_MOST_TOGETHER = 100_000
_MOST_NAMES = 20_000
# A body of that size is read, and found to be wrong, in some milliseconds.
_SMALL_BYTES = 16 << 10
# The parser's words for it; the second where the brackets are never closed.
_DEPTH_MESSAGES = frozenset({"depth limit exceeded", "failed to allocate memory"})


def read_json(data: bytes) -> Any:  # noqa: ANN401 - JSON is anything until a schema has checked it
    """Parse a body. Raises json.JSONDecodeError for NaN, infinities, lone surrogates and NUL.

    Also with one of the messages above: of two values, a gateway may check the one and we take the
    other. Postgres cannot store NUL in text, so it is refused here, once, for every field.

    A large text is read in pieces, so that the other threads have a turn.
    """
    if len(data) <= _SMALL_BYTES:
        return _read(data)
    if _has_more_values(data, _MOST_VALUES):
        raise json.JSONDecodeError(TOO_MANY_VALUES, "", 0)
    return read_in_pieces(data, _read)


def _read(data: bytes) -> Any:  # noqa: ANN401 - as above
    if _has_more_values(data, _MOST_TOGETHER):
        raise json.JSONDecodeError(TOO_MANY_TOGETHER, "", 0)
    try:
        value = orjson.loads(data)
    except json.JSONDecodeError as error:
        if error.msg not in _DEPTH_MESSAGES:
            raise
        raise json.JSONDecodeError(NESTED_TOO_DEEPLY, "", 0) from error
    if b"\\u0000" in data and _has_nul(value):
        raise json.JSONDecodeError("NUL is not allowed", "", 0)
    _check_names(data, value)
    return value


def _has_more_values(data: bytes, most: int) -> bool:
    """Whether the text holds more values than are good for our memory, before any is made.

    An empty list is two characters there and 64 bytes here.
    """
    # The marks within strings count too, until it matters.
    if len(data) <= most or sum(map(data.count, (b",", b"[", b"{"))) <= most:
        return False
    return next(islice(starts(data), most, None), None) is not None


def _check_names(data: bytes, value: object) -> None:
    """Raise for more names than one object may have, and where the text names more than the value.

    The parser keeps the last of equal names. A colon outside of a string is one name. Most texts
    have no other colons, so that counting all of them is enough.
    """
    names = 0
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if len(item) > _MOST_NAMES:
                raise json.JSONDecodeError(TOO_MANY_NAMES, "", 0)
            names += len(item)
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
    if data.count(b":") > names < sum(1 for _ in colons(data)):
        raise json.JSONDecodeError(REPEATED_NAME, "", 0)


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
    """A request whose JSON is read strictly, and whose long members are checked ahead."""

    def __init__(self, scope: Scope, receive: Receive, members: LongMembers) -> None:
        super().__init__(scope, receive)
        self._members = members

    async def json(self) -> Any:  # noqa: ANN401 - as the method it replaces
        if not hasattr(self, "_json"):
            data = await self.body()
            is_small = len(data) <= _SMALL_BYTES
            self._json = (
                read_json(data) if is_small else await asyncio.to_thread(self._read_large, data)
            )
        return self._json

    def _read_large(self, data: bytes) -> Any:  # noqa: ANN401 - as above
        return self._members.check_ahead(read_json(data))


class StrictJsonRoute(APIRoute):
    """The route class of all our routers."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the request before FastAPI reads its body."""
        handle = super().get_route_handler()
        body = self.body_field
        members = LongMembers(None if body is None else body.field_info.annotation)

        async def handle_strictly(request: Request) -> Response:
            return await handle(_StrictRequest(request.scope, request.receive, members))

        return handle_strictly
