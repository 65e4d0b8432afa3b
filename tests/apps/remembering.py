"""Texts of users, remembered and collected over HTTP, for tests of the context endpoints."""

from __future__ import annotations

from typing import Any

import httpx
from tests.conftest import Tenant, finished

COLLECTION = "context"


async def post(tenant: Tenant, path: str, **body: object) -> httpx.Response:
    return await tenant.http.post(f"/api/v1/{path}", json=body)


async def ok(tenant: Tenant, path: str, **body: object) -> dict[str, Any]:
    response = await post(tenant, path, **body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def remember(
    tenant: Tenant, user: str, content_type: str, text: str, **metadata: object
) -> dict[str, Any]:
    return await ok(
        tenant,
        "embeddings/generate",
        text=text,
        user_id=user,
        content_type=content_type,
        metadata=metadata,
    )


async def settled(tenant: Tenant) -> list[dict[str, Any]]:
    """The documents of the collection, once all can be searched."""
    listed = await tenant.http.get("/api/v1/documents", params={"collection": COLLECTION})
    documents = [
        await finished(tenant, item["document_id"], COLLECTION)
        for item in listed.json()["documents"]
    ]
    assert {document["status"] for document in documents} <= {"complete"}
    return documents
