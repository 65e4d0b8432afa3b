"""Ingestion over HTTP as jobs: dead letters, retry, cancel."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import uuid4

from tests.conftest import (
    MakeTenant,
    Tenant,
    finished,
    fresh_database,
    upload,
    upload_texts,
)
from tests.unit.store.setting import new_document
from tests.waiting import patience

from groundwell.apps.library.schemas import BatchDocument
from groundwell.apps.library.uploads import accept_batch
from groundwell.bootstrap import open_services
from groundwell.domain.documents import DEFAULT_COLLECTION, TenantId, WaitingReason
from groundwell.domain.identity import Principal, Role, Scope, Tier
from groundwell.services import Services
from groundwell.settings import Settings
from groundwell.store.collections import ensure_collection
from groundwell.store.documents import list_documents
from groundwell.store.embedded import EmbeddedPostgres
from groundwell.store.identity import insert_owner
from groundwell.store.intake import accept_documents

BROKEN = b"%PDF-1.7\nnothing that a reader of PDF could use"


async def put_waiting(services: Services, tenant: Tenant, name: str, text: str) -> None:
    """A document that no worker knows of, as if the queue were long."""
    async with services.database.transaction(tenant.id) as connection:
        collection = await ensure_collection(connection, tenant.id, DEFAULT_COLLECTION, "passage")
        await accept_documents(connection, tenant.id, collection.id, [new_document(text, id=name)])


async def test_a_document_that_failed_is_a_dead_letter_with_its_reason(tenant: Tenant):
    await upload_texts(tenant, [{"id": "good", "text": "Herons eat frogs."}])
    await upload(tenant, "broken.pdf", BROKEN, document_id="broken")
    await finished(tenant, "broken")
    answer = await tenant.http.get("/api/v1/jobs", params={"status": "failed"})
    (job,) = answer.json()["jobs"]
    assert (job["document_id"], job["version"], job["queue"]) == ("broken", 1, "ingestion")
    assert job["failure"]["code"] == "corrupt"
    assert job["attempts"] == 1
    one = await tenant.http.get(f"/api/v1/jobs/{job['job_id']}")
    assert one.json() == job
    everything = await tenant.http.get("/api/v1/jobs")
    assert [each["document_id"] for each in everything.json()["jobs"]] == ["broken", "good"]


async def test_jobs_come_in_pages_and_by_document(tenant: Tenant):
    names = ["a", "b", "c"]
    for name in names:
        await upload_texts(tenant, [{"id": name, "text": f"Text of {name}."}])
    first = (await tenant.http.get("/api/v1/jobs", params={"limit": 2})).json()
    rest = (
        await tenant.http.get("/api/v1/jobs", params={"limit": 2, "cursor": first["next_cursor"]})
    ).json()
    assert [job["document_id"] for job in first["jobs"] + rest["jobs"]] == ["c", "b", "a"]
    assert rest["next_cursor"] is None
    own = (await tenant.http.get("/api/v1/jobs", params={"document_id": "b"})).json()["jobs"]
    assert [(job["document_id"], job["status"], job["progress"]) for job in own] == [
        ("b", "complete", 1.0)
    ]


async def test_a_job_of_another_tenant_is_like_one_that_does_not_exist(
    tenant: Tenant, make_tenant: MakeTenant
):
    await upload_texts(tenant, [{"id": "mine", "text": "Herons."}])
    job = (await tenant.http.get("/api/v1/jobs")).json()["jobs"][0]["job_id"]
    other = await make_tenant()
    foreign = await other.http.get(f"/api/v1/jobs/{job}")
    missing = await other.http.get(f"/api/v1/jobs/{uuid4()}")
    assert foreign.status_code == missing.status_code == 404
    assert foreign.json()["code"] == missing.json()["code"] == "job_not_found"
    assert (await other.http.get("/api/v1/jobs")).json()["jobs"] == []


async def test_a_failed_document_is_tried_again_and_one_that_has_not_failed_is_not(
    services: Services, tenant: Tenant
):
    await put_waiting(services, tenant, "a", "Herons eat frogs.")
    cancelled = await tenant.http.post("/api/v1/documents/a/cancel")
    assert cancelled.status_code == 200
    assert (cancelled.json()["status"], cancelled.json()["failure"]["code"]) == (
        "failed",
        "cancelled",
    )
    again = await tenant.http.post("/api/v1/documents/a/retry", params={"priority": "high"})
    assert again.status_code == 202
    assert (await finished(tenant, "a"))["status"] == "complete"
    for action, code in (("retry", "not_failed"), ("cancel", "not_in_progress")):
        refused = await tenant.http.post(f"/api/v1/documents/a/{action}")
        assert (refused.status_code, refused.json()["code"]) == (409, code)
        missing = await tenant.http.post(f"/api/v1/documents/none/{action}")
        assert missing.status_code == 404


async def test_cancelling_a_new_version_over_http_keeps_the_old_one(
    services: Services, tenant: Tenant
):
    await upload_texts(tenant, [{"id": "a", "text": "Herons eat frogs."}])
    await put_waiting(services, tenant, "a", "Herons eat fish.")
    pending = (await tenant.http.get("/api/v1/documents/a")).json()
    assert (pending["status"], pending["version"]) == ("pending", 2)
    answer = (await tenant.http.post("/api/v1/documents/a/cancel")).json()
    assert (answer["status"], answer["version"], answer["chunk_count"]) == ("complete", 1, 1)


async def test_only_a_key_that_may_write_retries_and_cancels(make_tenant: MakeTenant):
    reader = await make_tenant((Scope.READ,))
    for action in ("retry", "cancel"):
        answer = await reader.http.post(f"/api/v1/documents/a/{action}")
        assert answer.status_code == 403


async def test_files_and_batches_take_a_priority(tenant: Tenant):
    accepted = await upload(tenant, "note.txt", b"Herons.", priority="high", document_id="a")
    assert accepted.status_code == 202
    assert (await finished(tenant, "a"))["status"] == "complete"
    batch = await tenant.http.post(
        "/api/v1/documents/batch", json=[{"id": "b", "text": "Cranes."}], params={"priority": "low"}
    )
    assert batch.status_code == 202
    assert (await finished(tenant, "b"))["status"] == "complete"
    wrong = await upload(tenant, "note.txt", b"Herons.", priority="urgent")
    assert wrong.status_code == 422


async def test_a_document_says_what_it_waits_for_until_it_is_finished(
    services: Services, tenant: Tenant
):
    await put_waiting(services, tenant, "lost", "Herons eat frogs.")
    async with patience():
        # The shared worker may be about to start.
        while True:
            lost = (await tenant.http.get("/api/v1/documents/lost")).json()["waiting_for"]
            if lost["reason"] != "worker":
                break
            await asyncio.sleep(0.1)
    assert lost["reason"] == "queue"
    assert lost["message"]
    assert (lost["next_try_at"], lost["jobs_before"]) == (None, None)
    await tenant.http.post("/api/v1/documents/lost/cancel")
    await tenant.http.post("/api/v1/documents/lost/retry")
    assert (await finished(tenant, "lost"))["waiting_for"] is None


async def test_without_a_worker_documents_say_so_and_with_one_how_many_jobs_come_first(
    postgres: EmbeddedPostgres, tmp_path: Path
):
    with fresh_database(postgres) as url:
        settings = Settings(data_dir=tmp_path, database_url=url, load_samples=False)
        async with open_services(settings) as services:
            owner = TenantId(uuid4())
            async with services.database.transaction(owner) as connection:
                user = await insert_owner(connection, owner, "Ann")
            ann = Principal(owner, user, frozenset(Scope), Role.OWNER, Tier.FREE)
            for number in range(40):
                await accept_batch(services, ann, "default", [BatchDocument(text=f"{number}")])
            async with services.database.transaction(owner) as connection:
                (newest,) = await list_documents(connection, None, None, None, 1)
                alone = await services.ingestion.find_wait(connection, newest.uid)
                assert alone is not None
                assert alone.reason is WaitingReason.WORKER
                await connection.execute("INSERT INTO procrastinate_workers DEFAULT VALUES")
                turn = await services.ingestion.find_wait(connection, newest.uid)
                assert turn is not None
                assert (turn.reason, turn.before) == (WaitingReason.TURN, 39)
