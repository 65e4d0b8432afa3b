"""The OpenAPI document (OpenAPI 3.1): what holds for all operations, said in one place.

FastAPI knows routes and fields. Errors, headers and the rules of JSON are the server's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, TypeAlias

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from groundwell.web.errors import PROBLEM_TYPE, SHORT_PROBLEMS
from groundwell.web.filter_schema import FILTER_SCHEMAS
from groundwell.web.problems import Problem, ShortProblem

Json: TypeAlias = dict[str, Any]

_SCHEMAS = "#/components/schemas/"
_FORM = "multipart/form-data"
_ANNOTATIONS = ("title", "description", "default", "examples")
_TEXT = r"^[^\u0000]*$"
_MEANINGS = {
    400: "The address or the body cannot be read.",
    401: "The credential is missing or not valid.",
    403: "The credential does not allow this.",
    404: "Something that the request names does not exist.",
    408: "The request did not arrive in time.",
    409: "The request contradicts what is stored.",
    413: "The request is larger than allowed.",
    415: "The body, or a file in it, is of a type that is not taken here.",
    422: "The request breaks a rule.",
    429: "Too many requests, or more than the tenant may hold.",
    431: "Address and headers together are too large.",
    500: "An error that nobody expected.",
    502: "A model provider failed.",
    503: "A part that is needed is away, or there is too much to do.",
    504: "A model provider was too slow.",
    507: "There is no room on the disk.",
}
_ANYWHERE = (400, 431, 500, 503)
_WITH_CREDENTIAL = (401, 403, 429, 507)
_WITH_INPUT = (404, 409, 422)
_WITH_BODY = (408, 413, 415, 502, 504)

_HEADERS: Json = {
    "X-Request-ID": {
        "description": "Id of the request: the one that it brought, or a new one.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9-]{1,64}$"},
    },
    "X-Content-Type-Options": {
        "description": "The body is what its content type says, and nothing else.",
        "required": True,
        "schema": {"const": "nosniff"},
    },
    "RateLimit-Policy": {
        "description": "The rates that count for the request (draft ratelimit-headers-10).",
        "schema": {"type": "string"},
    },
    "RateLimit": {
        "description": "What is left of them (draft ratelimit-headers-10).",
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Seconds after which the request may be sent again.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "WWW-Authenticate": {
        "description": "How to show who is asking (RFC 6750).",
        "required": True,
        "schema": {"const": "Bearer"},
    },
}
_EVERY_HEADER = ("X-Request-ID", "X-Content-Type-Options")
_RATE_HEADERS = ("RateLimit-Policy", "RateLimit")
_HEADERS_OF_STATUS = {
    401: ("WWW-Authenticate",),
    429: ("Retry-After",),
    502: ("Retry-After",),
    503: ("Retry-After",),
    504: ("Retry-After",),
}
_REQUEST_ID: Json = {
    "name": "X-Request-ID",
    "in": "header",
    "required": False,
    "description": "An id for the request. It is replaced unless it is 1 to 64 letters, digits "
    "and hyphens.",
    "schema": {"type": "string"},
}
# What a JSON value is here: the server refuses NUL in all names and texts.
_JSON_VALUE: Json = {
    "title": "JsonValue",
    "description": "Any JSON value. Names and texts do not contain NUL.",
    "anyOf": [
        {"type": ["null", "boolean", "number"]},
        {"type": "string", "pattern": _TEXT},
        {"type": "array", "items": {"$ref": f"{_SCHEMAS}JsonValue"}},
        {
            "type": "object",
            "propertyNames": {"pattern": _TEXT},
            "additionalProperties": {"$ref": f"{_SCHEMAS}JsonValue"},
        },
    ],
}


def complete(document: Json) -> None:
    """Put into FastAPI's document what holds everywhere."""
    components = document["components"]
    schemas: Json = components["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas |= _problem_schemas() | FILTER_SCHEMAS
    schemas["JsonValue"] = _JSON_VALUE
    components["headers"] = _HEADERS
    components["responses"] = {_name(status): _problem(status) for status in _MEANINGS}
    for path, operation in _operations(document):
        _complete_operation(operation)
        if path in SHORT_PROBLEMS:
            _shorten_problems(operation)
        _drop_null(operation, schemas)
        for schema in _request_schemas(operation):
            _refuse_nul(schema, schemas, set())


def _operations(document: Json) -> Iterator[tuple[str, Json]]:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            yield path, operation


def _complete_operation(operation: Json) -> None:
    is_secured = "security" in operation
    has_body = "requestBody" in operation
    statuses = [*_ANYWHERE]
    if is_secured:
        statuses += _WITH_CREDENTIAL
    if has_body or operation.get("parameters"):
        statuses += _WITH_INPUT
    if has_body:
        statuses += _WITH_BODY
    responses: Json = operation["responses"]
    responses.pop("422", None)
    headers = (*_EVERY_HEADER, *(_RATE_HEADERS if is_secured else ()))
    for response in responses.values():
        response.setdefault("headers", {}).update(_references(headers))
    for status in sorted(statuses):
        responses.setdefault(str(status), {"$ref": f"#/components/responses/{_name(status)}"})
    operation.setdefault("parameters", []).append(_REQUEST_ID)


def _shorten_problems(operation: Json) -> None:
    """Say of an operation that its errors have the older form."""
    responses: Json = operation["responses"]
    for status in responses.keys() & set(map(str, _MEANINGS)):
        responses[status] = _problem(int(status), "application/json", ShortProblem)


def _problem(status: int, media_type: str = PROBLEM_TYPE, model: type[BaseModel] = Problem) -> Json:
    headers = (*_EVERY_HEADER, *_RATE_HEADERS, *_HEADERS_OF_STATUS.get(status, ()))
    return {
        "description": _MEANINGS[status],
        "headers": _references(headers),
        "content": {media_type: {"schema": {"$ref": f"{_SCHEMAS}{model.__name__}"}}},
    }


def _references(headers: tuple[str, ...]) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in headers}


