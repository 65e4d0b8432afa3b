"""What a worker puts in step when it starts, and what `groundwell doctor --repair` does."""

from __future__ import annotations

import asyncio
import json
import os
import time
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pytest
from tests.conftest import Tenant, finished
from tests.e2e.running import groundwell
from tests.unit.store.setting import new_document
from tests.waiting import patience

from groundwell.cli.worker import _put_in_step
from groundwell.domain.documents import DEFAULT_COLLECTION, TenantId
from groundwell.domain.uploads import content_key
from groundwell.services import Services
from groundwell.store.collections import ensure_collection
from groundwell.store.database import Database
from groundwell.store.identity import insert_owner
from groundwell.store.intake import accept_documents
from groundwell.store.recovery.survey import survey


async def hand_in_without_a_job(database: Database, tenant: TenantId) -> None:
    async with database.transaction(tenant) as connection:
        collection = await ensure_collection(connection, tenant, DEFAULT_COLLECTION, "passage")
        document = new_document("A bridge that was forgotten.", id="forgotten")
        await accept_documents(connection, tenant, collection.id, [document])


async def test_a_worker_that_starts_takes_up_documents_that_wait_for_nothing(
    services: Services, tenant: Tenant
):
    await hand_in_without_a_job(services.database, tenant.id)
    await _put_in_step(services)
    assert (await finished(tenant, "forgotten"))["status"] == "complete"


async def test_a_round_of_the_worker_removes_files_of_no_document_that_are_an_hour_old(
    services: Services, services_folder: Path, tmp_path: Path
):
    old, fresh = tmp_path / "old", tmp_path / "fresh"
    old.write_text("from a request that was never finished")
    fresh.write_text("from a request that goes on")
    await services.blobs.put("sha256/00/old", old)
    await services.blobs.put("sha256/00/fresh", fresh)
    an_hour_ago = time.time() - 3700
    os.utime(services_folder / "blobs" / "sha256" / "00" / "old", (an_hour_ago, an_hour_ago))
    await services.reconciliation.defer()
    async with patience():
        while "sha256/00/old" in [key async for key, _ in services.blobs.entries()]:  # noqa: ASYNC110 - the store gives no event
            await asyncio.sleep(0.05)
    assert "sha256/00/fresh" in [key async for key, _ in services.blobs.entries()]
    await services.blobs.delete("sha256/00/fresh")


@pytest.mark.parametrize("content", [b"", b"Too short.", b"Longer than what was stored in it."])
async def test_an_original_of_another_length_is_not_given_out(
    services: Services, services_folder: Path, tenant: Tenant, content: bytes
):
    stored = b"The plan of the bridge."
    sent = {"file": ("plan.txt", stored)}
    uploaded = await tenant.http.post("/documents", files=sent, data={"document_id": "plan"})
    assert uploaded.status_code == 202
    await finished(tenant, "plan")
    original = services_folder / "blobs" / content_key(sha256(stored).digest())
    original.write_bytes(content)
    refused = await tenant.http.get("/documents/plan/content")
    assert (refused.status_code, refused.json()["code"]) == (404, "blob_damaged")
    assert "damaged" in refused.json()["detail"]
    assert (await survey(services.database, services.blobs)).damaged_files == ("plan",)
    # The advice of `groundwell doctor`.
    assert (
        await tenant.http.post("/documents", files=sent, data={"document_id": "plan"})
    ).is_success
    assert (await tenant.http.get("/documents/plan/content")).content == stored
    assert (await survey(services.database, services.blobs)).damaged_files == ()


@pytest.mark.slow
async def test_doctor_only_looks_until_it_is_told_to_repair(
    database: Database, database_url: str, tmp_path: Path
):
    tenant = TenantId(uuid4())
    async with database.transaction(tenant) as connection:
        await insert_owner(connection, tenant, "test")
    await hand_in_without_a_job(database, tenant)

    def doctor(*options: str) -> dict[str, list[str]]:
        told = groundwell(tmp_path, "doctor", "--json", *options, DATABASE_URL=database_url)
        assert told.returncode == 0, told.stderr + told.stdout
        by_check: dict[str, list[str]] = {}
        for finding in json.loads(told.stdout):
            by_check.setdefault(finding["check"], []).append(finding["message"])
        return by_check

    lock = tmp_path / "scratch" / "4711-beef.lock"
    document = lock.with_suffix("") / "groundwell-1" / "document"
    document.parent.mkdir(parents=True)
    lock.touch()
    document.write_text("The text of somebody who was killed.")

    found = doctor()
    assert found["scratch"] == ["Processes that were killed have left files: 1."]
    assert document.exists()
    assert found["data"] == ["Documents that wait for a job that does not exist: 1 (forgotten)."]
    assert "repair" not in found
    assert doctor("--repair")["repair"] == [
        "Files of processes that were killed, removed: 1.",
        "Documents that waited for nothing, queued again: 1.",
    ]
    assert not lock.parent.exists()
    again = doctor("--repair", "--contents")
    assert "scratch" not in again
    assert again["contents"] == ["all files and texts are what was stored"]
    assert again["data"] == ["files by their sizes, index and counts fit"]
    assert again["repair"] == ["There was nothing to mend."]
