"""Files that are announced first, and whose bytes come through the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import psycopg
import pytest
from fastapi import FastAPI
from obstore.store import S3Store
from tests.apps.announcing import (
    SHA256,
    TEXT,
    announce,
    document_of,
    due_in,
    put,
    state_of,
    usage,
)
from tests.apps.people import client_of, person, server_with
from tests.apps.test_limits import limited
from tests.apps.test_readiness import NoRoom
from tests.conftest import Tenant, finished, upload

from groundwell.adapters.blob_store.obstore import ObstoreBlobStore
from groundwell.domain.identity import Role
from groundwell.services import Services
from groundwell.store.database import owner_options


async def test_an_announced_file_waits_and_is_indexed_when_its_bytes_come(tenant: Tenant) -> None:
    announced = await announce(tenant, metadata={"year": 2024}, title="Birds")
    assert (announced["status"], announced["is_new_work"]) == ("pending", True)
    assert announced["upload"]["state"] == "awaiting_upload"
    waiting = await document_of(tenant, announced)
    assert (waiting["status"], waiting["stage"]) == ("pending", "awaiting_upload")
    listed = (await tenant.http.get("/api/v1/documents")).json()
    assert (listed["counts"]["pending"], listed["awaiting_upload"]) == (1, 1)
    (job,) = (await tenant.http.get("/api/v1/jobs")).json()["jobs"]
    assert (job["job_id"], job["queue"]) == (announced["upload"]["upload_id"], "uploads")

    received = await put(tenant, announced)
    assert (received.status_code, received.json()["state"]) == (202, "received")
    document = await finished(tenant, announced["document_id"])
    assert (document["status"], document["title"]) == ("complete", "Birds")
    assert document["metadata"] == {"year": 2024}
    content = await tenant.http.get(f"/api/v1/documents/{announced['document_id']}/content")
    assert content.content == TEXT
    listed = (await tenant.http.get("/api/v1/documents")).json()
    assert (listed["counts"]["complete"], listed["awaiting_upload"]) == (1, 0)


async def test_an_announcement_says_until_when_the_bytes_may_come(
    tenant: Tenant, services_url: str
) -> None:
    announced = await announce(tenant)
    expires_at = datetime.fromisoformat(announced["upload"]["expires_at"])
    seconds = (expires_at - datetime.now(UTC)).total_seconds()
    due = due_in(services_url, announced)
    assert due is not None
    assert 3580 < seconds <= 3600
    assert abs(due - seconds) < 5


@pytest.mark.parametrize(
    ("said", "status", "code", "words"),
    [
        ({"filename": "clip.mp4"}, 415, "unsupported_type", "Unsupported file type: .mp4"),
        ({"filename": "clip"}, 415, "unsupported_type", "Unsupported file type: (no extension)"),
        ({"filename": "a", "media_type": "image/png"}, 415, "unsupported_type", "Unsupported"),
        ({"media_type": "application/pdf"}, 415, "type_mismatch", "another type"),
        ({"file_size": 1 << 40}, 413, "too_large", "larger than"),
        ({"file_size": 0}, 422, "validation_failed", "greater than"),
        ({"sha256": "abc"}, 422, "validation_failed", "sha256"),
        ({"metadata": {"a": "x" * 20_000}}, 422, "metadata_too_large", "16384"),
    ],
)
async def test_what_cannot_be_taken_is_refused_when_it_is_announced(
    tenant: Tenant, said: dict[str, object], status: int, code: str, words: str
) -> None:
    body = {"filename": "birds.txt", "file_size": len(TEXT), **said}
    answer = await tenant.http.post("/api/v1/uploads", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert words in answer.json()["detail"]
    assert (await tenant.http.get("/api/v1/documents")).json()["documents"] == []


async def test_a_file_without_an_extension_is_what_it_is_announced_as(tenant: Tenant) -> None:
    announced = await announce(tenant, filename="README", media_type="text/markdown")
    assert (await put(tenant, announced)).status_code == 202
    assert (await finished(tenant, announced["document_id"]))["status"] == "complete"


WRONG_BYTES = [
    (TEXT + b"!", {}, 422, "size_mismatch"),
    (TEXT[:-1], {}, 422, "size_mismatch"),
    (b"x" * len(TEXT), {}, 422, "sha256_mismatch"),
    (TEXT, {"Content-Type": "application/pdf"}, 415, "unsupported_media_type"),
    (TEXT, {"Content-Type": "multipart/form-data; boundary=b"}, 415, "unsupported_media_type"),
]


@pytest.mark.parametrize(("content", "headers", "status", "code"), WRONG_BYTES)
async def test_bytes_that_were_not_announced_are_refused_and_the_wait_goes_on(
    services: Services,
    tenant: Tenant,
    content: bytes,
    headers: dict[str, str],
    status: int,
    code: str,
) -> None:
    announced = await announce(tenant, sha256=SHA256)
    before = {key async for key, _ in services.blobs.entries()}
    answer = await put(tenant, announced, content, **headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert {key async for key, _ in services.blobs.entries()} == before
    assert (await state_of(tenant, announced))["state"] == "awaiting_upload"
    assert (await put(tenant, announced)).status_code == 202
    assert (await finished(tenant, announced["document_id"]))["status"] == "complete"


@pytest.mark.parametrize("content", [TEXT + b"!" * 200_000, TEXT[:-1]])
async def test_a_body_of_unsaid_length_must_have_the_announced_one(
    tenant: Tenant, content: bytes
) -> None:
    announced = await announce(tenant)

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 1000):
            yield content[start : start + 1000]

    address = announced["upload"]["content_url"]
    answer = await tenant.http.put(address, content=pieces())
    assert (answer.status_code, answer.json()["code"]) == (422, "size_mismatch")
    assert (await state_of(tenant, announced))["state"] == "awaiting_upload"


async def test_bytes_of_another_type_than_announced_are_refused(tenant: Tenant) -> None:
    content = b"%PDF-1.7 but it is called a text"
    announced = await announce(tenant, file_size=len(content))
    answer = await put(tenant, announced, content)
    assert (answer.status_code, answer.json()["code"]) == (415, "type_mismatch")
    nameless = await announce(
        tenant, filename="paper", media_type="application/pdf", document_id="paper"
    )
    answer = await put(tenant, nameless)
    assert (answer.status_code, answer.json()["code"]) == (415, "type_mismatch")


async def test_the_same_bytes_again_get_the_same_answer_and_others_a_conflict(
    tenant: Tenant,
) -> None:
    announced = await announce(tenant)
    first = await put(tenant, announced)
    again = await put(tenant, announced)
    assert (again.status_code, again.json()) == (202, first.json())
    await finished(tenant, announced["document_id"])
    late = await put(tenant, announced)
    assert (late.status_code, late.json()) == (202, first.json())
    other = await put(tenant, announced, b"x" * len(TEXT))
    assert (other.status_code, other.json()["code"]) == (409, "already_uploaded")
    document = await document_of(tenant, announced)
    assert (document["status"], document["version"]) == ("complete", 1)


async def test_of_several_clients_that_send_at_once_one_is_first(
    tenant: Tenant, services_url: str
) -> None:
    announced = await announce(tenant)
    others = [bytes([97 + n]) * len(TEXT) for n in range(4)]
    answers = await asyncio.gather(*(put(tenant, announced, body) for body in [TEXT, *others] * 2))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [202] * 2 + [409] * 8
    document = await finished(tenant, announced["document_id"])
    assert (document["status"], document["version"], document["chunk_count"]) == ("complete", 1, 1)
    with psycopg.connect(services_url, options=owner_options()) as owner:
        versions = owner.execute(
            "SELECT count(*) FROM document_versions v JOIN documents d ON d.uid = v.document_uid"
            " WHERE d.id = %s",
            (announced["document_id"],),
        ).fetchone()
    assert versions == (1,)


async def test_known_bytes_need_not_be_sent(tenant: Tenant) -> None:
    sent = (await upload(tenant, "birds.txt", TEXT)).json()
    await finished(tenant, sent["document_id"])
    body = {"filename": "birds.txt", "file_size": len(TEXT), "sha256": SHA256}
    answer = await tenant.http.post("/api/v1/uploads", json=body)
    assert answer.status_code == 200
    assert answer.json() == {
        "document_id": sent["document_id"],
        "status": "complete",
        "version": 1,
        "is_new_work": False,
        "upload": None,
        "presigned_url": None,
    }


async def test_a_whole_file_takes_the_place_of_an_announced_one(tenant: Tenant) -> None:
    announced = await announce(tenant, document_id="birds", sha256=SHA256)
    whole = await upload(tenant, "birds.txt", TEXT, document_id="birds")
    assert (whole.status_code, whole.json()["is_new_work"]) == (202, True)
    assert (await finished(tenant, "birds"))["status"] == "complete"
    assert (await put(tenant, announced)).status_code == 404


async def test_a_second_announcement_takes_the_place_of_the_first(tenant: Tenant) -> None:
    first = await announce(tenant, document_id="birds")
    second = await announce(tenant, document_id="birds")
    assert (await put(tenant, first)).status_code == 404
    assert (await put(tenant, second)).status_code == 202
    assert (await finished(tenant, "birds"))["status"] == "complete"


async def test_an_announcement_may_be_repeated_under_its_key(tenant: Tenant) -> None:
    body = {"filename": "birds.txt", "file_size": len(TEXT)}
    headers = {"Idempotency-Key": "announce-1"}
    answers = [
        await tenant.http.post("/api/v1/uploads", json=body, headers=headers) for _ in range(2)
    ]
    assert answers[0].json() == answers[1].json()
    other = await tenant.http.post(
        "/api/v1/uploads", json={**body, "file_size": 5}, headers=headers
    )
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_mismatch")
    assert (await usage(tenant))["documents"] == 1


async def test_two_announcements_of_unknown_bytes_are_two_documents(tenant: Tenant) -> None:
    first, second = await announce(tenant), await announce(tenant)
    assert first["document_id"] != second["document_id"]


async def test_a_private_announcement_is_its_owners(app: FastAPI, tenant: Tenant) -> None:
    async with person(app, tenant, Role.MEMBER) as ann, person(app, tenant, Role.MEMBER) as bob:
        body = {"filename": "a.txt", "file_size": len(TEXT), "visibility": "private"}
        announced = (await ann.post("/api/v1/uploads", json=body)).json()
        address = f"/api/v1/uploads/{announced['upload']['upload_id']}"
        event = {"event": "DocumentUploaded"}
        for answer in (
            await bob.get(address),
            await bob.put(f"{address}/content", content=TEXT),
            await bob.post(f"{address}/signal", json=event),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, "upload_not_found")
        assert (await ann.put(f"{address}/content", content=TEXT)).status_code == 202


async def test_whom_a_document_is_shared_with_may_look_but_not_bring_its_bytes(
    app: FastAPI, tenant: Tenant
) -> None:
    async with person(app, tenant, Role.MEMBER) as ann, person(app, tenant, Role.MEMBER) as bob:
        body = {
            "filename": "a.txt",
            "file_size": len(TEXT),
            "shared_with": {"roles": ["member"], "users": []},
        }
        announced = (await ann.post("/api/v1/uploads", json=body)).json()
        address = f"/api/v1/uploads/{announced['upload']['upload_id']}"
        assert (await bob.get(address)).status_code == 200
        answer = await bob.put(f"{address}/content", content=TEXT)
        assert (answer.status_code, answer.json()["code"]) == (403, "not_your_document")


async def test_the_content_of_a_document_that_has_not_come_is_missing(tenant: Tenant) -> None:
    await announce(tenant, document_id="birds")
    answer = await tenant.http.get("/api/v1/documents/birds/content")
    assert (answer.status_code, answer.json()["code"]) == (404, "content_not_available")


async def test_announced_documents_count_for_the_quotas_as_if_they_were_here(
    services: Services, tenant: Tenant
) -> None:
    limits = {"free": {"queued": 2, "bytes": 100}}
    async with limited(services, tenant, limits) as (member, _):
        sizes = (40, 61, 60, 1)
        answers = [
            await member.post("/api/v1/uploads", json={"filename": "a.txt", "file_size": size})
            for size in sizes
        ]
        codes = [answer.json().get("quota", {}).get("name", "fits") for answer in answers]
        assert codes == ["fits", "bytes", "fits", "queued"]
        first = answers[0].json()["document_id"]
        assert (await member.post(f"/api/v1/documents/{first}/cancel")).status_code == 200
        again = await member.post("/api/v1/uploads", json={"filename": "a.txt", "file_size": 40})
        assert again.status_code == 202


async def test_a_store_that_can_sign_lets_the_bytes_be_put_past_the_server(
    services: Services, tenant: Tenant
) -> None:
    bucket = S3Store("bucket", region="x", access_key_id="a", secret_access_key="b")
    async with (
        server_with(services, blobs=ObstoreBlobStore(bucket)) as app,
        client_of(app, tenant.key) as client,
    ):
        body = {"filename": "a.txt", "file_size": 5}
        announced = (await client.post("/api/v1/uploads", json=body)).json()
    address, _, query = announced["presigned_url"].partition("?")
    assert address.endswith(f"/bucket/uploads/{announced['upload']['upload_id']}")
    assert "X-Amz-Expires=3600" in query
    assert "X-Amz-Signature=" in query
    assert (await announce(tenant))["presigned_url"] is None


async def test_a_full_disk_refuses_announcements_and_bytes_before_they_are_read(
    services: Services, tenant: Tenant
) -> None:
    announced = await announce(tenant)
    body = {"filename": "a.txt", "file_size": 5}
    async with (
        server_with(services, room=NoRoom(())) as app,
        client_of(app, tenant.key) as client,
    ):
        for answer in (
            await client.post("/api/v1/uploads", json=body),
            await client.put(announced["upload"]["content_url"], content=never_read()),
        ):
            assert (answer.status_code, answer.json()["code"]) == (507, "storage_full")
    assert (await put(tenant, announced)).status_code == 202


async def test_a_body_over_the_limit_of_uploads_is_refused_before_it_is_read(
    services: Services, tenant: Tenant
) -> None:
    announced = await announce(tenant)
    length = str(services.limits.upload_bytes + 1)
    answer = await tenant.http.put(
        announced["upload"]["content_url"],
        content=never_read(),
        headers={"Content-Length": length},
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def never_read() -> AsyncIterator[bytes]:
    pytest.fail("the body was read")
    yield b""
