"""Every place in a request where something can be named, read from the OpenAPI document.

A new field or parameter that may hold text has no kind yet, and `kind_of` says so: whoever adds it
decides here whether it names something that belongs to a tenant.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from fastapi import FastAPI
from tests.apps.operations import BODIES, Operation, operations

# What names something of a tenant, by the name of its field or parameter.
KINDS = {
    "document_id": "document",
    "id": "document",
    "collection": "collection",
    "conversation_id": "conversation",
    "set_id": "eval set",
    "question_id": "question",
    "set": "name of an eval set",
    "run_id": "eval run",
    "compare_with": "eval run",
    "job_id": "job",
    "upload_id": "upload",
    "user_id": "user",
    "subject": "subject",
    "key_id": "key",
    "actor": "user",
    "owner_id": "user",
    "users": "user",
    "confirm": "tenant",
    "key": "source",
    "cursor": "cursor",
    "file": "content",
    "sha256": "digest",
    "filter": "filter",
}
# Where the same name means different things, the address decides.
KINDS_OF_NAMES = {
    "/collections": "collection",
    "/evals/sets": "name of an eval set",
    "/users": None,
    "/keys": None,
}
# An id of a set is that of judged queries, or of questions.
QUESTIONS = "/questions/"
# What a body must name, by the end of the address.
NAMED_IN_BODIES = {
    "/evals/runs": ("set", "name of an eval set"),
    "/questions/review": ("question_id", "question"),
}
# What is text, or a value, and names nothing.
PLAIN = {
    *("query", "role", "category", "text", "title", "description", "metadata", "candidates"),
    *("packs", "entries", "expires_at", "action", "since", "until", "visibility", "roles"),
    *("shared_with", "documents", "callback_url", "filename", "media_type"),
    *("topic", "answer"),
}
# What a tenant makes up for requests of its own; tests of their own show whose they are.
PLAIN_HEADERS = {"idempotency-key", "x-request-id"}
JSON, FORM, LINES = "application/json", "multipart/form-data", "application/x-ndjson"
BYTES = "application/octet-stream"


@dataclass(frozen=True)
class Place:
    """`where` is path, query, or a media type; `pointer` leads there, `*` into a list."""

    operation: Operation = field(hash=False)
    where: str
    pointer: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.operation.name} {self.where}:{'/'.join(self.pointer)}"

    @property
    def leaf(self) -> str:
        return [name for name in self.pointer if name != "*"][-1]


def kind_of(place: Place) -> str | None:
    """What a text at this place names; None for what names nothing."""
    if place.leaf == "name":
        for part, kind in KINDS_OF_NAMES.items():
            if part in place.operation.path:
                return kind
    if place.leaf in PLAIN:
        return None
    if place.leaf == "set_id" and QUESTIONS in place.operation.path:
        return "question set"
    assert place.leaf in KINDS, f"Nobody has said yet what {place.name} names: add it to KINDS."
    return KINDS[place.leaf]


def texts(app: FastAPI) -> Iterator[Place]:
    """Every place that takes a text, or an object of any form."""
    schemas = app.openapi()["components"]["schemas"]
    for operation in operations(app):
        for parameter in operation.spec.get("parameters", ()):
            if parameter["name"].lower() in PLAIN_HEADERS:
                continue
            assert parameter["in"] in ("path", "query"), operation.name
            found = _leaves(parameter["schema"], schemas, (parameter["name"],))
            yield from (Place(operation, parameter["in"], pointer) for pointer in found)
        for media_type, content in operation.spec.get("requestBody", {}).get("content", {}).items():
            known = (JSON, FORM, LINES, BYTES)
            assert media_type in known, f"{operation.name} takes {media_type}"
            # The lines are the items of the JSON list; bytes as they are name nothing.
            if media_type in (JSON, FORM):
                found = _leaves(content["schema"], schemas, ())
                yield from (Place(operation, media_type, pointer) for pointer in found)


def _leaves(
    schema: Mapping[str, Any], schemas: Mapping[str, Any], pointer: tuple[str, ...]
) -> list[tuple[str, ...]]:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        # The grammar of filters nests without end.
        return [pointer] if name == "Filter" else _leaves(schemas[name], schemas, pointer)
    options = [*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())]
    if options and "properties" not in schema:
        found = [leaf for option in options for leaf in _leaves(option, schemas, pointer)]
        return list(dict.fromkeys(found))
    if "properties" in schema:
        named = schema["properties"].items()
        return [leaf for name, s in named for leaf in _leaves(s, schemas, (*pointer, name))]
    match schema.get("type"):
        case "array":
            return _leaves(schema["items"], schemas, (*pointer, "*"))
        case "integer" | "number" | "boolean" | "null":
            return []
    return [] if "enum" in schema or "const" in schema else [pointer]


def request_with(
    values: Mapping[Place, Any], operation: Operation, own: Mapping[str, str]
) -> dict[str, Any]:
    """The least request of an operation with values at some places.

    What else must be named is named from `own`, by kind.
    """
    query: dict[str, str] = {}
    body = _least_body(operation, own)
    path = dict.fromkeys(_names_in(operation.path), "")
    for place, value in values.items():
        assert place.operation == operation
        if place.where == "path":
            path[place.leaf] = quote(value, safe="")
        elif place.where == "query":
            query[place.leaf] = value
        elif place.where == JSON:
            body["json"] = _put(body.get("json", {}), place.pointer, value)
        elif place.leaf == "file":
            body["files"] = {"file": ("a.txt", value)}
        else:
            body["data"] = {**body.get("data", {}), place.leaf: value}
    for name, value in path.items():
        kind = kind_of(Place(operation, "path", (name,)))
        path[name] = value or own[kind or ""]
    address = operation.path.format(**path)
    return {"method": operation.method, "url": address, "params": query, **body}


def _least_body(operation: Operation, own: Mapping[str, str]) -> dict[str, Any]:
    body = copy.deepcopy(BODIES.get(operation.name, {}))
    for end, (name, kind) in NAMED_IN_BODIES.items():
        if operation.path.endswith(end) and body:
            body["json"][name] = own[kind]
    if "files" in body:
        # The same bytes again would be the same document.
        body["files"] = {"file": ("a.txt", f"Some text {uuid4()}.".encode())}
    if body.get("json") and "name" in body["json"]:
        body["json"]["name"] = f"fresh-{uuid4().hex[:8]}"
    return body


def needs_own(operation: Operation, places: Mapping[Place, Any]) -> bool:
    """Whether the least request names something beside what stands at `places`."""
    given = {place.leaf for place in places if place.where == "path"}
    names_more = operation.path.endswith(tuple(NAMED_IN_BODIES))
    return bool(set(_names_in(operation.path)) - given) or names_more


def _names_in(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def _put(body: Any, pointer: tuple[str, ...], value: Any) -> Any:  # noqa: ANN401 - JSON is anything
    if not pointer:
        return value
    first, *rest = pointer
    if first == "*":
        items = body or [{}]
        return [_put(items[0], tuple(rest), value), *items[1:]]
    return {**body, first: _put(body.get(first, {}), tuple(rest), value)}
