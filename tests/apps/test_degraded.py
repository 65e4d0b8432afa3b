"""An answer that was made without a part says so: in its body, in a header, and in a metric."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families
from tests.apps.remote_models import served_with_remote_models
from tests.apps.test_documents import events_of
from tests.conftest import Tenant, upload_texts
from tests.fakes.provider import answers_well, reply, says, scripted_provider

from groundwell.store.embedded import EmbeddedPostgres

TIDES = {"id": "tides", "text": "Spring tides occur at new moon and at full moon."}
ANN = {**TIDES, "metadata": {"user_id": "ann", "content_type": "goal"}}
QUESTION = {"query": "When do spring tides occur?"}
REQUESTS: dict[str, dict[str, Any]] = {
    "/api/v1/search": QUESTION,
    "/api/v1/context": QUESTION,
    "/api/v1/ask": QUESTION,
    "/api/v1/search/hybrid": {**QUESTION, "user_id": "ann"},
    "/api/v1/rag/query": {**QUESTION, "user_id": "ann"},
}


async def counted(tenant: Tenant) -> dict[str, float]:
    text = (await tenant.http.get("/metrics")).text
    return {
        sample.labels["part"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "groundwell_degraded_answers_total"
    }


async def ask_all(tenant: Tenant) -> dict[str, httpx.Response]:
    answers = {
        path: await tenant.http.post(path, json=body, headers={"Cache-Control": "no-cache"})
        for path, body in REQUESTS.items()
    }
    for path, answer in answers.items():
        assert answer.status_code == 200, (path, answer.text)
    return answers


async def test_every_answer_says_what_it_was_made_without(
    postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    async with (
        scripted_provider(answers_well) as provider,
        served_with_remote_models(postgres, tmp_path, provider) as (tenant, services),
    ):
        await upload_texts(tenant, [TIDES])
        await upload_texts(tenant, [ANN], "context")
        for path, answer in (await ask_all(tenant)).items():
            assert "x-degraded" not in answer.headers, path
            assert not answer.json().get("degraded"), path
        assert await counted(tenant) == {}

        provider.play = says(reply("503 Away"))
        answers = await ask_all(tenant)
        for path, answer in answers.items():
            assert answer.headers["x-degraded"].startswith("embedder, reranker"), path
            assert answer.json()["degraded"] == answer.headers["x-degraded"].split(", "), path
        assert answers["/api/v1/search"].json()["results"][0]["document_id"] == "tides"
        assert "new moon" in answers["/api/v1/ask"].json()["answer"]
        assert await counted(tenant) == {"embedder": len(answers), "reranker": len(answers)}

        streamed = await tenant.http.post("/api/v1/ask", json={**QUESTION, "stream": True})
        assert streamed.headers["x-degraded"] == "embedder, reranker"
        final = events_of(streamed)[-2][1]
        assert final["degraded"] == ["embedder", "reranker"]
        assert set(services.circuits.broken_parts()) <= {"embedder", "reranker"}


async def test_texts_are_ranked_without_the_reranker_and_not_at_all_without_any_model(
    postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    body = {**QUESTION, "candidates": ["Bread rises.", TIDES["text"]], "user_id": "ann"}

    async def only_embeds(asked: Any, writer: Any) -> None:  # noqa: ANN401 - whatever was sent
        play = says(reply("503 Away")) if "documents" in asked else answers_well
        await play(asked, writer)

    async with (
        scripted_provider(only_embeds) as provider,
        served_with_remote_models(postgres, tmp_path, provider) as (tenant, _),
    ):
        answer = await tenant.http.post("/api/v1/rerank", json=body)
        assert answer.headers["x-degraded"] == "reranker"
        assert answer.json()["degraded"] == ["reranker"]
        assert answer.json()["reranked"][0]["original_rank"] == 2

        provider.play = says(reply("429 Slow", headers="Retry-After: 30\r\n"))
        refused = await tenant.http.post("/api/v1/rerank", json=body)
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "30"
        problem = refused.json()
        assert (problem["code"], problem["state"]) == ("provider_overloaded", "error")
        assert (problem["retry_after"], problem["fallback_used"]) == (30, False)
