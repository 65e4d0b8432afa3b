"""The context endpoints over HTTP: remember, search, rerank, collect."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from tests.apps.remembering import COLLECTION, ok, post, remember, settled
from tests.conftest import MakeTenant, Tenant, upload_texts

REMEMBERED = [
    ("ann", "workout", "Bench press 3x5 at 80 kg, the last set was hard."),
    ("ann", "goal", "I want to run a marathon in under four hours."),
    ("ann", "conversation", "We talked about sore knees after running downhill."),
    ("ann", "progress", "Bench press went up by five kilograms this month."),
    ("ben", "workout", "Bench press 5x5 at 100 kg with a spotter."),
]
KNOWLEDGE = [
    {
        "id": "carbs",
        "text": "Before a marathon, eat carbohydrates: pasta, rice, oats.",
        "metadata": {"namespace": "nutrition"},
    },
    {
        "id": "creatine",
        "text": "Creatine helps with the bench press.",
        "metadata": {"namespace": "nutrition-and-supplementation", "user_id": "ben"},
    },
    {"id": "squat", "text": "Squat depth.", "metadata": {"namespace": "squat-technique"}},
]


@pytest.fixture(scope="module")
async def coach(make_tenant: MakeTenant) -> Tenant:
    """A service with texts of two users and some knowledge; tests only read them."""
    tenant = await make_tenant()
    for user, content_type, text in REMEMBERED:
        await remember(tenant, user, content_type, text, source="app")
    await upload_texts(tenant, KNOWLEDGE, COLLECTION)
    await settled(tenant)
    return tenant


async def test_an_embedding_has_exactly_the_fields_that_clients_know(tenant: Tenant) -> None:
    answer = await remember(tenant, "ann", "workout", "Deadlift 1x5.")
    assert set(answer) == {"embedding", "dimension", "model"}
    assert answer["dimension"] == len(answer["embedding"]) == 384
    assert answer["model"] == "all-MiniLM-L6-v2"
    assert np.linalg.norm(answer["embedding"]) == pytest.approx(1, abs=1e-3)


async def test_what_was_embedded_is_found_by_a_search(coach: Tenant) -> None:
    answer = await ok(coach, "search/hybrid", query="How was the bench press?", user_id="ann")
    first = answer["results"][0]
    assert set(answer) == {"results"}
    assert set(first) == {"content", "score", "type", "metadata"}
    assert first["content"] in {text for user, _, text in REMEMBERED if user == "ann"}
    assert first["type"] in {"workout", "progress"}
    assert first["metadata"] == {"source": "app"}
    assert 0 <= first["score"] <= 1


@pytest.mark.parametrize("search_type", ["semantic", "keyword", "hybrid"])
async def test_a_search_finds_texts_of_its_user_only(coach: Tenant, search_type: str) -> None:
    answer = await ok(
        coach,
        "search/hybrid",
        query="bench press",
        user_id="ben",
        search_type=search_type,
        limit=50,
    )
    contents = {result["content"] for result in answer["results"]}
    assert REMEMBERED[4][2] in contents
    assert not contents & {text for user, _, text in REMEMBERED if user == "ann"}


async def test_limit_and_threshold_bound_the_results(coach: Tenant) -> None:
    found = await ok(coach, "search/hybrid", query="running", user_id="ann", limit=2)
    scores = [result["score"] for result in found["results"]]
    assert len(scores) == 2
    assert scores == sorted(scores, reverse=True)
    strict = await ok(coach, "search/hybrid", query="running", user_id="ann", threshold=scores[0])
    assert all(result["score"] >= scores[0] for result in strict["results"])
    none = await ok(coach, "search/hybrid", query="xylophone", user_id="ann", threshold=0.99)
    assert none["results"] == []


async def test_a_user_of_whom_nothing_is_known_gets_nothing(tenant: Tenant) -> None:
    found = await ok(tenant, "search/hybrid", query="anything", user_id="nobody")
    assert found == {"results": []}
    context = await ok(tenant, "rag/query", query="anything", user_id="nobody")
    assert context["context"] == []


async def test_the_same_text_of_another_user_stays_another_document(tenant: Tenant) -> None:
    for user in ("ann", "ben", "ben"):
        await remember(tenant, user, "goal", "Ten pull-ups.")
    await remember(tenant, "ben", "goal", "Ten pull-ups.", date="2025-11-21")
    assert len(await settled(tenant)) == 3
    for user, count in (("ann", 1), ("ben", 2)):
        found = await ok(tenant, "search/hybrid", query="pull-ups", user_id=user)
        assert len(found["results"]) == count


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("workouts", {REMEMBERED[0][2], REMEMBERED[3][2]}),
        ("goals", {REMEMBERED[1][2]}),
        ("activities", {REMEMBERED[2][2], REMEMBERED[3][2]}),
        ("nutrition", {KNOWLEDGE[0]["text"]}),
    ],
)
async def test_each_kind_of_context_draws_from_its_own_texts(
    coach: Tenant, kind: str, expected: set[str]
) -> None:
    query = "bench press, marathon, knees after running, carbohydrates"
    answer = await ok(coach, "rag/query", query=query, user_id="ann", include_context=[kind])
    assert set(answer) == {"context", "embeddings_used", "search_strategy"}
    assert {item["content"] for item in answer["context"]} <= expected
    assert answer["context"]
    for item in answer["context"]:
        assert set(item) == {"source", "content", "relevance"}
        assert item["source"] == kind
        assert 0 <= item["relevance"] <= 1


async def test_context_of_all_kinds_is_the_default_and_says_how_it_was_found(coach: Tenant) -> None:
    answer = await ok(coach, "rag/query", query="eating for a marathon", user_id="ann")
    assert {"goals", "nutrition"} <= {item["source"] for item in answer["context"]}
    assert answer["embeddings_used"] == ["all-MiniLM-L6-v2"]
    assert answer["search_strategy"] == "hybrid+rerank"
    one = await ok(
        coach, "rag/query", query="eating for a marathon", user_id="ann", max_context_items=1
    )
    assert one["context"] == answer["context"][:1]


async def test_candidates_are_ranked_by_their_fit(tenant: Tenant) -> None:
    candidates = ["The cat sleeps.", "", "Water boils at 100 degrees.", "A kettle heats water."]
    answer = await ok(
        tenant, "rerank", query="boiling temperature of water", candidates=candidates, user_id="ann"
    )
    ranked = answer["reranked"]
    assert ranked[0]["original_rank"] == 3
    assert ranked[-1]["original_rank"] == 2
    assert all(item["content"] == candidates[item["original_rank"] - 1] for item in ranked)
    scores = [item["relevance_score"] for item in ranked]
    assert scores == sorted(scores, reverse=True)
    assert 0 == scores[-1] < scores[0] <= 1


async def test_equal_candidates_keep_their_order(tenant: Tenant) -> None:
    answer = await ok(
        tenant, "rerank", query="tea", candidates=["Tea."] * 4, user_id="ann", top_k=3
    )
    assert [item["original_rank"] for item in answer["reranked"]] == [1, 2, 3]
    assert len({item["relevance_score"] for item in answer["reranked"]}) == 1


async def test_every_answer_tells_its_stages_in_a_header(coach: Tenant) -> None:
    asked: list[tuple[str, dict[str, Any], str]] = [
        ("search/hybrid", {"query": "x"}, "index;dur="),
        ("rag/query", {"query": "x"}, "rerank;dur="),
        ("rerank", {"query": "x", "candidates": ["y"]}, "compare;dur="),
    ]
    for path, body, stage in asked:
        response = await post(coach, path, user_id="ann", **body)
        assert stage in response.headers["server-timing"]
        assert "total;dur=" in response.headers["server-timing"]
        assert "x-degraded" not in response.headers
        assert "degraded" not in response.json()


async def test_the_largest_requests_are_served(tenant: Tenant) -> None:
    query = "long " * 2000
    await ok(tenant, "search/hybrid", query=query, user_id="ann")
    await ok(tenant, "rag/query", query=query, user_id="ann")
    await ok(tenant, "rerank", query=query, candidates=["word " * 800] * 100, user_id="ann")
    await remember(tenant, "ann", "goal", "word " * 10_000)
    (document,) = await settled(tenant)
    assert document["chunk_count"] > 10


async def test_texts_that_are_remembered_at_once_are_all_kept(tenant: Tenant) -> None:
    texts = [f"Set number {number} of squats." for number in range(20)]
    await asyncio.gather(*(remember(tenant, "ann", "workout", text) for text in texts))
    assert len(await settled(tenant)) == len(texts)


async def test_the_document_shows_an_example_of_each_request(app: FastAPI) -> None:
    schemas = app.openapi()["components"]["schemas"]
    for name in ("EmbeddingIn", "HybridSearchIn", "RerankIn", "RagQueryIn"):
        (example,) = schemas[name]["examples"]
        assert set(example) == set(schemas[name]["properties"])
