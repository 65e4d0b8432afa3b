"""No tenant sees, changes or even notices what another one has."""

from __future__ import annotations

import re
from typing import Any

import httpx
from fastapi import FastAPI
from tests.apps.operations import Operation, operations, send
from tests.conftest import MakeTenant, Tenant, upload_texts

from groundwell.domain.identity import Scope

SECRET = "The launch code of the submarine is marzipan."
# What a reader may do although it is a POST: it asks, and keeps its own conversations.
READING_POSTS = {
    "POST /api/v1/search",
    "POST /api/v1/search/hybrid",
    "POST /api/v1/rerank",
    "POST /api/v1/rag/query",
    "POST /api/v1/ask",
    "POST /query",
    "POST /conversations",
    "POST /api/v1/conversations",
}
OWN_THINGS = re.compile(r"/conversations/")


async def possessions(owner: Tenant) -> dict[str, str]:
    """Make one of everything that has an id, and return the ids by their names in addresses."""
    await upload_texts(owner, [{"id": "plans", "text": SECRET}], "submarines")
    conversation = (await owner.http.post("/conversations", json={})).json()["id"]
    judgements = [{"query": SECRET, "relevant": [{"document_id": "plans"}]}]
    judged = {"name": "judged", "collection": "submarines", "judgements": judgements}
    eval_set = (await owner.http.post("/api/v1/evals/sets", json=judged)).json()["id"]
    run = (await owner.http.post("/api/v1/evals/runs", json={"set": "judged"})).json()["id"]
    return {
        "document_id": "plans",
        "conversation_id": conversation,
        "name": "submarines",
        "set_id": eval_set,
        "run_id": run,
    }


MISSING = {
    "document_id": "snalp",
    "conversation_id": "00000000-0000-4000-8000-000000000000",
    "name": "senirambus",
    "set_id": "00000000-0000-4000-8000-000000000001",
    "run_id": "00000000-0000-4000-8000-000000000002",
}


def with_identity(app: FastAPI) -> list[Operation]:
    found = [operation for operation in operations(app) if "{" in operation.path]
    assert len(found) >= 16
    return found


def without_identity(response: httpx.Response, identities: dict[str, str]) -> tuple[int, bytes]:
    body = response.content.replace(response.headers["x-request-id"].encode(), b"REQUEST")
    for identity in identities.values():
        body = body.replace(identity.encode(), b"ID")
    return response.status_code, body


async def test_a_foreign_id_is_answered_exactly_like_a_missing_one(
    app: FastAPI, tenant: Tenant, make_tenant: MakeTenant
) -> None:
    theirs = await possessions(await make_tenant())
    for operation in with_identity(app):
        foreign = await send(tenant.http, operation, operation.address(**theirs))
        missing = await send(tenant.http, operation, operation.address(**MISSING))
        assert foreign.status_code == 404, operation.name
        seen = without_identity(foreign, theirs)
        assert seen == without_identity(missing, MISSING), operation.name


async def test_what_a_stranger_tries_leaves_the_owner_s_things_alone(
    app: FastAPI, tenant: Tenant, make_tenant: MakeTenant
) -> None:
    owner = await make_tenant()
    theirs = await possessions(owner)
    for operation in with_identity(app):
        await send(tenant.http, operation, operation.address(**theirs))
    for operation in with_identity(app):
        if operation.method == "get":
            own = await owner.http.get(operation.address(**theirs))
            assert own.status_code == 200, operation.name


async def test_a_search_never_returns_another_tenant_s_text(
    tenant: Tenant, make_tenant: MakeTenant
) -> None:
    await possessions(await make_tenant())
    await upload_texts(tenant, [{"id": "own", "text": "A submarine dives."}], "submarines")
    body: dict[str, Any] = {"query": SECRET, "collection": "submarines", "limit": 50}
    for search_type in ("hybrid", "keyword", "semantic"):
        found = await tenant.http.post("/api/v1/search", json={**body, "search_type": search_type})
        assert {item["document_id"] for item in found.json()["results"]} <= {"own"}
    for escape in ({"$not": {"a": 1}}, {"$or": [{"a": 1}, {"a": {"$ne": 1}}]}):
        found = await tenant.http.post("/api/v1/search", json={**body, "filter": escape})
        assert {item["document_id"] for item in found.json()["results"]} == {"own"}
    answer = await tenant.http.post(
        "/api/v1/ask", json={"query": SECRET, "collection": "submarines"}
    )
    assert "marzipan" not in answer.text.replace(SECRET, "")


async def test_lists_and_counts_hold_only_one_s_own(
    tenant: Tenant, make_tenant: MakeTenant
) -> None:
    await possessions(await make_tenant())
    documents = (await tenant.http.get("/documents")).json()
    assert documents["documents"] == []
    assert sum(documents["counts"].values()) == 0
    assert (await tenant.http.get("/conversations")).json() == {"conversations": []}
    names = [
        c["name"] for c in (await tenant.http.get("/api/v1/collections")).json()["collections"]
    ]
    assert names == ["default"]


async def test_the_same_bytes_of_two_tenants_are_two_documents(
    tenant: Tenant, make_tenant: MakeTenant
) -> None:
    owner = await make_tenant()
    ids = []
    for who in (owner, tenant):
        response = await who.http.post("/documents", files={"file": ("a.txt", b"Shared bytes.")})
        assert response.status_code == 202
        ids.append(response.json()["document_id"])
    assert ids[0] != ids[1]
    assert (await owner.http.delete(f"/documents/{ids[0]}")).status_code == 204
    kept = await tenant.http.get(f"/documents/{ids[1]}/content")
    assert kept.content == b"Shared bytes."


async def test_a_key_that_may_only_read_is_refused_by_every_writing_operation(
    app: FastAPI, make_tenant: MakeTenant
) -> None:
    reader = await make_tenant((Scope.READ,))
    writing = 0
    for operation in operations(app):
        is_own = OWN_THINGS.search(operation.path) is not None
        if operation.method == "get" or operation.name in READING_POSTS or is_own:
            continue
        response = await send(reader.http, operation, operation.address(**MISSING))
        assert response.status_code == 403, operation.name
        assert response.json()["code"] == "insufficient_scope"
        writing += 1
    assert writing >= 8


async def test_a_key_that_may_only_write_reads_nothing(
    app: FastAPI, make_tenant: MakeTenant
) -> None:
    writer = await make_tenant((Scope.WRITE,))
    for operation in operations(app):
        if operation.method == "get" and not operation.path.startswith("/health"):
            response = await writer.http.get(operation.address(**MISSING))
            assert response.status_code == 403, operation.name
