"""Batches of texts: as a list or as lines, all of them or none."""

from __future__ import annotations

import httpx
import orjson
import pytest
from tests.apps.problems import problem_in
from tests.conftest import Tenant, finished

from groundwell.services import Services

LINES = {"Content-Type": "application/x-ndjson"}


async def send(tenant: Tenant, body: object) -> httpx.Response:
    return await tenant.http.post("/api/v1/documents/batch", json=body)


async def send_lines(tenant: Tenant, *lines: bytes) -> httpx.Response:
    return await tenant.http.post(
        "/api/v1/documents/batch", content=b"\n".join(lines), headers=LINES
    )


async def count(tenant: Tenant) -> int:
    counts = (await tenant.http.get("/api/v1/documents")).json()["counts"]
    return sum(counts.values())


async def test_a_list_is_taken_in_the_order_in_which_it_was_sent(tenant: Tenant) -> None:
    response = await send(tenant, [{"id": name, "text": f"I am {name}."} for name in "zax"])
    assert response.status_code == 202
    assert [item["document_id"] for item in response.json()["documents"]] == list("zax")
    assert (await finished(tenant, "a"))["status"] == "complete"


async def test_lines_are_taken_and_blank_ones_skipped(tenant: Tenant) -> None:
    response = await send_lines(tenant, b'{"id":"1","text":"One."}', b"", b'{"text":"Two."}', b"")
    assert response.status_code == 202
    assert len(response.json()["documents"]) == 2


async def test_metadata_that_a_text_leaves_out_stay_and_empty_ones_remove_them(
    tenant: Tenant,
) -> None:
    text = {"id": "a", "text": "I am a."}
    await send(tenant, [{**text, "metadata": {"year": 2020}}])
    await finished(tenant, "a")
    for given, kept in (({}, {"year": 2020}), ({"metadata": {}}, {})):
        response = await send(tenant, [{**text, **given}])
        (answer,) = response.json()["documents"]
        assert (answer["version"], answer["is_new_work"]) == (1, False)
        assert (await finished(tenant, "a"))["metadata"] == kept


async def test_an_empty_batch_is_nothing_to_do(tenant: Tenant) -> None:
    assert (await send(tenant, [])).json() == {"documents": []}


async def test_a_broken_line_is_named_and_nothing_is_taken(tenant: Tenant) -> None:
    response = await send_lines(tenant, b'{"text":"One."}', b"", b'{"text":', b'{"text":"Four."}')
    assert response.status_code == 400
    assert response.json()["code"] == "invalid_json"
    assert response.json()["detail"].startswith("Line 3 ")
    assert await count(tenant) == 0


async def test_a_line_that_breaks_the_schema_is_named_by_its_number(tenant: Tenant) -> None:
    response = await send_lines(tenant, b'{"text":"One."}', b"", b'{"text":3}')
    assert response.status_code == 422
    assert response.json()["detail"].startswith("Line 3, text: ")
    assert await count(tenant) == 0


@pytest.mark.parametrize(
    ("body", "code", "place"),
    [
        ([{"text": "Good."}, {"text": " \n"}], "empty_text", "Document 1 "),
        ([{"text": "Good."}, {"texts": "x"}], "validation_failed", "Document 1, "),
        ([{"id": "a", "text": "x"}, {"id": "a", "text": "y"}], "duplicate_id", "Document 1 "),
        ([{"text": "x", "metadata": {"a": "x" * 17_000}}], "metadata_too_large", "Metadata "),
        ([{"id": "x" * 201, "text": "x"}], "validation_failed", "Document 0, id: "),
        ([{"text": "x", "tenant_id": "other"}], "validation_failed", "Document 0, tenant_id: "),
        ([3], "validation_failed", "Document 0: "),
        ({"text": "x"}, "invalid_input", "The body must be a JSON list"),
    ],
)
async def test_one_bad_document_refuses_the_whole_batch(
    tenant: Tenant, body: object, code: str, place: str
) -> None:
    response = await send(tenant, body)
    assert response.status_code == 422
    assert response.json()["code"] == code
    assert response.json()["detail"].startswith(place)
    assert await count(tenant) == 0


async def test_a_batch_may_hold_so_many_documents_and_no_more(
    tenant: Tenant, services: Services
) -> None:
    most = services.limits.batch_documents
    response = await send(tenant, [{"text": "x"}] * (most + 1))
    assert (response.status_code, response.json()["code"]) == (422, "batch_too_large")
    assert str(most) in response.json()["detail"]


async def test_a_batch_over_the_limit_of_bytes_is_refused(
    tenant: Tenant, services: Services
) -> None:
    body = orjson.dumps([{"text": "x" * services.limits.batch_bytes}])
    response = await tenant.http.post("/api/v1/documents/batch", content=body)
    assert (response.status_code, response.json()["code"]) == (413, "too_large")


async def test_the_same_text_twice_without_an_id_is_one_document(tenant: Tenant) -> None:
    documents = (await send(tenant, [{"text": "Twin."}, {"text": "Twin."}])).json()["documents"]
    assert documents[0]["document_id"] == documents[1]["document_id"]
    assert await count(tenant) == 1


async def test_a_title_stands_in_for_a_missing_text(tenant: Tenant) -> None:
    await send(tenant, [{"id": "t", "title": "Only a title", "text": ""}])
    assert (await finished(tenant, "t"))["status"] == "complete"
    text = await tenant.http.get("/api/v1/documents/t/text")
    assert text.json()["text"] == "Only a title"


async def test_a_batch_of_many_texts_is_indexed_completely(tenant: Tenant) -> None:
    await send(tenant, [{"id": f"m{n}", "text": f"Mountain {n} is high."} for n in range(100)])
    for n in (0, 31, 32, 99):
        assert (await finished(tenant, f"m{n}"))["status"] == "complete"


@pytest.mark.parametrize(
    ("body", "media_type", "status", "code"),
    [
        (b"[" + b"[]," * 1_100_000 + b"[]]", "application/json", 400, "invalid_json"),
        (b"[" + b"{}," * 400_000 + b"{}]", "application/json", 422, "validation_failed"),
        (b"1\n" * 200_000, "application/x-ndjson", 422, "batch_too_large"),
        (b"\n" * (20 << 20), "application/x-ndjson", 422, "batch_too_large"),
    ],
    ids=["lists", "mistakes", "lines", "blank lines"],
)
async def test_what_is_small_on_the_wire_is_not_large_in_memory(
    tenant: Tenant, body: bytes, media_type: str, status: int, code: str
) -> None:
    answer = await tenant.http.post(
        "/api/v1/documents/batch", content=body, headers={"Content-Type": media_type}
    )
    problem = problem_in(answer, status)
    assert problem["code"] == code
    assert len(answer.content) < 1000
