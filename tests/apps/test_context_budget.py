"""Context for a language model, over HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.conftest import Tenant, finished, upload, upload_texts

from groundwell.services import Services

TEXT = (
    "# Tides\n\nThe tidal range is the difference between high and low water. "
    "It is largest at spring tide.\n\n"
    "# Bread\n\nSourdough rises with wild yeast. A starter needs five days — at least.\n"
)
DOCUMENTS = [
    {"id": "tides", "title": "Water", "text": TEXT},
    {"id": "moon", "text": "The Moon pulls on the sea. The tidal range follows the Moon."},
]


async def collect(tenant: Tenant, **fields: object) -> dict[str, Any]:
    response = await tenant.http.post(
        "/api/v1/context", json={"query": "How large is the tidal range?", **fields}
    )
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def test_a_context_names_its_sources_and_shows_them_verbatim(tenant: Tenant) -> None:
    await upload_texts(tenant, DOCUMENTS)
    found = await collect(tenant)
    assert found["characters"] == len(found["context"]) <= 4000
    assert 0 < found["tokens"] <= found["characters"]
    assert found["degraded"] == []
    assert found["timings_ms"].keys() == {"search", "select", "pages", "total"}
    texts = {"tides": TEXT, "moon": DOCUMENTS[1]["text"]}
    assert {source["document_id"] for source in found["sources"]} == {"tides", "moon"}
    for number, source in enumerate(found["sources"], start=1):
        assert source["number"] == number
        assert f"[{number}] " in found["context"]
        for span in source["spans"]:
            assert source["char_start"] <= span["char_start"] < span["char_end"]
            assert span["char_end"] <= source["char_end"]
            piece = texts[source["document_id"]][span["char_start"] : span["char_end"]]
            assert piece in found["context"]
    assert "[1] Water" in found["context"] or "[2] Water" in found["context"]


@pytest.mark.parametrize("max_chars", [1, 10, 60, 120, 100_000])
async def test_the_budget_holds(tenant: Tenant, max_chars: int) -> None:
    await upload_texts(tenant, DOCUMENTS)
    found = await collect(tenant, max_chars=max_chars)
    assert found["characters"] == len(found["context"]) <= max_chars
    assert bool(found["context"]) == bool(found["sources"])


async def test_switches_and_filters_hold_for_context_too(tenant: Tenant) -> None:
    await upload_texts(tenant, DOCUMENTS)
    found = await collect(tenant, filter={"document_id": "moon"}, neighbours=2, diversity=0.3)
    assert [source["document_id"] for source in found["sources"]] == ["moon"]


async def test_joined_text_is_not_headed_by_the_heading_of_the_passage_found(
    tenant: Tenant,
) -> None:
    parts = [f"## Part {n}\n\n" + f"The tide of part {n} rises well. " * 40 for n in range(4)]
    sent = await upload(tenant, "water.md", "\n\n".join(["# Water", *parts]).encode())
    await finished(tenant, sent.json()["document_id"])
    alone = await collect(tenant, query="tide of part 2", passages=1)
    joined = await collect(tenant, query="tide of part 2", passages=1, neighbours=3)
    assert alone["context"].startswith("[1] Water > Part")
    assert joined["context"].startswith("[1] Water\n")
    assert joined["sources"][0]["char_start"] < alone["sources"][0]["char_start"]


async def test_a_misspelt_query_gets_the_sentence_that_was_meant(tenant: Tenant) -> None:
    text = "Bread is eaten by many people. A carbohydrate gives energy to the muscles."
    await upload_texts(tenant, [{"id": "a", "text": text}, {"id": "b", "text": f"Energy. {text}"}])
    found = await collect(tenant, query="carbohydarte", max_chars=50, spelling=True)
    assert "A carbohydrate gives" in found["context"]


async def test_each_span_tells_the_page_on_which_it_begins(
    tenant: Tenant, services: Services
) -> None:
    await upload_texts(tenant, DOCUMENTS[:1])
    second = TEXT.index("It is largest")
    async with services.database.transaction(tenant.id) as connection:
        await connection.execute(
            "UPDATE document_versions SET pages = %s::jsonb",
            (json.dumps([[1, 0, second], [2, second, len(TEXT)]]),),
        )
        await connection.execute("UPDATE chunks SET page = 1")
    found = await collect(tenant)
    spans = [span for source in found["sources"] for span in source["spans"]]
    assert {span["page"] for span in spans} == {1, 2}
    assert all((span["page"] == 2) == (span["char_start"] >= second) for span in spans)
    assert [source["page"] for source in found["sources"]] == [
        source["spans"][0]["page"] for source in found["sources"]
    ]


async def test_texts_without_pages_tell_none(tenant: Tenant) -> None:
    await upload_texts(tenant, DOCUMENTS)
    found = await collect(tenant)
    assert all(source["page"] is None for source in found["sources"])
    assert all(span["page"] is None for source in found["sources"] for span in source["spans"])


async def test_nothing_found_is_an_empty_context(tenant: Tenant) -> None:
    found = await collect(tenant)
    assert (found["context"], found["characters"], found["tokens"]) == ("", 0, 0)
    assert found["sources"] == []
    assert not found["is_cut"]


@pytest.mark.parametrize(
    "fields", [{"max_chars": 0}, {"max_chars": 100_001}, {"passages": 51}, {"limit": 3}]
)
async def test_bounds_of_a_context(tenant: Tenant, fields: dict[str, object]) -> None:
    response = await tenant.http.post("/api/v1/context", json={"query": "tides", **fields})
    assert response.status_code == 422


async def test_an_unknown_collection_is_not_found(tenant: Tenant) -> None:
    response = await tenant.http.post(
        "/api/v1/context", json={"query": "tides", "collection": "nowhere"}
    )
    assert response.status_code == 404


async def test_an_extractive_answer_used_no_context(tenant: Tenant) -> None:
    await upload_texts(tenant, DOCUMENTS)
    response = await tenant.http.post("/api/v1/ask", json={"query": "What is the tidal range?"})
    assert response.json()["usage"] is None
