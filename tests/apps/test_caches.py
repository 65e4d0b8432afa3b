"""The caches over HTTP: quick, never stale, never another tenant's, and easy to go round."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from tests.conftest import MakeTenant, Tenant, finished, upload, upload_texts

from groundwell.domain.documents import TenantId
from groundwell.services import Services
from groundwell.store.chunks import delete_document
from groundwell.store.collections import get_collection
from groundwell.store.database import Database
from groundwell.store.documents import get_document

BIRDS = [
    {"id": "heron", "title": "Herons", "text": "Herons stand in the reeds and eat fish."},
    {"id": "swift", "title": "Swifts", "text": "Swifts sleep on the wing."},
]
QUERY = "what do herons eat?"
HIT = "groundwell; hit"


@pytest.fixture
async def elsewhere(services: Services) -> AsyncIterator[Database]:
    """The connections of another process, which knows nothing of this one's caches."""
    pool = Database(services.database.pool.conninfo, min_size=1, max_size=1)
    await pool.open()
    yield pool
    await pool.close()


async def search(
    tenant: Tenant, headers: dict[str, str] | None = None, **fields: object
) -> httpx.Response:
    body = {"query": QUERY, **fields}
    response = await tenant.http.post("/api/v1/search", json=body, headers=headers)
    assert response.status_code == 200, response.text
    return response


def results(response: httpx.Response) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = response.json()["results"]
    return found


def is_hit(response: httpx.Response) -> bool:
    return response.headers.get("cache-status") == HIT


async def test_the_same_search_again_is_a_hit_with_the_same_results(tenant: Tenant) -> None:
    await upload_texts(tenant, BIRDS)
    first, second = await search(tenant), await search(tenant)
    assert (is_hit(first), is_hit(second)) == (False, True)
    assert results(first) == results(second)
    assert set(first.json()) == set(second.json())
    assert {"cache", "embed", "index", "load", "total"} <= set(first.json()["timings_ms"])
    assert set(second.json()["timings_ms"]) == {"cache", "total"}


@pytest.mark.parametrize(
    "fields",
    [
        {"query": "What do herons eat?"},
        {"limit": 1},
        {"threshold": 0.01},
        {"search_type": "keyword"},
        {"filter": {"document_id": "heron"}},
        {"rerank": False},
        {"explain": True},
        {"smoothing": False},
    ],
    ids=lambda fields: next(iter(fields)),
)
async def test_a_search_that_differs_in_one_field_is_no_hit(
    tenant: Tenant, fields: dict[str, Any]
) -> None:
    await upload_texts(tenant, BIRDS)
    await search(tenant)
    assert not is_hit(await search(tenant, **fields))
    assert is_hit(await search(tenant, **fields))


@pytest.mark.parametrize("header", ["no-cache", "No-Cache", "max-age=0, no-cache", "no-store"])
async def test_a_request_can_go_round_the_caches_which_neither_answer_nor_learn(
    tenant: Tenant, header: str
) -> None:
    await upload_texts(tenant, BIRDS)
    bypass = {"Cache-Control": header}
    for _ in range(2):
        response = await search(tenant, bypass)
        assert not is_hit(response)
        assert "cache" not in response.json()["timings_ms"]
    assert not is_hit(await search(tenant))
    assert is_hit(await search(tenant))
    assert not is_hit(await search(tenant, bypass))


async def test_two_tenants_with_the_same_query_share_no_result(
    tenant: Tenant, make_tenant: MakeTenant
) -> None:
    other = await make_tenant()
    await upload_texts(tenant, BIRDS)
    await search(tenant)
    theirs = await search(other)
    assert (is_hit(theirs), results(theirs)) == (False, [])
    await upload_texts(other, [{"id": "ours", "text": "Our herons eat eels."}])
    assert [result["document_id"] for result in results(await search(other))] == ["ours"]
    assert "ours" not in {result["document_id"] for result in results(await search(tenant))}


async def test_a_new_document_is_found_by_a_search_that_was_remembered(tenant: Tenant) -> None:
    await upload_texts(tenant, BIRDS)
    await search(tenant)
    await upload_texts(tenant, [{"id": "eel", "text": "What herons eat most are eels."}])
    found = await search(tenant)
    assert "eel" in {result["document_id"] for result in results(found)}
    assert is_hit(await search(tenant))


async def test_a_new_version_is_shown_as_soon_as_it_is_complete(tenant: Tenant) -> None:
    first = await upload(tenant, "heron.txt", b"Herons eat fish.", key="heron")
    await finished(tenant, first.json()["document_id"])
    await search(tenant)
    second = await upload(tenant, "heron.txt", b"Herons eat frogs.", key="heron")
    await finished(tenant, second.json()["document_id"])
    (result,) = results(await search(tenant))
    assert (result["text"], result["version"]) == ("Herons eat frogs.", 2)


async def test_a_deleted_document_is_gone_at_once(tenant: Tenant) -> None:
    await upload_texts(tenant, BIRDS)
    await search(tenant)
    await search(tenant)
    assert (await tenant.http.delete("/api/v1/documents/heron")).status_code == 204
    assert [result["document_id"] for result in results(await search(tenant))] == ["swift"]


