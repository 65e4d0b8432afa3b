"""Results shaped over HTTP: weights, metadata, a cap, diversity, neighbours."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from tests.conftest import Tenant, upload_texts

SECTIONS = ("Arches", "Cables", "Beams", "Piers", "Decks", "Joints")
GUIDE = "\n\n".join(
    f"# {name}\n\n"
    + " ".join(f"The bridge stands on {name.lower()} of kind {n}." for n in range(25))
    for name in SECTIONS
)
DOCUMENTS: list[dict[str, Any]] = [
    {"id": "guide", "text": GUIDE},
    {
        "id": "old",
        "text": "A rope bridge sways in the wind.",
        "metadata": {"date": "1999-01-01", "category": "story"},
    },
    {
        "id": "new",
        "text": "A rope bridge sways in the wind!",
        "metadata": {"date": "2025-01-01", "category": ["News"]},
    },
]
TEXTS: dict[str, str] = {document["id"]: document["text"] for document in DOCUMENTS}


async def search(
    tenant: Tenant, query: str = "bridge stands", **fields: object
) -> list[dict[str, Any]]:
    response = await tenant.http.post("/api/v1/search", json={"query": query, **fields})
    assert response.status_code == 200, response.text
    results: list[dict[str, Any]] = response.json()["results"]
    return results


async def problem(tenant: Tenant, **fields: object) -> dict[str, Any]:
    response = await tenant.http.post("/api/v1/search", json={"query": "bridge", **fields})
    assert response.status_code == 422
    found: dict[str, Any] = response.json()
    return found


async def test_a_document_fills_no_more_than_its_share(tenant: Tenant) -> None:
    await upload_texts(tenant, DOCUMENTS)
    plain = await search(tenant, limit=3)
    assert {result["document_id"] for result in plain} == {"guide"}
    capped = await search(tenant, limit=3, max_per_document=1)
    assert {result["document_id"] for result in capped} == {"guide", "old", "new"}


async def test_neighbours_come_verbatim_and_once(tenant: Tenant) -> None:
    await upload_texts(tenant, DOCUMENTS)
    plain = await search(tenant, "cables of kind 7", limit=4)
    wide = await search(tenant, "cables of kind 7", limit=4, neighbours=1)
    assert len(wide[0]["text"]) > len(plain[0]["text"])
    assert wide[0]["chunk_id"] == plain[0]["chunk_id"]
    assert wide[0]["score"] == plain[0]["score"]
    taken: list[tuple[str, int, int]] = []
    for result in wide:
        text = TEXTS[result["document_id"]]
        start, end = result["char_start"], result["char_end"]
        assert result["text"] == text[start:end]
        assert not any(d == result["document_id"] and s < end and start < e for d, s, e in taken)
        taken.append((result["document_id"], start, end))
    assert [r["score"] for r in wide] == sorted((r["score"] for r in wide), reverse=True)


async def test_results_that_should_differ_leave_out_copies(tenant: Tenant) -> None:
    await upload_texts(tenant, DOCUMENTS)
    plain = await search(tenant, "rope bridge in the wind", limit=2)
    assert {result["document_id"] for result in plain} == {"old", "new"}
    diverse = await search(tenant, "rope bridge in the wind", limit=2, diversity=0.6)
    assert {result["document_id"] for result in diverse} != {"old", "new"}
    assert len(diverse) == 2


async def test_recency_and_category_turn_the_order(tenant: Tenant) -> None:
    await upload_texts(tenant, DOCUMENTS)
    wanted = {"rerank": False, "explain": True, "limit": 2, "metadata_weight": 0.5}
    query = "rope bridge in the wind"
    by_age = await search(tenant, query, **wanted, recency_half_life_days=3650)
    assert [result["document_id"] for result in by_age] == ["new", "old"]
    assert by_age[0]["explain"]["metadata"] > by_age[1]["explain"]["metadata"] > 0
    by_category = await search(tenant, query, **wanted, category="story")
    assert by_category[0]["document_id"] == "old"
    assert by_category[0]["explain"]["metadata"] >= 0.5


async def test_weights_of_the_seed_are_taken(tenant: Tenant) -> None:
    await upload_texts(tenant, DOCUMENTS)
    weights = {"dense_weight": 0.7, "keyword_weight": 0.2, "metadata_weight": 0.1}
    for fusion in ("min_max", "rrf"):
        found = await search(tenant, limit=5, fusion=fusion, explain=True, **weights)
        assert len(found) == 5
        assert all(0 <= result["explain"]["fused"] <= 1 for result in found)


async def test_alpha_alone_leaves_the_rest_to_the_words(tenant: Tenant) -> None:
    await upload_texts(tenant, DOCUMENTS)
    words = await search(tenant, "wind", dense_weight=0, rerank=False, explain=True, limit=2)
    assert all(result["explain"]["keyword"] for result in words)


@pytest.mark.parametrize(
    "fields",
    [
        {"dense_weight": 0, "keyword_weight": 0},
        {"dense_weight": 0, "keyword_weight": 0, "metadata_weight": 0},
        {"category": "news"},
        {"recency_half_life_days": 30},
    ],
)
async def test_weights_that_cannot_be_are_a_clear_problem(
    tenant: Tenant, fields: dict[str, object]
) -> None:
    found = await problem(tenant, **fields)
    assert found["code"] == "invalid_weights"
    assert "weight" in found["detail"]


@pytest.mark.parametrize(
    "fields",
    [
        {"neighbours": 4},
        {"neighbours": -1},
        {"diversity": 1.1},
        {"max_per_document": 0},
        {"dense_weight": -0.1},
        {"recency_half_life_days": 0},
        {"fusion": "borda"},
        {"category": ""},
        {"role": "x" * 81},
    ],
)
async def test_switches_have_bounds(tenant: Tenant, fields: dict[str, object]) -> None:
    assert (await problem(tenant, **fields))["code"] == "validation_failed"


@pytest.mark.parametrize("chunking", ["passage", "recursive", "tokens"])
async def test_neighbours_are_verbatim_however_documents_are_cut(
    tenant: Tenant, chunking: str
) -> None:
    body = {"name": chunking, "chunking": chunking}
    assert (await tenant.http.post("/api/v1/collections", json=body)).status_code == 201
    text = "\n \n\n".join(
        f"Chapter {n}.\tThe tide of {n} “days” came in.\n" + f"Water rose by {n} métres. " * 40
        for n in range(12)
    )
    await upload_texts(tenant, [{"id": "tides", "text": text}], chunking)
    plain = await search(tenant, "chapter 7 tide", collection=chunking, limit=3)
    wide = await search(tenant, "chapter 7 tide", collection=chunking, limit=3, neighbours=2)
    for result in wide:
        assert result["text"] == text[result["char_start"] : result["char_end"]]
    spans = sorted((result["char_start"], result["char_end"]) for result in wide)
    assert all(first[1] < second[0] for first, second in pairwise(spans))
    best = plain[0]
    assert any(
        result["char_start"] <= best["char_start"] and best["char_end"] <= result["char_end"]
        for result in wide
    )
    assert sum(len(r["text"]) for r in wide) > sum(len(r["text"]) for r in plain)
