"""Each disorder is found, mended, and not found again."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import LiteralString
from uuid import uuid4

import psycopg
import pytest
from psycopg import AsyncConnection
from tests.unit.store.setting import (
    Shelf,
    accept,
    indexed,
    make_shelf,
    new_document,
    put,
    swap,
    works,
)

from groundwell.adapters.blob_store.obstore import ObstoreBlobStore
from groundwell.domain.documents import DocumentUid, TenantId
from groundwell.domain.uploads import content_key
from groundwell.store.database import Database, Row, owner_options
from groundwell.store.recovery.contents import find_altered, find_damaged_files
from groundwell.store.recovery.mend import mend
from groundwell.store.recovery.survey import OutOfStep, find_stuck, survey
from groundwell.store.usage import read_usage

TEXTS = {"one": "The first bridge.\nIt is long.", "two": "The second bridge."}
QUEUED: LiteralString = (
    "INSERT INTO procrastinate_jobs (queue_name, task_name, args)"
    " VALUES ('q', 'ingest', jsonb_build_object('documents', %s::text))"
)


async def queue(
    connection: AsyncConnection[Row], tenant: TenantId, uids: Sequence[DocumentUid]
) -> None:
    del tenant
    if uids:
        await connection.execute(QUEUED, (" ".join(str(uid) for uid in uids),))


@pytest.fixture
async def shelf(database: Database, database_url: str) -> Shelf:
    """Two searchable documents, and a second tenant with the same."""
    await put(await make_shelf(database, database_url), TEXTS)
    shelf = await make_shelf(database, database_url)
    await put(shelf, TEXTS)
    return shelf


@pytest.fixture
def blobs(tmp_path: Path) -> ObstoreBlobStore:
    return ObstoreBlobStore.in_folder(tmp_path / "blobs")


def spoil(shelf: Shelf, statement: LiteralString, *values: object) -> None:
    """Change the database behind everybody's back."""
    with psycopg.connect(shelf.url, options=owner_options()) as connection:
        connection.execute(statement, values)


async def test_data_that_is_in_step_stays_as_it_is(shelf: Shelf, blobs: ObstoreBlobStore):
    assert await survey(shelf.database, blobs) == OutOfStep()
    assert await mend(shelf.database, blobs, queue, OutOfStep()) == []


async def test_a_document_without_a_job_is_queued_once(shelf: Shelf, blobs: ObstoreBlobStore):
    stuck, queued = await accept(shelf, new_document("stuck"), new_document("queued"))
    spoil(shelf, QUEUED, str(queued.uid))
    found = await survey(shelf.database, blobs)
    assert [document.uid for document in found.stuck] == [stuck.uid]
    assert found == await find_stuck(shelf.database)
    assert len(await mend(shelf.database, blobs, queue, found)) == 1
    assert await mend(shelf.database, blobs, queue, found) == []
    assert await survey(shelf.database, blobs) == OutOfStep()


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM chunk_terms WHERE document_uid = %s",
        "DELETE FROM space_1 WHERE document_uid = %s",
        "DELETE FROM chunks WHERE document_uid = %s AND ordinal = 0",
        "UPDATE documents SET active_version_id = NULL WHERE uid = %s",
    ],
)
async def test_a_document_that_lost_part_of_its_index_is_indexed_anew(
    shelf: Shelf, blobs: ObstoreBlobStore, damage: LiteralString
):
    (document, _) = await accept(
        shelf, *(new_document(text, id=key) for key, text in TEXTS.items())
    )
    spoil(shelf, damage, document.uid)
    found = await survey(shelf.database, blobs)
    assert [(d.tenant, d.uid) for d in found.incomplete] == [(shelf.tenant, document.uid)]
    await mend(shelf.database, blobs, queue, found)
    assert await survey(shelf.database, blobs) == OutOfStep()
    await swap(shelf, [indexed(work) for work in await works(shelf, [document])])
    spoil(shelf, "DELETE FROM procrastinate_jobs")
    assert await survey(shelf.database, blobs) == OutOfStep()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE collections SET chunk_count = chunk_count + 1 WHERE id = %s",
        "UPDATE collections SET term_count = 0 WHERE id = %s",
        """UPDATE collections SET language_counts = '{"en": 9}' WHERE id = %s""",
        "UPDATE term_statistics SET document_frequency = 7 WHERE collection_id = %s",
        "DELETE FROM term_statistics WHERE collection_id = %s",
    ],
)
async def test_statistics_that_do_not_add_up_are_counted_anew(
    shelf: Shelf, blobs: ObstoreBlobStore, damage: LiteralString
):
    spoil(shelf, damage, shelf.collection)
    found = await survey(shelf.database, blobs)
    assert [c.id for c in found.miscounted] == [shelf.collection]
    assert replace(found, miscounted=()) == OutOfStep()
    await mend(shelf.database, blobs, queue, found)
    assert await survey(shelf.database, blobs) == OutOfStep()


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM usage_changes WHERE tenant_id = %s",
        "INSERT INTO usage_changes (tenant_id, bytes) VALUES (%s, 7)",
        "INSERT INTO tenant_usage VALUES (%s, 0, 1, 0, 0)",
    ],
)
async def test_what_a_tenant_holds_is_counted_anew(
    shelf: Shelf, blobs: ObstoreBlobStore, damage: LiteralString
):
    before = await read_usage(shelf.database, shelf.tenant)
    spoil(shelf, damage, shelf.tenant)
    found = await survey(shelf.database, blobs)
    assert found == OutOfStep(miscounted_tenants=(shelf.tenant,))
    await mend(shelf.database, blobs, queue, found)
    assert await survey(shelf.database, blobs) == OutOfStep()
    assert await read_usage(shelf.database, shelf.tenant) == before


