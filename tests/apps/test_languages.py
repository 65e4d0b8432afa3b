"""Documents in several languages, and synonyms, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from tests.apps.problems import problem_in
from tests.conftest import MakeTenant, Tenant, finished, upload_texts

DOCUMENTS = {
    "de": "Die Läufer haben sich bei den Rennen verletzt und müssen nun eine Pause machen.",
    "fr": "Les entraîneurs disent que le sommeil est une partie importante de leur méthode.",
    "es": "Las articulaciones de los atletas se benefician de un calentamiento que dura poco.",
    "ru": "Силовые упражнения полезны для здоровья, но их нужно выполнять правильно.",
}
ASKED = {"de": "Läufern", "fr": "entraîneur", "es": "articulación", "ru": "упражнению"}
ENGLISH = "The runners were injured at the race and have to rest before the next one."


async def keyword(tenant: Tenant, query: str, collection: str = "default") -> list[str]:
    body = {"query": query, "search_type": "keyword", "rerank": False, "collection": collection}
    response = await tenant.http.post("/api/v1/search", json=body)
    assert response.status_code == 200, response.text
    return [result["document_id"] for result in response.json()["results"]]


async def put_synonyms(tenant: Tenant, body: dict[str, Any]) -> None:
    response = await tenant.http.put("/api/v1/collections/default/synonyms", json=body)
    assert response.status_code == 200, response.text


@pytest.mark.parametrize("language", DOCUMENTS)
async def test_an_inflected_form_finds_the_document(tenant: Tenant, language: str):
    await upload_texts(tenant, [{"id": language, "text": DOCUMENTS[language]}])
    assert (await finished(tenant, language))["language"] == language
    assert await keyword(tenant, ASKED[language]) == [language]


async def test_a_mixed_collection_finds_each_language(tenant: Tenant):
    texts = [{"id": key, "text": text} for key, text in DOCUMENTS.items()]
    await upload_texts(tenant, [*texts, {"id": "en", "text": ENGLISH}])
    for language, query in ASKED.items():
        assert await keyword(tenant, query) == [language]
    assert await keyword(tenant, "running runner injury") == ["en"]
    assert await keyword(tenant, "the races") == ["en"]


async def test_the_last_document_takes_its_language_along(tenant: Tenant):
    await upload_texts(
        tenant, [{"id": "de", "text": DOCUMENTS["de"]}, {"id": "en", "text": ENGLISH}]
    )
    assert await keyword(tenant, "Läufern") == ["de"]
    response = await tenant.http.delete("/api/v1/documents/de", params={"collection": "default"})
    assert response.status_code == 204
    collection = (await tenant.http.get("/api/v1/collections/default")).json()
    assert collection["languages"] == {"en": 1}
    assert await keyword(tenant, "Läufern") == []
    assert await keyword(tenant, "race") == ["en"]


async def test_an_answer_cites_a_sentence_in_the_documents_language(tenant: Tenant):
    await upload_texts(tenant, [{"id": "de", "text": DOCUMENTS["de"]}])
    query = {"query": "Die Läufer haben sich bei den Rennen verletzt"}
    response = await tenant.http.post("/api/v1/ask", json=query)
    assert response.status_code == 200, response.text
    assert "Läufer" in response.json()["answer"]


TEXTS = [
    {"id": "long", "text": "Romanian deadlifts train the back of the legs."},
    {"id": "short", "text": "Do your RDL slowly."},
    {"id": "other", "text": "Rows train the upper back."},
]


async def test_a_pack_finds_the_long_form_and_the_short(tenant: Tenant):
    await upload_texts(tenant, TEXTS)
    assert await keyword(tenant, "RDL") == ["short"]
    await put_synonyms(tenant, {"packs": ["strength_training"]})
    assert await keyword(tenant, "RDL") == ["short", "long"]
    assert await keyword(tenant, "romanian deadlift") == ["long", "short"]
    await put_synonyms(tenant, {})
    assert await keyword(tenant, "RDL") == ["short"]


async def test_a_collection_has_entries_of_its_own(tenant: Tenant):
    await upload_texts(tenant, TEXTS)
    body = {"packs": [], "entries": {"lat work": {"expansions": ["rows"], "both_ways": False}}}
    await put_synonyms(tenant, body)
    assert await keyword(tenant, "lat works") == ["other"]
    response = await tenant.http.get("/api/v1/collections/default/synonyms")
    assert response.json() == body


async def test_synonyms_of_one_tenant_leave_the_other_alone(
    tenant: Tenant, make_tenant: MakeTenant
):
    await put_synonyms(tenant, {"packs": ["strength_training"]})
    other = await make_tenant()
    await upload_texts(other, TEXTS)
    assert await keyword(other, "RDL") == ["short"]
    response = await other.http.get("/api/v1/collections/default/synonyms")
    assert response.json() == {"packs": [], "entries": {}}


async def test_the_bundled_packs_are_listed(tenant: Tenant):
    response = await tenant.http.get("/api/v1/synonym-packs")
    (pack,) = response.json()["packs"]
    assert pack["name"] == "strength_training"
    assert pack["entries"] >= 60


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"packs": ["../secrets"]}, 404, "pack_not_found"),
        ({"entries": {"the": ["x1"]}}, 422, "invalid_synonyms"),
        ({"entries": {"squat": ["x1"], "squats": ["x2"]}}, 422, "invalid_synonyms"),
        ({"entries": {"RDL": []}}, 422, "validation_failed"),
        ({"entries": {"RDL": "x"}}, 422, "validation_failed"),
        ({"entries": {"RDL": {"expansions": ["x"], "way": 1}}}, 422, "validation_failed"),
        ({"entries": {"x" * 101: ["y1"]}}, 422, "invalid_synonyms"),
        ({"entries": {f"x{n}": ["y1"] for n in range(5001)}}, 422, "validation_failed"),
        ({"entries": {"a\x00b": ["y1"]}}, 400, "invalid_json"),
        ({"more": 1}, 422, "validation_failed"),
    ],
)
async def test_mistakes_in_synonyms_are_refused(
    tenant: Tenant, body: dict[str, Any], status: int, code: str
):
    response = await tenant.http.put("/api/v1/collections/default/synonyms", json=body)
    assert problem_in(response, status)["code"] == code


async def test_synonyms_need_a_collection(tenant: Tenant):
    for method in ("GET", "PUT"):
        response = await tenant.http.request(
            method, "/api/v1/collections/none/synonyms", json={} if method == "PUT" else None
        )
        assert problem_in(response, 404)["code"] == "collection_not_found"


HOSTILE = [
    "x",
    "x" * 9_999,
    "🏋️💪",
    "the of and",
    "der die das",
    "日本語 русский العربية हिन्दी abc",
    "' OR 1=1 --",
]


async def test_hostile_texts_are_taken_in_and_asked_for(tenant: Tenant):
    await upload_texts(tenant, [{"text": DOCUMENTS["de"]}])
    await put_synonyms(tenant, {"packs": ["strength_training"]})
    await upload_texts(tenant, [{"id": f"h{n}", "text": text} for n, text in enumerate(HOSTILE)])
    for text in HOSTILE:
        for search_type in ("keyword", "hybrid"):
            response = await tenant.http.post(
                "/api/v1/search", json={"query": text, "search_type": search_type}
            )
            assert response.status_code == 200, response.text
    assert await keyword(tenant, "日本語") == ["h5"]
    assert await keyword(tenant, "der die das") == []
