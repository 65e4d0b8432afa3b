"""What every blob store promises, shown on those that work without a network."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from obstore.store import MemoryStore, S3Store
from tests.waiting import patience

from groundwell.adapters.blob_store.obstore import ObstoreBlobStore
from groundwell.domain.errors import DamagedFileError, NotFoundError, UnavailableError
from groundwell.ports.blob_store import BlobStore


@pytest.fixture(params=["folder", "memory"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    if request.param == "folder":
        return ObstoreBlobStore.in_folder(tmp_path / "blobs")
    return ObstoreBlobStore(MemoryStore())


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(CONTENT)
    return path


CONTENT = bytes(range(256)) * 10_000


async def read(blobs: BlobStore, key: str) -> bytes:
    return b"".join([piece async for piece in blobs.stream(key)])


async def test_what_was_put_is_fetched_and_streamed_byte_for_byte(
    blobs: BlobStore, source: Path, tmp_path: Path
):
    await blobs.put("ab/cdef", source)
    await blobs.fetch("ab/cdef", tmp_path / "target")
    assert await asyncio.to_thread((tmp_path / "target").read_bytes) == CONTENT
    assert await read(blobs, "ab/cdef") == CONTENT


async def test_a_stream_comes_in_pieces(blobs: BlobStore, source: Path):
    await blobs.put("ab/cdef", source)
    pieces = [piece async for piece in blobs.stream("ab/cdef")]
    assert b"".join(pieces) == CONTENT
    assert all(pieces)


async def test_an_empty_blob_is_kept_like_any_other(blobs: BlobStore, tmp_path: Path):
    empty = tmp_path / "empty"
    await asyncio.to_thread(empty.touch)
    await blobs.put("empty", empty)
    assert await read(blobs, "empty") == b""


async def test_putting_the_same_key_again_is_harmless(blobs: BlobStore, source: Path):
    await asyncio.gather(*(blobs.put("ab/cdef", source) for _ in range(8)))
    assert await read(blobs, "ab/cdef") == CONTENT


async def test_putting_leaves_the_source_alone(blobs: BlobStore, source: Path):
    await blobs.put("ab/cdef", source)
    assert await asyncio.to_thread(source.read_bytes) == CONTENT


async def test_a_missing_key_is_not_found(blobs: BlobStore, tmp_path: Path):
    with pytest.raises(NotFoundError) as caught:
        await blobs.fetch("no/thing", tmp_path / "target")
    assert caught.value.code == "blob_not_found"
    with pytest.raises(NotFoundError):
        await read(blobs, "no/thing")


async def test_a_deleted_blob_is_gone_and_deleting_it_again_is_no_error(
    blobs: BlobStore, source: Path
):
    await blobs.put("ab/cdef", source)
    await blobs.delete("ab/cdef")
    await blobs.delete("ab/cdef")
    with pytest.raises(NotFoundError):
        await read(blobs, "ab/cdef")


async def test_the_size_of_a_blob_is_told_without_reading_it(blobs: BlobStore, source: Path):
    await blobs.put("ab/cdef", source)
    assert await blobs.size_of("ab/cdef") == len(CONTENT)
    with pytest.raises(NotFoundError):
        await blobs.size_of("no/thing")


async def test_a_store_without_an_address_of_its_own_signs_nothing(blobs: BlobStore):
    assert await blobs.sign_put("uploads/one", timedelta(hours=1)) is None


async def test_a_store_with_credentials_signs_an_address_for_a_time():
    bucket = S3Store("bucket", prefix="own", region="x", access_key_id="a", secret_access_key="b")
    signed = await ObstoreBlobStore(bucket).sign_put("uploads/one", timedelta(hours=1))
    assert signed is not None
    assert "/own/uploads/one?" in signed
    assert "X-Amz-Expires=3600" in signed


async def test_a_store_that_works_says_so(blobs: BlobStore):
    assert await blobs.is_available()


async def test_a_store_out_of_reach_is_unavailable(source: Path):
    # Nothing listens on the discard port of this machine.
    blobs = ObstoreBlobStore.at_url("http://127.0.0.1:9/bucket")
    with pytest.raises(UnavailableError):
        async with patience():
            await blobs.put("ab/cdef", source)


async def test_a_folder_that_cannot_be_written_is_unavailable(source: Path, tmp_path: Path):
    blobs = ObstoreBlobStore.in_folder(tmp_path / "blobs")
    await asyncio.to_thread((tmp_path / "blobs" / "ab").touch)  # where a folder has to be
    with pytest.raises(UnavailableError):
        await blobs.put("ab/cdef", source)


async def test_every_blob_is_listed_with_its_time(blobs: BlobStore, source: Path):
    assert [entry async for entry in blobs.entries()] == []
    begun = datetime.now(UTC) - timedelta(minutes=1)
    for key in ("ab/one", "cd/two"):
        await blobs.put(key, source)
    entries = {key: entry async for key, entry in blobs.entries()}
    assert entries.keys() == {"ab/one", "cd/two"}
    assert min(entry.changed_at for entry in entries.values()) > begun
    assert {entry.size for entry in entries.values()} == {len(CONTENT)}


async def test_what_a_killed_process_left_of_a_blob_is_listed_and_can_be_deleted(
    source: Path, tmp_path: Path
):
    folder = tmp_path / "blobs"
    blobs = ObstoreBlobStore.in_folder(folder)
    await blobs.put("ab/one", source)
    # The name that the library writes under.
    (folder / "ab" / "two#1").write_bytes(b"half of it")
    listed = {key: entry async for key, entry in blobs.entries()}
    assert listed.keys() == {"ab/one", "ab/two#1"}
    assert listed["ab/two#1"].size == len(b"half of it")
    ages = (listed[key].changed_at for key in ("ab/two#1", "ab/one"))
    assert abs(next(ages) - next(ages)) < timedelta(minutes=1)
    for _ in range(2):
        await blobs.delete("ab/two#1")
    assert [key async for key, _ in blobs.entries()] == ["ab/one"]


async def test_a_blob_of_another_length_than_it_must_have_is_refused_before_its_first_byte(
    blobs: BlobStore, source: Path, tmp_path: Path
):
    await blobs.put("ab/cdef", source)
    size = len(CONTENT)
    assert len(b"".join([piece async for piece in blobs.stream("ab/cdef", size)])) == size
    for wrong in (0, size - 1, size + 1):
        with pytest.raises(DamagedFileError) as caught:
            await anext(blobs.stream("ab/cdef", wrong))
        assert caught.value.code == "blob_damaged"
        with pytest.raises(DamagedFileError):
            await blobs.fetch("ab/cdef", tmp_path / "target", wrong)
