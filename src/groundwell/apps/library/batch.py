"""Reading the body of a batch: a JSON list, or one JSON object a line."""

from __future__ import annotations

import json

from fastapi import Request
from pydantic import TypeAdapter, ValidationError

from groundwell.apps.library.schemas import BatchDocument
from groundwell.domain.errors import InvalidInputError
from groundwell.web.json_body import read_json

_LINES = ("application/x-ndjson", "application/jsonl", "application/x-jsonlines")
_LIST: TypeAdapter[list[BatchDocument]] = TypeAdapter(list[BatchDocument])


async def read_batch(request: Request) -> list[BatchDocument]:
    """The documents of the body. Raises InvalidInputError that names the place of a mistake."""
    data = await request.body()
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type in _LINES:
        items: object = [
            _parse(line, f"Line {number}")
            for number, line in enumerate(data.splitlines(), start=1)
            if line.strip()
        ]
    else:
        items = _parse(data, "The body")
        if not isinstance(items, list):
            raise InvalidInputError("The body must be a JSON list of documents.")
    try:
        return _LIST.validate_python(items)
    except ValidationError as error:
        first = error.errors()[0]
        index, *field = first["loc"]
        place = ".".join(map(str, field)) or "it"
        raise InvalidInputError(
            f"Document {index}, {place}: {first['msg']}.", code="validation_failed"
        ) from error


def _parse(data: bytes, place: str) -> object:
    try:
        return read_json(data)
    except json.JSONDecodeError as error:
        raise InvalidInputError(
            f"{place} is not valid JSON: {error.msg}.", code="invalid_json"
        ) from error