def _name(status: int) -> str:
    return HTTPStatus(status).phrase.title().replace(" ", "").replace("-", "")


def _problem_schemas() -> Json:
    _, schema = models_json_schema(
        [(Problem, "serialization"), (ShortProblem, "serialization")],
        ref_template=f"{_SCHEMAS}{{model}}",
    )
    found: Json = schema["$defs"]
    return found


def _request_schemas(operation: Json) -> Iterator[Json]:
    for parameter in operation["parameters"]:
        if parameter is not _REQUEST_ID:
            yield parameter["schema"]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        yield content["schema"]


def _drop_null(operation: Json, schemas: Json) -> None:
    """Addresses, headers and forms have no null: what is not wanted is left out of them."""
    parameters = [parameter["schema"] for parameter in operation["parameters"]]
    fields: Json = {}
    form = operation.get("requestBody", {}).get("content", {}).get(_FORM)
    if form is not None:
        fields = _form_fields(form, schemas)
        parameters += fields.values()
    for schema in parameters:
        options = [option for option in schema.pop("anyOf", ()) if option != {"type": "null"}]
        if len(options) == 1:
            schema.update(options[0] | schema)
        elif options:
            schema["anyOf"] = options
    for schema in fields.values():
        _let_be_empty(schema)


def _form_fields(form: Json, schemas: Json) -> Json:
    """The fields of a form by name; rules about several fields get to their place beside these."""
    reference = form["schema"].pop("$ref")
    component: Json = schemas[reference.removeprefix(_SCHEMAS)]
    component.update(form["schema"])
    form["schema"] = {"$ref": reference}
    fields: Json = component["properties"]
    return fields


def _let_be_empty(schema: Json) -> None:
    """Say of a text in a form that it may be empty, which is as good as leaving it out."""
    if "contentMediaType" in schema or schema.get("type") == "object":
        return
    rules = {name: schema.pop(name) for name in [*schema] if name not in _ANNOTATIONS}
    schema["anyOf"] = [{"const": ""}, rules]


def _refuse_nul(schema: Json, schemas: Json, seen: set[str]) -> None:
    """Say of every text that a request may hold that it has no NUL in it."""
    name = schema.get("$ref", "").removeprefix(_SCHEMAS)
    if name and name not in seen:
        seen.add(name)
        _refuse_nul(schemas[name], schemas, seen)
    is_free = not schema.keys() & {"pattern", "format", "enum", "const", "contentMediaType"}
    if schema.get("type") == "string" and is_free:
        schema["pattern"] = _TEXT
    if isinstance(schema.get("additionalProperties"), dict):
        schema.setdefault("propertyNames", {"pattern": _TEXT})
    for part in _parts(schema):
        _refuse_nul(part, schemas, seen)


def _parts(schema: Json) -> Iterator[Json]:
    for keyword in ("anyOf", "oneOf", "allOf"):
        yield from schema.get(keyword, ())
    for keyword in ("items", "additionalProperties"):
        if isinstance(schema.get(keyword), dict):
            yield schema[keyword]
    yield from schema.get("properties", {}).values()
