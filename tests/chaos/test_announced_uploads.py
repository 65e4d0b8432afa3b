"""What breaks off between an announcement and the index loses nothing that was acknowledged.

Here an exception stands for the death, so that what is left can be looked at. Processes that are
killed at the same places are in `test_kills.py`.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.chaos.place import place
from tests.unit.ingestion.test_ingest import FENCES, FakeBlobs, Setting, make_setting
from tests.unit.store.setting import accept, make_shelf, new_document

from groundwell.adapters.blob_store.obstore import ObstoreBlobStore
from groundwell.domain.documents import Priority
from groundwell.domain.uploads import content_key, staging_key
from groundwell.ports.job_engine import Attempt
from groundwell.settings import Settings
from groundwell.store.announced import find_awaited, insert_announcement, lock_upload, receive
from groundwell.store.database import Database

TEXT = b"Gannets dive from great heights."


class Killed(BaseException):
    """The process is no more. Nothing of the product may catch it."""


@dataclass
class MortalBlobs(FakeBlobs):
    """Blobs of a worker that dies at its first call of a kind, before it or after it."""

    moment: str = ""
    calls: list[str] = field(default_factory=list)

    def _meet(self, moment: str) -> None:
        self.calls.append(moment)
        if moment == self.moment and self.calls.count(moment) == 1:
            raise Killed

    async def fetch(self, key: str, target: Path, size: int | None = None) -> None:
        await super().fetch(key, target, size)
        self._meet("after fetch")

    async def put(self, key: str, source: Path) -> None:
        await super().put(key, source)
        self._meet("after put")

    async def delete(self, key: str) -> None:
        self._meet("before delete")
        await super().delete(key)


async def announced(setting: Setting) -> str:
    """An announced document whose bytes somebody has put into the store, and said so."""
    shelf = setting.shelf
    document = new_document(
        TEXT.decode(), id="gannets", text=None, filename="gannets.txt", awaits_bytes=True
    )
    (accepted,) = await accept(shelf, document)
    async with shelf.database.transaction(shelf.tenant) as connection:
        await insert_announcement(
            connection, shelf.tenant, accepted.uid, document.sha256, Priority.NORMAL
        )
        identity = await find_awaited(connection, accepted.uid)
        assert identity is not None
        setting.blobs.kept[staging_key(identity)] = TEXT
        upload = await lock_upload(connection, identity)
        await receive(connection, upload, upload.staging_key, None, upload.media_type)
        await setting.ingestion.defer(connection, shelf.tenant, [accepted.uid])
    return staging_key(identity)


@pytest.mark.parametrize("moment", ["after fetch", "after put", "before delete"])
async def test_a_worker_that_dies_while_it_downloads_loses_and_doubles_nothing(
    database: Database, database_url: str, moment: str
) -> None:
    blobs = MortalBlobs(moment=moment)
    setting = make_setting(await make_shelf(database, database_url), blobs)
    staging = await announced(setting)
    [(name, arguments)] = setting.jobs.waiting
    with pytest.raises(Killed):
        await setting.jobs.run_one()
    assert (await setting.document("gannets")).status == "indexing"
    await setting.jobs.kinds[name].run(arguments, Attempt(1, next(FENCES)))
    await setting.jobs.run()
    document = await setting.document("gannets")
    assert (document.status, document.chunk_count, document.version) == ("complete", 1, 1)
    key = content_key(hashlib.sha256(TEXT).digest())
    left = {staging, key} if moment == "before delete" else {key}
    assert set(setting.blobs.kept) == left
    sys.stdout.write(f"a worker died {moment}: 1 of 1 documents complete, once\n")


class InterruptedBlobs(ObstoreBlobStore):
    """Keeps the file, but the request breaks off before its commit."""

    times = 0

    async def put(self, key: str, source: Path) -> None:
        await super().put(key, source)
        if InterruptedBlobs.times:
            InterruptedBlobs.times -= 1
            raise RuntimeError("The request breaks off here.")


@pytest.mark.parametrize("times", [1, 3])
async def test_bytes_that_were_not_acknowledged_can_be_sent_again(
    database_url: str, tmp_path: Path, times: int
) -> None:
    settings = Settings(data_dir=tmp_path / "data", database_url=database_url, load_samples=False)
    blobs = InterruptedBlobs.in_folder(tmp_path / "data" / "blobs")
    InterruptedBlobs.times = times
    async with place(settings, blobs=blobs) as own:
        body = {"filename": "gannets.txt", "file_size": len(TEXT)}
        said: dict[str, Any] = (await own.http.post("/api/v1/uploads", json=body)).json()
        address = said["upload"]["content_url"]
        refused = [await own.http.put(address, content=TEXT) for _ in range(times)]
        assert [answer.status_code for answer in refused] == [500] * times
        waiting = (await own.http.get(f"/api/v1/uploads/{said['upload']['upload_id']}")).json()
        assert waiting["state"] == "awaiting_upload"
        assert (await own.http.put(address, content=TEXT)).status_code == 202
        counts = await own.wait_until_finished()
        kept = [key async for key, _ in own.services.blobs.entries()]
    assert counts == {"pending": 0, "indexing": 0, "complete": 1, "failed": 0}
    assert kept == [content_key(hashlib.sha256(TEXT).digest())]
    sys.stdout.write(
        f"a request broke off {times} times before its commit: 1 of 1 documents complete\n"
    )
