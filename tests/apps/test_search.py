"""Search over HTTP."""

from __future__ import annotations

from tests.conftest import Tenant, upload_texts

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
