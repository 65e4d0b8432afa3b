"""The operations of the OpenAPI document, for tests that go through all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI

METHODS = ("get", "post", "put", "patch", "delete")
PUBLIC = {"/health", "/health/live", "/health/ready"}


@dataclass(frozen=True)
class Operation:
    """One method at one address."""

    method: str
    path: str
    spec: Mapping[str, Any]

    @property
    def name(self) -> str:
        return f"{self.method.upper()} {self.path}"

    def address(self, **identities: str) -> str:
        return self.path.format(**identities)


def operations(app: FastAPI) -> Iterator[Operation]:
    for path, methods in app.openapi()["paths"].items():
        for method, spec in methods.items():
            if method in METHODS:
                yield Operation(method, path, spec)


# The least body with which an operation that takes one does its work.
BODIES: dict[str, dict[str, Any]] = {
    "POST /api/v1/search": {"json": {"query": "anything"}},
    "POST /api/v1/context": {"json": {"query": "anything"}},
    "POST /api/v1/embeddings/generate": {
        "json": {"text": "anything", "user_id": "ann", "content_type": "goal"}
    },
    "POST /api/v1/search/hybrid": {"json": {"query": "anything", "user_id": "ann"}},
    "POST /api/v1/rerank": {
        "json": {"query": "anything", "candidates": ["something"], "user_id": "ann"}
    },
    "POST /api/v1/rag/query": {"json": {"query": "anything", "user_id": "ann"}},
    "POST /api/v1/ask": {"json": {"query": "anything"}},
    "POST /query": {"json": {"query": "anything", "stream": False}},
    "POST /api/chat/generate-questions": {"json": {}},
    "POST /api/v1/questions/generate": {"json": {}},
    "POST /api/v1/questions/review": {
        "json": {"question_id": "0123456789abcdef", "rating": "good"}
    },
    "POST /api/v1/documents": {"files": {"file": ("a.txt", b"Some text.")}},
    "POST /documents": {"files": {"file": ("a.txt", b"Some text.")}},
    "POST /api/v1/documents/batch": {"json": [{"text": "Some text."}]},
    "POST /documents/batch": {"json": [{"text": "Some text."}]},
    "POST /api/v1/uploads": {"json": {"filename": "a.txt", "file_size": 10}},
    "PUT /api/v1/uploads/{upload_id}/content": {"content": b"Some text."},
    "POST /api/v1/uploads/{upload_id}/signal": {"json": {"event": "DocumentUploaded"}},
    "POST /api/v1/conversations": {"json": {}},
    "POST /conversations": {"json": {}},
    "POST /api/v1/collections": {"json": {"name": "fresh"}},
    "PUT /api/v1/collections/{name}/synonyms": {"json": {"entries": {"anything": ["whatever"]}}},
    "POST /api/v1/evals/sets": {
        "json": {
            "name": "fresh",
            "judgements": [{"query": "anything", "relevant": [{"document_id": "a"}]}],
        }
    },
    "POST /api/v1/evals/runs": {"json": {"set": "fresh"}},
    "PATCH /api/v1/documents/{document_id}": {
        "json": {"visibility": "shared", "shared_with": {"roles": ["member"]}}
    },
    "PATCH /documents/{document_id}": {
        "json": {"visibility": "shared", "shared_with": {"roles": ["member"]}}
    },
    "POST /api/v1/users": {"json": {"name": "Ann"}},
    "PATCH /api/v1/users/{user_id}": {"json": {"tier": "premium"}},
    "POST /api/v1/keys": {"json": {"name": "notebook", "scopes": ["read"]}},
}


async def send(client: httpx.AsyncClient, operation: Operation, address: str) -> httpx.Response:
    body = BODIES.get(operation.name, {})
    assert body or "requestBody" not in operation.spec, f"BODIES lacks {operation.name}"
    return await client.request(operation.method, address, **body)
