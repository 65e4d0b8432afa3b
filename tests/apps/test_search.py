"""Search over HTTP."""

from __future__ import annotations

import pytest
from tests.conftest import MakeTenant, Tenant, upload_texts

BRIDGES = [
    {"id": "arch", "title": "Arch bridges", "text": "An arch bridge carries load as thrust."},
    {"id": "cable", "title": "Cables", "text": "A suspension bridge hangs from steel cables."},
    {"id": "bread", "title": "Bread", "text": "Sourdough bread rises with wild yeast."},
]


async def test_the_passage_that_answers_comes_first(tenant: Tenant) -> None:
    await upload_texts(tenant, BRIDGES)
    response = await tenant.http.post("/api/v1/search", json={"query": "what makes bread rise?"})
    results = response.json()["results"]
    assert response.status_code == 200
    assert results[0]["document_id"] == "bread"
    assert 0 <= results[0]["score"] <= 1


async def test_a_result_explains_itself_when_asked(tenant: Tenant) -> None:
    await upload_texts(tenant, BRIDGES)
    body = {"query": "Which cables hold suspension bridges?"}
    plain = (await tenant.http.post("/api/v1/search", json=body)).json()
    answer = (await tenant.http.post("/api/v1/search", json={**body, "explain": True})).json()
    assert [result["explain"] for result in plain["results"]] == [None] * len(BRIDGES)
    assert answer["timings_ms"].keys() - plain["timings_ms"].keys() == {"explain"}
    best = answer["results"][0]
    told = best["explain"]
    assert best["document_id"] == "cable"
    ranks = ("dense", "keyword", "fused", "reranked", "smoothed", "final")
    assert [told[f"rank_{stage}"] for stage in ranks] == [1] * len(ranks)
    assert sum(term["weight"] for term in told["terms"]) == pytest.approx(told["keyword"], abs=1e-4)
    terms = {term["term"]: term for term in told["terms"]}
    assert (terms["cabl"]["words"], terms["cabl"]["frequency"]) == (["cables"], 2)
    assert terms["hold"]["frequency"] == 0
    gave = sum(match["contribution"] for match in told["word_matches"])
    assert gave == pytest.approx(told["rerank"], abs=1e-4)
    matches = {match["word"]: match for match in told["word_matches"]}
    found = matches["suspension"]
    assert (found["partner"], found["place"]) == ("suspension", "text")
    assert best["text"][found["char_start"] : found["char_end"]] == "suspension"


async def test_an_explanation_tells_nothing_of_other_tenants(
    tenant: Tenant, make_tenant: MakeTenant
) -> None:
    await upload_texts(tenant, BRIDGES)
    body = {"query": "steel cables", "explain": True}
    before = (await tenant.http.post("/api/v1/search", json=body)).json()["results"]
    other = await make_tenant()
    await upload_texts(other, [{"id": str(n), "text": f"Steel cable {n}."} for n in range(5)])
    after = (await tenant.http.post("/api/v1/search", json=body)).json()["results"]
    assert [result["explain"] for result in after] == [result["explain"] for result in before]
