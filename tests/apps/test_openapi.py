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
        if operation.method == "post":
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
    schemas = document["components"]["schemas"]
    references = set(_references(document))
    assert references
    assert {name.removeprefix("#/components/schemas/") for name in references} <= set(schemas)


async def test_errors_are_documented_as_problems(app: FastAPI) -> None:
    for operation in operations(app):
        for status, response in operation.spec["responses"].items():
            if status in ("4XX", "5XX"):
                schema = response["content"]["application/problem+json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Problem"}, operation.name


def _references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for item in node.values():
            yield from _references(item)
    elif isinstance(node, list):
        for item in node:
            yield from _references(item)
