"""Announced files whose bytes go past the server, or never come."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.apps.announcing import (
    SHA256,
    TEXT,
    announce,
    document_of,
    due_in,
    expire,
    hurry,
    job_is_done,
    put,
    put_into_the_store,
    signal,
    staged,
    state_of,
    usage,
)
from tests.conftest import Tenant, finished, upload_texts
from tests.waiting import patience

from groundwell.services import Services


async def test_a_signal_has_bytes_indexed_that_others_have_put_into_the_store(
    services: Services, tenant: Tenant, tmp_path: Path
) -> None:
    announced = await announce(tenant, sha256=SHA256)
    early = await signal(tenant, announced)
    assert (early.status_code, early.json()["code"]) == (409, "not_uploaded")
    await put_into_the_store(services, announced, TEXT[:5], tmp_path)
    half = await signal(tenant, announced)
    assert (half.status_code, half.json()["code"]) == (422, "size_mismatch")
    await put_into_the_store(services, announced, TEXT, tmp_path)
    first = await signal(tenant, announced)
    assert (first.status_code, first.json()["state"]) == (202, "received")
    document = await finished(tenant, announced["document_id"])
    assert (document["status"], document["chunk_count"]) == ("complete", 1)
    assert await staged(services) == []
    content = await tenant.http.get(f"/api/v1/documents/{announced['document_id']}/content")
    assert content.content == TEXT


async def test_a_signal_by_its_older_name_counts_and_a_second_one_changes_nothing(
    services: Services, tenant: Tenant, tmp_path: Path
) -> None:
    announced = await announce(tenant)
    await put_into_the_store(services, announced, TEXT, tmp_path)
    first = await signal(tenant, announced, "VideoUploaded")
    again = await signal(tenant, announced)
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    await finished(tenant, announced["document_id"])
    late = await signal(tenant, announced)
    assert (late.status_code, late.json()) == (202, first.json())
    assert (await document_of(tenant, announced))["version"] == 1
    unknown = await signal(tenant, announced, "Nonsense")
    assert unknown.status_code == 422


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"x" * len(TEXT), "sha256_mismatch"), (b"\x7fELF" + b"\0" * 35, "sha256_mismatch")],
)
async def test_bytes_in_the_store_that_were_not_announced_fail_the_document_and_are_removed(
    services: Services, tenant: Tenant, tmp_path: Path, content: bytes, code: str
) -> None:
    announced = await announce(tenant, sha256=SHA256)
    await put_into_the_store(services, announced, content, tmp_path)
    assert (await signal(tenant, announced)).status_code == 202
    document = await finished(tenant, announced["document_id"])
    assert (document["status"], document["failure"]["code"]) == ("failed", code)
    assert await staged(services) == []
    assert (await usage(tenant))["bytes"] == 0
    found = await state_of(tenant, announced)
    assert (found["state"], found["failure"]["code"]) == ("failed", code)
    closed = await put(tenant, announced)
    assert (closed.status_code, closed.json()["code"]) == (409, code)


async def test_a_program_in_the_store_that_was_announced_as_text_fails(
    services: Services, tenant: Tenant, tmp_path: Path
) -> None:
    announced = await announce(tenant)
    await put_into_the_store(services, announced, b"\x7fELF" + b"\0" * 35, tmp_path)
    assert (await signal(tenant, announced)).status_code == 202
    document = await finished(tenant, announced["document_id"])
    assert document["failure"]["code"] == "type_mismatch"
    assert await staged(services) == []


async def test_without_its_bytes_the_document_fails_after_an_hour(
    services: Services, tenant: Tenant, services_url: str, tmp_path: Path
) -> None:
    announced = await announce(tenant)
    assert await usage(tenant) == {"bytes": len(TEXT), "documents": 1, "queued": 1}
    await put_into_the_store(services, announced, TEXT, tmp_path)
    expire(services_url, announced)
    # Nobody has to wait for a worker to know.
    late = await put(tenant, announced)
    assert (late.status_code, late.json()["code"]) == (409, "upload_timeout")
    document = await finished(tenant, announced["document_id"])
    assert document["status"] == "failed"
    assert document["failure"]["code"] == "upload_timeout"
    assert "within an hour" in document["error_message"]
    await job_is_done(services_url, announced)
    assert await staged(services) == []
    assert await usage(tenant) == {"bytes": 0, "documents": 1, "queued": 0}
    for answer in (await put(tenant, announced), await signal(tenant, announced)):
        assert (answer.status_code, answer.json()["code"]) == (409, "upload_timeout")
    again = await tenant.http.post(f"/api/v1/documents/{announced['document_id']}/retry")
    assert (again.status_code, again.json()["code"]) == (409, "not_uploaded")


async def test_a_deadline_that_comes_too_early_waits_on(tenant: Tenant, services_url: str) -> None:
    announced = await announce(tenant)
    hurry(services_url, announced)
    async with patience():
        while (due := due_in(services_url, announced)) is None or due < 3500:  # noqa: ASYNC110 - the database gives no event
            await asyncio.sleep(0.05)
    assert (await put(tenant, announced)).status_code == 202


async def test_the_deadline_leaves_a_document_alone_whose_bytes_came(
    tenant: Tenant, services_url: str
) -> None:
    announced = await announce(tenant)
    await put(tenant, announced)
    await finished(tenant, announced["document_id"])
    expire(services_url, announced)
    await job_is_done(services_url, announced)
    assert (await document_of(tenant, announced))["status"] == "complete"
    assert (await put(tenant, announced)).status_code == 202


async def test_an_announced_document_can_be_cancelled(tenant: Tenant) -> None:
    announced = await announce(tenant)
    cancelled = await tenant.http.post(f"/api/v1/documents/{announced['document_id']}/cancel")
    assert cancelled.status_code == 200
    assert cancelled.json()["failure"]["code"] == "cancelled"
    assert await usage(tenant) == {"bytes": 0, "documents": 1, "queued": 0}
    answer = await put(tenant, announced)
    assert (answer.status_code, answer.json()["code"]) == (409, "cancelled")


async def test_an_announced_document_can_be_deleted(tenant: Tenant) -> None:
    announced = await announce(tenant)
    gone = await tenant.http.delete(f"/api/v1/documents/{announced['document_id']}")
    assert gone.status_code == 204
    for answer in (await put(tenant, announced), await signal(tenant, announced)):
        assert (answer.status_code, answer.json()["code"]) == (404, "upload_not_found")
    assert await usage(tenant) == {"bytes": 0, "documents": 0, "queued": 0}


async def test_an_announced_version_leaves_the_old_one_searchable_until_it_is_ready(
    tenant: Tenant, services_url: str
) -> None:
    await upload_texts(tenant, [{"id": "birds", "text": "Herons stand still."}])
    announced = await announce(tenant, document_id="birds")
    assert announced["version"] == 2
    text = await tenant.http.get("/api/v1/documents/birds/text")
    assert text.json()["text"] == "Herons stand still."
    expire(services_url, announced)
    document = await finished(tenant, "birds")
    assert document["failure"]["code"] == "upload_timeout"
    text = await tenant.http.get("/api/v1/documents/birds/text")
    assert text.json()["text"] == "Herons stand still."

    once_more = await announce(tenant, document_id="birds")
    assert (await put(tenant, once_more)).status_code == 202
    assert (await finished(tenant, "birds"))["status"] == "complete"
    text = await tenant.http.get("/api/v1/documents/birds/text")
    assert text.json()["text"] == TEXT.decode()


async def test_a_cancelled_announcement_of_a_version_leaves_the_document_complete(
    tenant: Tenant,
) -> None:
    await upload_texts(tenant, [{"id": "birds", "text": "Herons stand still."}])
    announced = await announce(tenant, document_id="birds")
    cancelled = await tenant.http.post("/api/v1/documents/birds/cancel")
    assert (cancelled.json()["status"], cancelled.json()["version"]) == ("complete", 1)
    assert (await put(tenant, announced)).status_code == 404
