from __future__ import annotations

import io
import tracemalloc
from collections.abc import AsyncIterator
from zipfile import BadZipFile, ZipFile

import pytest

from groundwell.web.zip_stream import Member, zip_pieces


async def pieces_of(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def members_of(*members: Member) -> AsyncIterator[Member]:
    for member in members:
        yield member


async def test_an_archive_holds_its_members_as_they_were():
    members = members_of(
        Member("a.txt", pieces_of(b"one ", b"two")),
        Member("originals/é/b.bin", pieces_of(bytes(range(256)))),
        Member("empty", pieces_of()),
    )
    written = b"".join([piece async for piece in zip_pieces(members)])
    with ZipFile(io.BytesIO(written)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == {
            "a.txt": b"one two",
            "originals/é/b.bin": bytes(range(256)),
            "empty": b"",
        }


async def test_an_archive_that_broke_off_cannot_be_taken_for_a_whole_one():
    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise ZeroDivisionError

    written = bytearray()
    members = members_of(Member("a", pieces_of(b"whole")), Member("b", broken()))

    async def write() -> None:
        async for piece in zip_pieces(members):
            written.extend(piece)

    with pytest.raises(ZeroDivisionError):
        await write()
    with pytest.raises(BadZipFile):
        ZipFile(io.BytesIO(bytes(written)))


async def test_a_large_member_takes_no_more_memory_than_some_pieces():
    piece = bytes(1 << 20)

    async def large() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield piece

    tracemalloc.start()
    total = 0
    async for written in zip_pieces(members_of(Member("large", large()))):
        total += len(written)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0 < total < 1 << 20
    assert peak < 8 << 20