async def test_a_deleted_collection_is_gone_and_its_successor_starts_empty(tenant: Tenant) -> None:
    await upload_texts(tenant, BIRDS, "birds")
    await search(tenant, collection="birds")
    assert (await tenant.http.delete("/api/v1/collections/birds")).status_code == 204
    body = {"query": QUERY, "collection": "birds"}
    assert (await tenant.http.post("/api/v1/search", json=body)).status_code == 404
    await tenant.http.post("/api/v1/collections", json={"name": "birds"})
    assert results(await search(tenant, collection="birds")) == []


async def test_a_new_title_and_metadata_show_at_once_and_filters_see_them(tenant: Tenant) -> None:
    await upload_texts(tenant, BIRDS)
    grey = {"filter": {"colour": "grey"}}
    await search(tenant)
    assert results(await search(tenant, **grey)) == []
    changed = {**BIRDS[0], "title": "Grey herons", "metadata": {"colour": "grey"}}
    await upload_texts(tenant, [changed])
    best = results(await search(tenant))[0]
    assert (best["title"], best["metadata"]) == ("Grey herons", {"colour": "grey"})
    assert [result["document_id"] for result in results(await search(tenant, **grey))] == ["heron"]


async def _retitle(database: Database, tenant: TenantId) -> None:
    async with database.transaction(tenant) as connection:
        await connection.execute("UPDATE documents SET title = 'Changed' WHERE id = 'heron'")


async def _describe(database: Database, tenant: TenantId) -> None:
    async with database.transaction(tenant) as connection:
        await connection.execute("UPDATE documents SET metadata = '{\"a\": 1}' WHERE id = 'heron'")


async def _delete(database: Database, tenant: TenantId) -> None:
    async with database.transaction(tenant) as connection:
        document = await get_document(connection, "heron", None)
        home = await get_collection(connection, document.collection)
        await delete_document(connection, home.id, document.uid)


@pytest.mark.parametrize("write", [_retitle, _describe, _delete], ids=lambda w: w.__name__)
async def test_a_write_of_another_process_shows_in_the_next_search(
    tenant: Tenant,
    elsewhere: Database,
    write: Callable[[Database, TenantId], Awaitable[None]],
) -> None:
    await upload_texts(tenant, BIRDS)
    await search(tenant)
    before = await search(tenant)
    assert is_hit(before)
    await write(elsewhere, tenant.id)
    after = await search(tenant)
    assert not is_hit(after)
    fresh = await search(tenant, {"Cache-Control": "no-cache"})
    assert results(after) == results(fresh) != results(before)


async def test_new_synonyms_count_in_the_next_search(tenant: Tenant) -> None:
    await upload_texts(tenant, BIRDS)
    asked = {"query": "ardea", "search_type": "keyword", "rerank": False}
    assert results(await search(tenant, **asked)) == []
    assert is_hit(await search(tenant, **asked))
    given = {"entries": {"ardea": ["heron"]}}
    response = await tenant.http.put("/api/v1/collections/default/synonyms", json=given)
    assert response.status_code == 200, response.text
    found = await search(tenant, **asked)
    assert not is_hit(found)
    assert [result["document_id"] for result in results(found)] == ["heron"]


async def test_answers_and_contexts_are_never_drawn_from_what_is_gone(tenant: Tenant) -> None:
    await upload_texts(tenant, BIRDS)
    asked = {"query": QUERY}
    for _ in range(2):
        answer = (await tenant.http.post("/api/v1/ask", json=asked)).json()
        assert "fish" in answer["answer"]
    await tenant.http.delete("/api/v1/documents/heron")
    answer = (await tenant.http.post("/api/v1/ask", json=asked)).json()
    assert "fish" not in answer["answer"]


async def test_an_evaluation_uses_no_cache(operator: Tenant, tenant: Tenant) -> None:
    await upload_texts(tenant, BIRDS)
    await search(tenant)
    judged = {"query": QUERY, "relevant": [{"document_id": "heron"}]}
    body = {"name": "birds", "judgements": [judged]}
    await tenant.http.post("/api/v1/evals/sets", json=body)
    before = await requests_of_caches(operator)
    run = (await tenant.http.post("/api/v1/evals/runs", json={"set": "birds"})).json()
    while run["status"] not in ("complete", "failed"):
        run = (await tenant.http.get(f"/api/v1/evals/runs/{run['id']}")).json()
    assert run["status"] == "complete"
    assert {"embed", "index"} <= set(run["latency_ms"])
    assert "cache" not in run["latency_ms"]
    assert await requests_of_caches(operator) == before


async def requests_of_caches(operator: Tenant) -> list[str]:
    lines = (await operator.http.get("/metrics")).text.splitlines()
    found = [line for line in lines if line.startswith("groundwell_cache_requests_total{")]
    assert [line for line in found if 'cache="retrieval"' in line]
    return found
