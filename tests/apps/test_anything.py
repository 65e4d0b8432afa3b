"""Requests made up from the OpenAPI document: none may be answered by a 500."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.apps.operations import Operation, operations
from tests.apps.problems import problem_type_of
from tests.conftest import MakeTenant, Tenant
from tests.waiting import PATIENCE_SECONDS

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

OPERATORS = st.sampled_from(["$and", "$or", "$not", "$in", "$gte", "$eq", "a", "b.c"])
FILTERS = st.dictionaries(
    OPERATORS,
    st.recursive(
        SCALARS,
        lambda inner: st.dictionaries(OPERATORS, inner, max_size=3) | st.lists(inner, max_size=3),
        max_leaves=8,
    ),
    max_size=3,
)


@pytest.fixture(scope="module")
async def fuzzer(make_tenant: MakeTenant) -> Tenant:
    return await make_tenant()


def values_for(schema: dict[str, Any], schemas: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Mostly values of the schema's kind, so that they come past the first check."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return FILTERS if name == "Filter" else values_for(schemas[name], schemas)
    if "anyOf" in schema and "properties" not in schema:
        return st.one_of([values_for(option, schemas) for option in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "properties" in schema:
        required = set(schema.get("required", ()))
        fields = {name: values_for(s, schemas) for name, s in schema["properties"].items()}
        return st.fixed_dictionaries(
            {name: s for name, s in fields.items() if name in required},
            optional={name: s for name, s in fields.items() if name not in required},
        )
    if schema.get("type") == "array":
        return st.lists(values_for(schema["items"], schemas), max_size=3)
    return simple_values(schema)


def simple_values(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    # Where only NUL is refused, the texts of this module say more than what the pattern allows.
    if "pattern" in schema and not schema["pattern"].startswith(r"^[^\u0000"):
        return st.from_regex(schema["pattern"])
    if schema.get("format") == "uuid":
        return st.uuids().map(str)
    least, most = schema.get("minimum", -5), schema.get("maximum", 300)
    kinds: dict[str | None, st.SearchStrategy[Any]] = {
        "object": FILTERS,
        "integer": st.integers(least, most),
        "number": st.floats(0, 1),
        "boolean": st.booleans(),
        "null": st.none(),
    }
    return kinds.get(schema.get("type"), TEXT)


def make_request(
    operation: Operation, schemas: dict[str, Any], data: st.DataObject
) -> dict[str, Any]:
    """The arguments of a request to the operation."""
    path, query = operation.path, {}
    for parameter in operation.spec.get("parameters", ()):
        value = data.draw(st.one_of(values_for(parameter["schema"], schemas), TEXT))
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", quote(str(value) or "x", safe=""))
        elif value is not None and data.draw(st.booleans()):
            query[parameter["name"]] = str(value)
    request: dict[str, Any] = {"method": operation.method, "url": path, "params": query}
    content = operation.spec.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        schema = content["application/json"]["schema"]
        body = data.draw(st.one_of(values_for(schema, schemas), JSON))
        headers = {"Content-Type": "application/json"}
        return {**request, "content": orjson.dumps(body), "headers": headers}
    if content:
        fields = ("document_id", "title", "collection", "metadata")
        form = data.draw(st.dictionaries(st.sampled_from(fields), TEXT, max_size=3))
        files = {"file": (data.draw(TEXT) or "a.txt", data.draw(st.binary(max_size=200)))}
        return {**request, "data": form, "files": files}
    return request


@pytest.mark.slow
# The server runs in this process: its retries may draw a number while Hypothesis chooses one.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
async def test_no_request_is_answered_by_a_500(app: FastAPI, fuzzer: Tenant) -> None:
    schemas = app.openapi()["components"]["schemas"]
    known = list(operations(app))
    loop = asyncio.get_running_loop()
    seen: Counter[int] = Counter()

    @settings(
        max_examples=400,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.sampled_from(range(len(known))), st.data())
    def ask_anything(index: int, data: st.DataObject) -> None:
        request = make_request(known[index], schemas, data)
        sending = asyncio.run_coroutine_threadsafe(fuzzer.http.request(**request), loop)
        response = sending.result(timeout=PATIENCE_SECONDS)
        seen[response.status_code // 100] += 1
        assert response.status_code < 500, response.text
        # The metrics may name the errors of other tests.
        is_metrics = request["url"] == "/metrics"
        assert is_metrics or b'"internal_error"' not in response.content, response.text
        if response.status_code >= 400:
            assert response.headers["content-type"] == problem_type_of(response.url.path)

    await asyncio.to_thread(ask_anything)
    assert min(seen[2], seen[4]) > 30, "the made-up requests are too good or too bad"
