"""The OpenAPI document is complete and consistent."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import FastAPI
from tests.apps.operations import PUBLIC, operations


async def test_every_operation_is_documented(app: FastAPI) -> None:
    for operation in operations(app):
        assert operation.spec["summary"], operation.name
        assert operation.spec["description"], operation.name
        assert operation.spec["tags"], operation.name
        # Acting on a thing that is there may need nothing but its name.
        if operation.method == "post" and not operation.path.endswith(("/retry", "/cancel")):
            assert "requestBody" in operation.spec, operation.name


async def test_operation_ids_are_unique(app: FastAPI) -> None:
    ids = [operation.spec["operationId"] for operation in operations(app)]
    assert len(ids) == len(set(ids))


async def test_every_served_address_is_in_the_document(app: FastAPI) -> None:
    documented = set(app.openapi()["paths"])
    assert {"/query", "/conversations", "/documents", "/health", "/api/v1/ask"} <= documented
    assert {path for path in documented if path.startswith("/api/v1/documents")} == {
        f"/api/v1{path}" for path in documented if path.startswith("/documents")
    }


async def test_every_operation_but_the_public_ones_names_its_credentials(app: FastAPI) -> None:
    for operation in operations(app):
        schemes = {name for entry in operation.spec.get("security", []) for name in entry}
        expected = set() if operation.path in PUBLIC else {"HTTPBearer", "APIKeyHeader"}
        assert schemes == expected, operation.name


async def test_every_reference_leads_somewhere(app: FastAPI) -> None:
    document = app.openapi()
    references = set(_references(document))
    assert references
    for reference in references:
        _, components, kind, name = reference.split("/")
        assert name in document[components][kind], reference


async def test_errors_are_documented_as_problems(app: FastAPI) -> None:
    document = app.openapi()
    for operation in operations(app):
        for status, response in operation.spec["responses"].items():
            if operation.path == "/api/chat/generate-questions" and status >= "400":
                short = {"schema": {"$ref": "#/components/schemas/ShortProblem"}}
                assert response["content"] == {"application/json": short}, status
            elif status >= "400" and (operation.path, status) != ("/health/ready", "503"):
                name = response["$ref"].removeprefix("#/components/responses/")
                (content,) = document["components"]["responses"][name]["content"].items()
                problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
                assert content == ("application/problem+json", problem), operation.name


async def test_borders_of_numbers_are_told_in_the_words_of_json_schema(app: FastAPI) -> None:
    told = {
        name for schema in app.openapi()["components"]["schemas"].values() for name in _keys(schema)
    }
    assert {"minimum", "maximum"} <= told
    assert not told & {"ge", "gt", "le", "lt", "multiple_of"}


def _keys(node: object) -> Iterator[str]:
    parts = node if isinstance(node, list) else []
    if isinstance(node, dict):
        yield from node
        parts = list(node.values())
    for part in parts:
        yield from _keys(part)


def _references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for item in node.values():
            yield from _references(item)
    elif isinstance(node, list):
        for item in node:
            yield from _references(item)