async def test_a_version_of_a_collection_that_is_gone_is_removed(
    shelf: Shelf, blobs: ObstoreBlobStore
):
    spoil(
        shelf,
        "INSERT INTO collection_versions (collection_id, tenant_id, version) VALUES (%s, %s, 1)",
        uuid4(),
        shelf.tenant,
    )
    found = await survey(shelf.database, blobs)
    assert len(found.stray_versions) == 1
    await mend(shelf.database, blobs, queue, found)
    assert await survey(shelf.database, blobs) == OutOfStep()


async def test_old_files_without_a_document_are_removed_and_young_and_used_ones_stay(
    shelf: Shelf, blobs: ObstoreBlobStore, tmp_path: Path
):
    two_hours_ago = time.time() - 7200
    for key in ("aa/used", "aa/old", "aa/young"):
        await blobs.put(key, Path(__file__))
        if key != "aa/young":
            os.utime(tmp_path / "blobs" / key, (two_hours_ago, two_hours_ago))
    await accept(shelf, new_document("x", blob_key="aa/used"))
    found = replace(await survey(shelf.database, blobs), stuck=())
    assert found == OutOfStep(unused_blobs=("aa/old",))
    await mend(shelf.database, blobs, queue, found)
    left = {key async for key, _ in blobs.entries()}
    assert left == {"aa/used", "aa/young"}


async def test_a_document_whose_file_is_gone_is_named_and_left_alone(
    shelf: Shelf, blobs: ObstoreBlobStore
):
    await accept(shelf, new_document("x", id="lost", blob_key="aa/lost"))
    found = replace(await survey(shelf.database, blobs), stuck=())
    assert found == OutOfStep(lost_files=("lost",))
    assert await mend(shelf.database, blobs, queue, found) == []


async def test_an_original_that_is_damaged_is_named_and_left_alone(
    shelf: Shelf, blobs: ObstoreBlobStore, tmp_path: Path
):
    path = tmp_path / "original"
    for name, content in (("emptied", b""), ("overwritten", b"Other bytes."), ("good", b"Bytes.")):
        stored = f"Bytes of {name}".encode() if content != b"Bytes." else content
        key = content_key(sha256(stored).digest())
        path.write_bytes(
            content if name == "emptied" else content[: len(stored)].ljust(len(stored))
        )
        await blobs.put(key, path)
        new = new_document(name, id=name, blob_key=key, file_size=len(stored))
        await accept(shelf, new)
    found = replace(await survey(shelf.database, blobs), stuck=())
    assert found == OutOfStep(damaged_files=("emptied",))
    assert await mend(shelf.database, blobs, queue, found) == []
    assert await read_files(shelf, blobs) == ("emptied", "overwritten")


async def read_files(shelf: Shelf, blobs: ObstoreBlobStore) -> tuple[str, ...]:
    return await find_damaged_files(shelf.database, blobs, report=lambda _: None)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE chunks SET text = upper(text) WHERE document_uid = %s AND ordinal = 0",
        "UPDATE space_1 SET token_bits = substr(token_bits, 2) WHERE document_uid = %s",
        "UPDATE space_1 SET token_bits = '' WHERE document_uid = %s",
    ],
)
async def test_an_index_that_is_not_what_the_text_says_is_made_anew(
    shelf: Shelf, blobs: ObstoreBlobStore, damage: LiteralString
):
    text = "The bridge over the river leads from the north of the town to the south, says nobody."
    (document,) = await put(shelf, {"long": text})
    # Of a model whose tokens have vectors.
    spoil(shelf, "UPDATE embedding_spaces SET centre[1] = 0.5")
    assert await find_altered(shelf.database) == ()
    spoil(shelf, damage, document.uid)
    altered = await find_altered(shelf.database)
    assert [(d.tenant, d.uid, d.id) for d in altered] == [(shelf.tenant, document.uid, "long")]
    await mend(shelf.database, blobs, queue, OutOfStep(incomplete=altered))
    await swap(shelf, [indexed(work) for work in await works(shelf, [document])])
    assert await find_altered(shelf.database) == ()


async def test_an_announced_document_waits_for_its_deadline_and_not_for_a_worker(
    shelf: Shelf, blobs: ObstoreBlobStore
):
    announced = new_document("awaited", id="awaited", text=None, awaits_bytes=True)
    (awaited,) = await accept(shelf, announced)
    found = await survey(shelf.database, blobs)
    assert [document.uid for document in found.stuck] == [awaited.uid]
    taken: list[DocumentUid] = []

    async def wait(
        connection: AsyncConnection[Row], tenant: TenantId, uids: Sequence[DocumentUid]
    ) -> None:
        del tenant
        taken.extend(uids)
        await connection.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args)"
            " VALUES ('uploads', 'upload_deadline', jsonb_build_object('awaited', %s::text))",
            (str(uids[0]),),
        )

    await mend(shelf.database, blobs, wait, found)
    assert taken == [awaited.uid]
    assert await survey(shelf.database, blobs) == OutOfStep()
    # Its bytes have come, and the job that reads them is lost.
    spoil(shelf, "UPDATE documents SET stage = 'queued' WHERE uid = %s", awaited.uid)
    assert [d.uid for d in (await survey(shelf.database, blobs)).stuck] == [awaited.uid]
