"""The form of an upload: its fields that are more than text, and its documentation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, File, Form, Header, Request, UploadFile
from pydantic import JsonValue, TypeAdapter, ValidationError, WithJsonSchema

from groundwell.apps.library.schemas import AcceptedOut
from groundwell.apps.library.sharing_schemas import OPTIONAL_SHARING, SharedWith
from groundwell.domain.errors import InvalidInputError
from groundwell.domain.identity import Principal
from groundwell.domain.media_types import MediaType
from groundwell.web.deps import Writer
from groundwell.web.errors import UnsupportedMediaTypeError
from groundwell.web.json_body import read_json

TAKEN_BEFORE: dict[int | str, dict[str, Any]] = {
    200: {"model": AcceptedOut, "description": "There is nothing new to index."}
}
# The parts of the form that are more than text, and what they are.
FORM: dict[str, Any] = {
    "requestBody": {
        "content": {
            "multipart/form-data": {
                "schema": OPTIONAL_SHARING,
                "encoding": {
                    "file": {"contentType": ", ".join(MediaType)},
                    "metadata": {"contentType": "application/json"},
                    "shared_with": {"contentType": "application/json"},
                },
            }
        }
    }
}

_SHARED_WITH = SharedWith.model_json_schema(ref_template="#/components/schemas/{model}")
_SHARED_WITH.pop("$defs")

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        description="Send a request again under the same key, and it is done once: for a day the "
        "answer is the first one. Another request under the key is refused (409).",
    ),
]


async def _form_writer(request: Request, caller: Writer) -> Principal:
    """A writer whose request is a form; anything else would seem to lack all its fields."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "multipart/form-data":
        raise UnsupportedMediaTypeError(
            "Send the file as multipart/form-data, in a part named file. Texts as JSON belong to "
            "/api/v1/documents/batch."
        )
    return caller


FormWriter = Annotated[Principal, Depends(_form_writer)]
UploadedFile = Annotated[
    UploadFile,
    File(
        description="PDF, DOCX, PPTX, XLSX, HTML, MD, CSV or TXT.",
        json_schema_extra={"minLength": 1},
    ),
]
MetadataField = Annotated[
    str | None,
    Form(description="A JSON object."),
    WithJsonSchema(
        {
            "type": "object",
            "additionalProperties": {"$ref": "#/components/schemas/JsonValue"},
        }
    ),
]
SharedWithField = Annotated[
    str | None,
    Form(description="A JSON object with the lists `roles` and `users`."),
    WithJsonSchema(_SHARED_WITH),
]


_METADATA: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])


def read_metadata(text: str | None) -> Mapping[str, JsonValue] | None:
    """The form field `metadata`, which is JSON. Raises InvalidInputError."""
    if not text:
        return None
    try:
        return _METADATA.validate_python(read_json(text.encode()))
    except (json.JSONDecodeError, ValidationError, UnicodeEncodeError) as error:
        raise InvalidInputError(
            "metadata must be a JSON object.", code="invalid_metadata"
        ) from error


def refuse_nul(value: str | None) -> None:
    """Raise InvalidInputError for NUL, which Postgres cannot store."""
    if value is not None and "\0" in value:
        raise InvalidInputError("A form field must not contain NUL.", code="invalid_text")
