"""The wait for announced bytes, on a job engine that only remembers what it is told."""

from __future__ import annotations

from hashlib import sha256
from uuid import UUID

import psycopg
import pytest
from tests.unit.ingestion.test_ingest import Setting, make_setting
from tests.unit.store.setting import accept, make_shelf, new_document

from groundwell.domain.documents import Priority, Stage
from groundwell.domain.uploads import content_key, staging_key
from groundwell.ingestion.deadlines import DEADLINE_JOB
from groundwell.store.announced import (
    find_awaited,
    get_upload,
    insert_announcement,
    lock_upload,
    receive,
)
from groundwell.store.database import Database, owner_options

TEXT = b"Terns fly from one pole to the other."


@pytest.fixture
async def setting(database: Database, database_url: str) -> Setting:
    return make_setting(await make_shelf(database, database_url))


async def announce(setting: Setting, name: str = "terns") -> UUID:
    """Announce a text file; the id of its upload."""
    shelf = setting.shelf
    document = new_document(
        TEXT.decode(), id=name, text=None, filename=f"{name}.txt", awaits_bytes=True
    )
    (accepted,) = await accept(shelf, document)
    async with shelf.database.transaction(shelf.tenant) as connection:
        await insert_announcement(connection, shelf.tenant, accepted.uid, None, Priority.NORMAL)
        await setting.ingestion.defer(connection, shelf.tenant, [accepted.uid])
        upload = await find_awaited(connection, accepted.uid)
    assert upload is not None
    return upload


def pass_an_hour(setting: Setting) -> None:
    with psycopg.connect(setting.shelf.url, options=owner_options()) as owner:
        owner.execute("UPDATE announced_uploads SET expires_at = expires_at - interval '1 hour'")


async def test_an_announcement_is_one_job_that_begins_an_hour_later(setting: Setting):
    upload = await announce(setting)
    [(name, arguments)] = setting.jobs.waiting
    assert (name, arguments["upload"]) == (DEADLINE_JOB, str(upload))
    assert 3590 < setting.jobs.pauses[name] <= 3600
    # Ids, never bytes: an engine may limit what a job carries.
    assert sum(len(str(value)) for value in arguments.values()) == 3 * 36


async def test_an_engine_whose_clock_is_ahead_ends_nothing_early(setting: Setting):
    await announce(setting)
    await setting.jobs.run_one()
    assert [name for name, _ in setting.jobs.waiting] == [DEADLINE_JOB]
    assert 3580 < setting.jobs.pauses[DEADLINE_JOB] <= 3600
    assert (await setting.document("terns")).stage is Stage.AWAITING_UPLOAD


async def test_after_the_hour_the_document_has_failed_and_its_bytes_are_removed(setting: Setting):
    upload = await announce(setting)
    setting.blobs.kept[staging_key(upload)] = TEXT
    pass_an_hour(setting)
    await setting.jobs.run()
    document = await setting.document("terns")
    assert (document.status, document.error_code) == ("failed", "upload_timeout")
    assert setting.blobs.kept == {}
    # A job that is delivered twice finds nothing to do.
    async with setting.shelf.database.transaction(setting.shelf.tenant) as connection:
        await setting.ingestion.defer(connection, setting.shelf.tenant, [document.uid])
    assert DEADLINE_JOB not in [name for name, _ in setting.jobs.waiting]


async def test_bytes_that_were_signalled_outlive_the_deadline_until_they_are_downloaded(
    setting: Setting,
):
    identity = await announce(setting)
    shelf = setting.shelf
    [deadline] = setting.jobs.waiting
    setting.jobs.waiting.clear()
    setting.blobs.kept[staging_key(identity)] = TEXT
    async with shelf.database.transaction(shelf.tenant) as connection:
        upload = await lock_upload(connection, identity)
        await receive(connection, upload, upload.staging_key, None, upload.media_type)
        await setting.ingestion.defer(connection, shelf.tenant, [upload.uid])
    pass_an_hour(setting)
    setting.jobs.waiting.insert(0, deadline)
    await setting.jobs.run_one()
    assert staging_key(identity) in setting.blobs.kept
    await setting.jobs.run()
    assert (await setting.document("terns")).status == "complete"
    assert set(setting.blobs.kept) == {content_key(sha256(TEXT).digest())}
    async with shelf.database.transaction(shelf.tenant) as connection:
        assert (await get_upload(connection, identity)).sha256 == sha256(TEXT).digest()


async def test_the_deadline_of_a_deleted_document_removes_its_bytes(setting: Setting):
    upload = await announce(setting)
    setting.blobs.kept[staging_key(upload)] = TEXT
    with psycopg.connect(setting.shelf.url, options=owner_options()) as owner:
        owner.execute("DELETE FROM documents")
    await setting.jobs.run()
    assert setting.blobs.kept == {}
