"""Requests made up from the OpenAPI document: none may be answered by a 500."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

import httpx
import orjson
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.apps.operations import Operation, operations
from tests.conftest import MakeTenant, Tenant

NASTY = [
    "",
    " ",
    "\0",
    "null",
    "-1",
    "9" * 400,
    "'",
    '"; --',
    "../..",
    "%00",
    "\ud7ff",
    "\U0010ffff",
]
TEXT = st.one_of(st.sampled_from(NASTY), st.text(st.characters(exclude_categories=("Cs",))))
NUMBERS = st.one_of(
    st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False, allow_infinity=False)
)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXT)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(scope="module")
async def fuzzer(make_tenant: MakeTenant) -> Tenant:
    return await make_tenant()


def values_for(schema: dict[str, Any], document: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Mostly values of the schema's kind, so that they come past the first check."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return values_for(document["components"]["schemas"][name], document)
    if "anyOf" in schema:
        return st.one_of([values_for(option, document) for option in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema.get("type"):
        case "object" if "properties" in schema:
            required = set(schema.get("required", ()))
            fields = {n: values_for(s, document) for n, s in schema["properties"].items()}
            return st.fixed_dictionaries(
                {n: s for n, s in fields.items() if n in required},
                optional={n: s for n, s in fields.items() if n not in required},
            )
        case "object":
            operators = st.sampled_from(["$and", "$or", "$not", "$in", "$gte", "$eq", "a", "b.c"])
            return st.recursive(
                SCALARS,
                lambda x: st.dictionaries(operators, x, max_size=3) | st.lists(x, max_size=3),
                max_leaves=8,
            ).filter(lambda value: isinstance(value, dict))
        case "array":
            return st.lists(values_for(schema["items"], document), max_size=3)
        case "integer":
            return st.integers(schema.get("minimum", -5), schema.get("maximum", 300))
        case "number":
            return st.floats(0, 1)
        case "boolean":
            return st.booleans()
        case "string" if "pattern" in schema:
            return st.from_regex(schema["pattern"])
        case "string" if schema.get("format") == "uuid":
            return st.uuids().map(str)
        case _:
            return TEXT


async def send(client: httpx.AsyncClient, operation: Operation, data: st.DataObject) -> Any:
    document = {"components": data.draw(st.just(operation.spec["_components"]))}
    path, query = operation.path, {}
    for parameter in operation.spec.get("parameters", ()):
        good = values_for(parameter["schema"], document)
        value = data.draw(st.one_of(good, TEXT))
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", quote(str(value) or "x", safe=""))
        elif value is not None and data.draw(st.booleans()):
            query[parameter["name"]] = str(value)
    content = operation.spec.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        schema = content["application/json"]["schema"]
        body = data.draw(st.one_of(values_for(schema, document), JSON))
        headers = {"Content-Type": "application/json"}
        return await client.request(
            operation.method, path, params=query, content=orjson.dumps(body), headers=headers
        )
    if content:
        fields = ("document_id", "key", "title", "collection", "metadata")
        form = data.draw(st.dictionaries(st.sampled_from(fields), TEXT, max_size=3))
        files = {"file": (data.draw(TEXT) or "a.txt", data.draw(st.binary(max_size=200)))}
        return await client.request(operation.method, path, data=form, files=files)
    return await client.request(operation.method, path, params=query)


@pytest.mark.slow
async def test_no_request_is_answered_by_a_500(app: FastAPI, fuzzer: Tenant) -> None:
    components = app.openapi()["components"]
    known = [
        Operation(o.method, o.path, {**o.spec, "_components": components}) for o in operations(app)
    ]
    loop = asyncio.get_running_loop()

    @settings(
        max_examples=500,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def ask_anything(data: st.DataObject) -> None:
        operation = data.draw(st.sampled_from(known))
        sending = asyncio.run_coroutine_threadsafe(send(fuzzer.http, operation, data), loop)
        response = sending.result(timeout=30)
        assert response.status_code < 500, (operation.name, response.text)
        assert b'"internal_error"' not in response.content, (operation.name, response.text)
        documented = set(operation.spec["responses"]) | {"400", "401"}
        known_status = str(response.status_code) in documented or response.status_code >= 400
        assert known_status or response.status_code in (200, 307), operation.name

    await asyncio.to_thread(ask_anything)
