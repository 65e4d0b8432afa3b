"""Disks that are full, or cannot be written."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio
from tests.chaos.place import Place, is_refusal, place
from tests.seeds import IS_LONG, SEED

from groundwell.cli.reconciliation import look
from groundwell.settings import Settings
from groundwell.store.database import owner_options
from groundwell.store.disk import DiskRoom, floor_bytes

MEBIBYTE = 1 << 20
FILLS = 100 if IS_LONG else 3
WORDS = ("bridge", "violin", "glacier", "orchard", "compass", "lantern", "harbour", "beehive")


class SmallDisk:
    """A file system in memory, which only root may mount."""

    def __init__(self, folder: Path, mebibytes: int, files: int = 0) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self._size = f"size={mebibytes}m,nr_inodes={files}"
        if os.geteuid() != 0 or not self._mount("-t", "tmpfs", "-o", self._size, "tmpfs"):
            pytest.skip("file systems of limited size can be mounted by root on Linux only")

    def _mount(self, *options: str) -> bool:
        done = subprocess.run(
            ["mount", *options, str(self.folder)], capture_output=True, check=False
        )
        return done.returncode == 0

    def allow_writing(self, *, allowed: bool) -> None:
        mode = "rw" if allowed else "ro"
        assert self._mount("-o", f"remount,{mode},{self._size}")

    def fill(self, but_bytes: int) -> None:
        """Take all room but so much."""
        free = shutil.disk_usage(self.folder).free
        with (self.folder / "ballast").open("ab") as file, suppress(OSError):
            os.posix_fallocate(
                file.fileno(), os.fstat(file.fileno()).st_size, max(1, free - but_bytes)
            )

    def clear(self) -> None:
        (self.folder / "ballast").unlink(missing_ok=True)

    def unmount(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    # Postgres goes through every folder above its own as another user.
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    disk = SmallDisk(tmp_path / "disk", 320)
    yield disk
    disk.unmount()


@pytest_asyncio.fixture
async def small(small_disk: SmallDisk) -> AsyncIterator[Place]:
    """Everything on a small disk."""
    settings = Settings(data_dir=small_disk.folder / "data", load_samples=False)
    async with place(settings) as opened:
        yield opened


def note(number: int, dice: random.Random) -> bytes:
    return f"Number {number}: {' '.join(dice.choices(WORDS, k=400))}".encode()


@pytest.mark.slow
async def test_a_full_disk_refuses_uploads_answers_searches_and_loses_nothing(
    small: Place, small_disk: SmallDisk
):
    dice = random.Random(SEED)
    accepted = refused = searches = number = 0
    assert (await small.upload("first.txt", b"The first bridge.")).status_code == 202
    await small.wait_until_finished()
    for _ in range(FILLS):
        # Some are on their way when the disk gets full, at any point of theirs.
        for _ in range(6):
            answer = await small.upload(f"{number}.txt", note(number, dice))
            assert answer.status_code == 202, answer.text
            number += 1
            accepted += 1
        await asyncio.sleep(dice.uniform(0, 0.3))
        small_disk.fill(but_bytes=dice.choice([0, 1, 8, 40]) * MEBIBYTE)
        for _ in range(3):
            answer = await small.upload("more.txt", note(-1, dice))
            assert is_refusal(answer, 507, "storage_full"), answer.text
            refused += 1
            found = await small.search("first bridge")
            assert found.status_code == 200, found.text
            searches += 1
        small_disk.clear()
        await small.seconds_until_search_works()
        await until_uploads_work(small)
        accepted += 1
    counts = await small.wait_until_finished()
    found = await look(Settings(data_dir=small_disk.folder / "data"))
    sys.stdout.write(
        f"\nseed {SEED}: disk filled {FILLS} times: {refused} uploads answered 507, {searches}"
        f" searches answered; {counts['complete']} of {accepted + 1} accepted documents complete,"
        f" {0 if found is None else len(found.lost_files)} rows without a file\n"
    )
    assert counts["failed"] == counts["pending"] == counts["indexing"] == 0
    assert found is not None
    assert not any(getattr(found, kind) for kind in found.__slots__)


async def until_uploads_work(small: Place) -> None:
    async with asyncio.timeout(120):
        while True:
            name = os.urandom(8).hex()
            if (await small.upload(f"{name}.txt", name.encode())).status_code == 202:
                return
            await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_files_that_cannot_be_written_are_not_accepted(database_url: str, tmp_path: Path):
    disk = SmallDisk(tmp_path / "data" / "blobs", 1)
    settings = Settings(data_dir=tmp_path / "data", database_url=database_url, load_samples=False)  # type: ignore[arg-type] - pydantic makes a secret of it
    try:
        async with place(settings) as far:
            large = [b"%d " % n + b"x" * 600_000 for n in range(2)]
            assert (await far.upload("fits.txt", large[0])).status_code == 202
            full = await far.upload("large.txt", large[1])
            disk.allow_writing(allowed=False)
            locked = await far.upload("small.txt", b"A small one.")
            searched = await far.search("small")
            disk.allow_writing(allowed=True)
            again = await far.upload("small.txt", b"A small one.")
            counts = await far.wait_until_finished()
    finally:
        disk.unmount()
    with psycopg.connect(database_url, options=owner_options()) as owner:
        rows = owner.execute("SELECT filename FROM documents ORDER BY created_at").fetchall()
    sys.stdout.write(
        f"\nfile store full: {full.status_code}, read-only: {locked.status_code}, writable again:"
        f" {again.status_code}; documents {counts}\n"
    )
    assert is_refusal(full, 507, "storage_full"), full.text
    assert is_refusal(locked, 503, "blob_store_unavailable"), locked.text
    assert (searched.status_code, again.status_code) == (200, 202)
    assert rows == [("fits.txt",), ("small.txt",)]


@pytest.mark.parametrize(
    ("total", "kept"),
    [(100, 64), (1_000, 64), (4_000, 200), (20_480, 1024), (4_000_000, 1024)],
)
def test_a_twentieth_of_a_disk_is_kept_free_within_bounds(total: int, kept: int):
    assert floor_bytes(total * MEBIBYTE) == kept * MEBIBYTE


async def test_an_upload_that_would_not_leave_the_floor_has_no_room(tmp_path: Path):
    room = DiskRoom((tmp_path,))
    free = shutil.disk_usage(tmp_path).free
    assert await room.is_enough()
    assert not await room.is_enough(free)
    assert not await DiskRoom(()).is_enough(1 << 60)


@pytest.mark.parametrize(("files", "is_enough"), [(900, False), (2000, True), (0, True)])
async def test_a_disk_that_can_hold_few_more_files_has_no_room(
    tmp_path: Path, files: int, is_enough: bool
):
    disk = SmallDisk(tmp_path / "disk", 200, files)
    try:
        assert await DiskRoom((disk.folder,)).is_enough() == is_enough
    finally:
        disk.unmount()


async def test_what_uploads_pass_through_must_hold_them_too(tmp_path: Path):
    disk = SmallDisk(tmp_path / "disk", 200)
    try:
        # Twice: as a file of its own, and as it is stored.
        assert await DiskRoom((), disk.folder).is_enough(90 * MEBIBYTE)
        assert not await DiskRoom((), disk.folder).is_enough(110 * MEBIBYTE)
        assert await DiskRoom(()).is_enough(110 * MEBIBYTE)
    finally:
        disk.unmount()
