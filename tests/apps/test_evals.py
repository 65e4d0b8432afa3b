"""Evaluations over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from tests.conftest import MakeTenant, Tenant, upload_texts
from tests.waiting import patience

from groundwell.apps.evals.schemas import ConfigIn
from groundwell.apps.search.schemas import SearchIn
from groundwell.domain.evaluation import FIXED_OPTIONS, MEASURES
from groundwell.domain.identity import Scope
from groundwell.services import Services
from groundwell.store.eval_runs import insert_run

DOCUMENTS = [
    {"id": "arch", "title": "Arch bridges", "text": "An arch bridge carries load as thrust."},
    {"id": "cable", "title": "Cables", "text": "A suspension bridge hangs from steel cables."},
    {"id": "bread", "title": "Bread", "text": "Sourdough bread rises with wild yeast."},
    {"id": "tea", "title": "Tea", "text": "Green tea is steeped in water below boiling."},
]
JUDGEMENTS = [
    {"query": "what makes bread rise", "relevant": [{"document_id": "bread", "grade": 2}]},
    {"query": "steel cables of bridges", "relevant": [{"document_id": "cable"}]},
    {"query": "how to brew tea", "relevant": [{"document_id": "tea"}, {"document_id": "lost"}]},
]


async def make_set(tenant: Tenant, name: str = "basics", **changes: object) -> dict[str, Any]:
    body = {"name": name, "judgements": JUDGEMENTS, **changes}
    response = await tenant.http.post("/api/v1/evals/sets", json=body)
    assert response.status_code == 201, response.text
    return dict(response.json())


async def start(tenant: Tenant, name: str = "basics", **fields: object) -> dict[str, Any]:
    response = await tenant.http.post("/api/v1/evals/runs", json={"set": name, **fields})
    assert response.status_code == 202, response.text
    return dict(response.json())


async def read(tenant: Tenant, run: str, **parameters: str) -> dict[str, Any]:
    response = await tenant.http.get(f"/api/v1/evals/runs/{run}", params=parameters)
    assert response.status_code == 200, response.text
    return dict(response.json())


async def finished(tenant: Tenant, run: str) -> dict[str, Any]:
    async with patience():
        while True:
            found = await read(tenant, run)
            if found["status"] in ("complete", "failed"):
                return found
            await asyncio.sleep(0.1)


@pytest.fixture
async def judged(tenant: Tenant) -> Tenant:
    """A tenant with documents and a set of judgements over them."""
    await upload_texts(tenant, DOCUMENTS)
    await make_set(tenant)
    return tenant


async def test_a_run_measures_what_the_search_finds(judged: Tenant) -> None:
    begun = await start(judged)
    assert (begun["status"], begun["done"], begun["measures"]) == ("pending", 0, {})
    run = await finished(judged, begun["id"])
    assert run["status"] == "complete", run
    assert (run["done"], run["queries"]) == (3, 3)
    assert (run["documents"], run["missing_documents"]) == (4, 1)
    assert set(run["measures"]) == set(MEASURES)
    assert run["measures"]["mrr@10"] == 1.0
    # Of the last query one document of two does not exist, and still counts as relevant.
    assert run["measures"]["recall@100"] == pytest.approx((1 + 1 + 0.5) / 3)
    assert 0 < run["latency_ms"]["total"]["p50"] <= run["latency_ms"]["total"]["p95"]
    assert run["comparison"] is None


async def test_results_come_in_pages_and_the_worst_first_if_wanted(judged: Tenant) -> None:
    run = await finished(judged, (await start(judged))["id"])
    address = f"/api/v1/evals/runs/{run['id']}/results"
    first = (await judged.http.get(address, params={"limit": 2})).json()
    rest = (await judged.http.get(address, params={"limit": 2, "offset": 2})).json()
    assert (first["total"], rest["total"]) == (3, 3)
    assert [item["query_id"] for item in first["results"] + rest["results"]] == ["1", "2", "3"]
    assert first["results"][0]["relevant"] == {"bread": 2}
    assert first["results"][0]["found"][0] == "bread"
    worst = (await judged.http.get(address, params={"order": "worst", "limit": 1})).json()
    assert worst["results"][0]["query"] == "how to brew tea"


async def test_a_tenant_has_no_more_than_twenty_unfinished_runs(
    judged: Tenant, services: Services
) -> None:
    async with services.database.transaction(judged.id) as connection:
        cursor = await connection.execute("SELECT id FROM eval_sets")
        ((found,),) = await cursor.fetchall()
        for _ in range(20):
            await insert_run(connection, judged.id, found, {}, None)
    refused = await judged.http.post("/api/v1/evals/runs", json={"set": "basics"})
    assert refused.status_code == 429
    assert refused.json()["quota"] == {"name": "evaluations", "limit": 20, "used": 20}
    assert "Wait until some are finished." in refused.json()["detail"]


async def test_a_run_is_compared_with_another_one(judged: Tenant) -> None:
    first = await finished(judged, (await start(judged))["id"])
    config = {"search_type": "keyword", "rerank": False, "filter": {"document_id": "bread"}}
    begun = await start(judged, config=config, compare_with=first["id"])
    run = await finished(judged, begun["id"])
    assert run["config"] == config
    lines = {line["measure"]: line for line in run["comparison"]["differences"]}
    assert set(lines) == set(MEASURES)
    recalled = lines["recall@100"]
    assert recalled["baseline"] == pytest.approx(first["measures"]["recall@100"])
    assert recalled["mean"] == pytest.approx(1 / 3)
    assert (recalled["better"], recalled["worse"], recalled["equal"]) == (0, 2, 1)
    assert 0 < recalled["p_value"] <= 1
    assert {change["query_id"] for change in run["comparison"]["changes"]} == {"2", "3"}
    swapped = await read(judged, first["id"], compare_with=run["id"])
    assert swapped["comparison"]["differences"][0]["difference"] > 0


async def test_only_runs_of_one_set_are_compared(judged: Tenant) -> None:
    await make_set(judged, "other")
    run = await start(judged)
    body = {"set": "other", "compare_with": run["id"]}
    refused = await judged.http.post("/api/v1/evals/runs", json=body)
    assert (refused.status_code, refused.json()["code"]) == (409, "eval_sets_differ")
    body = {"set": "basics", "compare_with": str(uuid4())}
    missing = await judged.http.post("/api/v1/evals/runs", json=body)
    assert (missing.status_code, missing.json()["code"]) == (404, "eval_run_not_found")


async def test_a_run_whose_collection_is_gone_fails_and_says_why(tenant: Tenant) -> None:
    await upload_texts(tenant, DOCUMENTS[:1], "passing")
    await make_set(tenant, collection="passing")
    assert (await tenant.http.delete("/api/v1/collections/passing")).status_code == 204
    run = await finished(tenant, (await start(tenant))["id"])
    assert run["status"] == "failed"
    assert run["failure"] == {
        "code": "evaluation_failed",
        "message": "There is no collection 'passing'.",
    }


async def test_a_set_is_read_back_in_pages_and_can_be_stored_again(
    tenant: Tenant, make_tenant: MakeTenant
) -> None:
    stored = await make_set(tenant)
    path = f"/api/v1/evals/sets/{stored['id']}"
    first = (await tenant.http.get(path, params={"limit": 2})).json()
    rest = (await tenant.http.get(path, params={"limit": 2, "offset": 2})).json()
    assert {name: first[name] for name in stored} == stored
    judged = first["judged"] + rest["judged"]
    assert [len(first["judged"]), len(rest["judged"])] == [2, 1]
    assert [entry["query"] for entry in judged] == [entry["query"] for entry in JUDGEMENTS]
    assert judged[0]["relevant"] == [{"document_id": "bread", "grade": 2}]
    grades = {item["document_id"]: item["grade"] for item in judged[2]["relevant"]}
    assert grades == {"tea": 1, "lost": 1}
    again = await make_set(tenant, "again", judgements=judged)
    assert (again["queries"], again["judgements"]) == (3, 4)
    stranger = await make_tenant()
    refused = await stranger.http.get(path)
    assert (refused.status_code, refused.json()["code"]) == (404, "eval_set_not_found")


async def test_deleting_a_set_removes_its_runs(judged: Tenant) -> None:
    run = await finished(judged, (await start(judged))["id"])
    (stored,) = (await judged.http.get("/api/v1/evals/sets")).json()["sets"]
    assert (stored["name"], stored["queries"], stored["judgements"]) == ("basics", 3, 4)
    deleted = await judged.http.delete(f"/api/v1/evals/sets/{stored['id']}")
    assert deleted.status_code == 204
    gone = await judged.http.get(f"/api/v1/evals/runs/{run['id']}")
    assert gone.json()["code"] == "eval_run_not_found"
    assert (await judged.http.get("/api/v1/evals/runs")).json() == {"runs": []}


async def test_a_deleted_run_is_gone_and_leaves_other_runs_alone(judged: Tenant) -> None:
    doomed, kept = await start(judged), await start(judged)
    assert (await judged.http.delete(f"/api/v1/evals/runs/{doomed['id']}")).status_code == 204
    assert (await finished(judged, kept["id"]))["status"] == "complete"
    listed = (await judged.http.get("/api/v1/evals/runs")).json()["runs"]
    assert [run["id"] for run in listed] == [kept["id"]]


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"judgements": []}, 422, "validation_failed"),
        ({"judgements": [{"query": "x", "relevant": []}]}, 422, "validation_failed"),
        (
            {"judgements": [{"query": "x", "relevant": [{"document_id": "a", "grade": 0}]}]},
            422,
            "invalid_judgements",
        ),
        (
            {"judgements": [{"query": "x", "relevant": [{"document_id": "a"}] * 2}]},
            422,
            "invalid_judgements",
        ),
        ({"name": " "}, 422, "validation_failed"),
        ({"collection": "nowhere"}, 404, "collection_not_found"),
        ({"colection": "x"}, 422, "validation_failed"),
    ],
)
async def test_bad_judgements_are_refused(
    tenant: Tenant, changes: dict[str, Any], status: int, code: str
) -> None:
    body = {"name": "bad", "judgements": JUDGEMENTS, **changes}
    response = await tenant.http.post("/api/v1/evals/sets", json=body)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert (await tenant.http.get("/api/v1/evals/sets")).json() == {"sets": []}


async def test_a_name_is_taken_once(judged: Tenant, make_tenant: MakeTenant) -> None:
    again = await judged.http.post(
        "/api/v1/evals/sets", json={"name": "basics", "judgements": JUDGEMENTS}
    )
    assert (again.status_code, again.json()["code"]) == (409, "eval_set_exists")
    await make_set(await make_tenant())


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"set": "nothing"}, 404, "eval_set_not_found"),
        ({"set": "basics", "config": {"limit": 5}}, 422, "validation_failed"),
        ({"set": "basics", "config": {"filter": {"$what": 1}}}, 422, "invalid_filter"),
        ({"set": "basics", "config": {"threshold": 2}}, 422, "validation_failed"),
        (
            {"set": "basics", "config": {"dense_weight": 0, "keyword_weight": 0}},
            422,
            "invalid_weights",
        ),
        ({"set": "basics", "config": {"category": "news"}}, 422, "invalid_weights"),
    ],
)
async def test_bad_runs_are_refused(
    tenant: Tenant, body: dict[str, Any], status: int, code: str
) -> None:
    await make_set(tenant)
    response = await tenant.http.post("/api/v1/evals/runs", json=body)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert (await tenant.http.get("/api/v1/evals/runs")).json() == {"runs": []}


async def test_large_sets_of_judgements_are_taken(tenant: Tenant) -> None:
    relevant = [{"document_id": f"document-{number}"} for number in range(500)]
    judgements = [{"query": f"query {number}", "relevant": relevant} for number in range(100)]
    stored = await make_set(tenant, judgements=judgements)
    assert (stored["queries"], stored["judgements"]) == (100, 50_000)


async def test_another_tenant_s_run_can_not_be_compared_with(
    judged: Tenant, make_tenant: MakeTenant
) -> None:
    stranger = await make_tenant()
    await make_set(stranger)
    run = await start(judged)
    body = {"set": "basics", "compare_with": run["id"]}
    response = await stranger.http.post("/api/v1/evals/runs", json=body)
    assert (response.status_code, response.json()["code"]) == (404, "eval_run_not_found")


async def test_a_key_that_may_only_read_starts_no_run(make_tenant: MakeTenant) -> None:
    reader = await make_tenant((Scope.READ,))
    response = await reader.http.post("/api/v1/evals/runs", json={"set": "basics"})
    assert response.status_code == 403


def test_a_configuration_takes_every_option_of_a_search() -> None:
    assert set(ConfigIn.model_fields) == set(SearchIn.model_fields) - FIXED_OPTIONS
