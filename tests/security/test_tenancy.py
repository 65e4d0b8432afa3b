"""No tenant sees, changes or even notices what another one has.

Every id at every place of the API is tried in `test_foreign_ids.py`.
"""

from __future__ import annotations

import sys
from typing import Any

from tests.conftest import MakeTenant, Tenant, upload_texts

SECRET = "The launch code of the submarine is marzipan."


async def possessions(owner: Tenant) -> None:
    await upload_texts(owner, [{"id": "plans", "text": SECRET}], "submarines")
    await owner.http.post("/conversations", json={})


async def test_a_search_never_returns_another_tenant_s_text(
    tenant: Tenant, make_tenant: MakeTenant
) -> None:
    await possessions(await make_tenant())
    await upload_texts(tenant, [{"id": "own", "text": "A submarine dives."}], "submarines")
    body: dict[str, Any] = {"query": SECRET, "collection": "submarines", "limit": 50}
    results: list[str] = []
    for search_type in ("hybrid", "keyword", "semantic"):
        found = await tenant.http.post("/api/v1/search", json={**body, "search_type": search_type})
        results += (item["document_id"] for item in found.json()["results"])
    for escape in ({"$not": {"a": 1}}, {"$or": [{"a": 1}, {"a": {"$ne": 1}}]}):
        found = await tenant.http.post("/api/v1/search", json={**body, "filter": escape})
        assert {item["document_id"] for item in found.json()["results"]} == {"own"}
        results += (item["document_id"] for item in found.json()["results"])
    answer = await tenant.http.post(
        "/api/v1/ask", json={"query": SECRET, "collection": "submarines"}
    )
    foreign = len(results) - results.count("own")
    told = answer.text.replace(SECRET, "").count("marzipan")
    sys.stdout.write(
        f"\n5 searches and an answer about another tenant's text: {results.count('own')} results of"
        f" one's own, {foreign} of the other's, {told} words of it in the answer\n"
    )
    assert foreign == told == 0


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
    sys.stdout.write(
        f"\nlists beside a tenant with a document, a collection and a conversation:"
        f" {len(documents['documents'])} documents, counts {sum(documents['counts'].values())},"
        f" collections {names}\n"
    )
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
    sys.stdout.write(
        f"\nthe same bytes of two tenants: {len(set(ids))} documents; one is deleted, of the other"
        f" there are {len(kept.content)} of {len(b'Shared bytes.')} bytes\n"
    )
    assert kept.content == b"Shared bytes."
