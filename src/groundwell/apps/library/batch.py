"""Reading the body of a batch: a JSON list, or one JSON object a line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from fastapi import Request
from pydantic import TypeAdapter, ValidationError

from groundwell.apps.library.schemas import BatchDocument
from groundwell.domain.errors import InvalidInputError
from groundwell.web.deps import App
from groundwell.web.errors import UnsupportedMediaTypeError
from groundwell.web.json_body import UnreadableJsonError, read_json

_LINES = ("application/x-ndjson", "application/jsonl", "application/x-jsonlines")
_ONE: TypeAdapter[BatchDocument] = TypeAdapter(BatchDocument)
# Far more than a batch has documents, for those who like blank lines.
_MOST_LINES = 100_000
_PLACE_CHARACTERS = 80

_ITEM = BatchDocument.model_json_schema(ref_template="#/components/schemas/{model}")
_ITEM.pop("$defs")

_DOCUMENTS = {"type": "array", "items": _ITEM}

BATCH_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": _DOCUMENTS},
            _LINES[0]: {"schema": _DOCUMENTS | {"description": "One item a line."}},
        },
    }
}
"""The body for the OpenAPI document: FastAPI does not see what `read_batch` reads."""


async def read_batch(request: Request, app: App) -> list[BatchDocument]:
    """The documents of the body. Raises an error that names the place of a mistake."""
    data = await request.body()
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    # Of millions of texts nobody else should have to wait for the last.
    return await asyncio.to_thread(_read, data, content_type, app.limits.batch_documents)


def _read(data: bytes, content_type: str, most: int) -> list[BatchDocument]:
    if content_type in _LINES:
        if data.count(b"\n") > _MOST_LINES:
            raise InvalidInputError(
                f"A batch may have {_MOST_LINES} lines at most.", code="batch_too_large"
            )
        lines = [(n, line) for n, line in enumerate(data.split(b"\n"), start=1) if line.strip()]
        items = [_parse(line, f"Line {number}") for number, line in lines]
        return _check(items, [f"Line {number}" for number, _ in lines], most)
    if content_type != "application/json":
        raise UnsupportedMediaTypeError(
            f"Send the batch as application/json or, a document a line, as {_LINES[0]}."
        )
    body = _parse(data, "The body")
    if not isinstance(body, list):
        raise InvalidInputError("The body must be a JSON list of documents.")
    return _check(body, [f"Document {index}" for index in range(len(body))], most)


def _check(items: Sequence[object], places: Sequence[str], most: int) -> list[BatchDocument]:
    """The documents. Of more than there may be, none is looked at that is too many."""
    documents = [_checked(item, place) for item, place in zip(items[:most], places, strict=False)]
    if len(items) > most:
        raise InvalidInputError(
            f"A batch may hold {most} documents at most; this one has {len(items)}.",
            code="batch_too_large",
        )
    return documents


def _checked(item: object, place: str) -> BatchDocument:
    try:
        return _ONE.validate_python(item)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(map(str, first["loc"]))[:_PLACE_CHARACTERS]
        place = f"{place}, {name}" if name else place
        raise InvalidInputError(f"{place}: {first['msg']}.", code="validation_failed") from error


def _parse(data: bytes, place: str) -> object:
    try:
        return read_json(data)
    except json.JSONDecodeError as error:
        raise UnreadableJsonError(f"{place} is not valid JSON: {error.msg}.") from error
