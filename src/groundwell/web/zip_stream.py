"""ZIP archives (PKWARE APPNOTE 6.3) that are made while they are sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from fastapi.responses import StreamingResponse

# What is sent at once: many small files go together.
_PIECE_BYTES = 65_536
# Compressing fewer bytes takes less time than another thread does.
_WORTH_A_THREAD = 16_384


@dataclass(frozen=True, slots=True)
class Member:
    """A file of the archive: its path, and its bytes in pieces."""

    name: str
    pieces: AsyncIterator[bytes]


class _Sink:
    """What `zipfile` writes to: it can tell no position, so the archive is written forwards."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def write(self, data: bytes, /) -> int:
        self._bytes += data
        return len(data)

    def flush(self) -> None:
        """Nothing to do: what is written is taken by hand."""

    def close(self) -> None:
        """Nothing to do, either."""

    def __len__(self) -> int:
        return len(self._bytes)

    def take(self) -> bytes:
        taken = bytes(self._bytes)
        self._bytes.clear()
        return taken


async def zip_pieces(members: AsyncIterator[Member]) -> AsyncIterator[bytes]:
    """The archive in pieces of 64 KiB or more, but for the last.

    Held are one piece and, for each file, its line of the directory.

    An error of a member's pieces is passed on: the archive then lacks its directory, so nobody can
    take it for a whole one.
    """
    sink = _Sink()
    archive = ZipFile(sink, "w", ZIP_DEFLATED)
    async for member in members:
        entry = ZipInfo(member.name, time.gmtime()[:6])
        entry.compress_type = ZIP_DEFLATED
        with archive.open(entry, "w", force_zip64=True) as target:
            async for piece in member.pieces:
                if len(piece) < _WORTH_A_THREAD:
                    target.write(piece)
                else:
                    await asyncio.to_thread(target.write, piece)
                if len(sink) >= _PIECE_BYTES:
                    yield sink.take()
    archive.close()
    yield sink.take()


ZIP: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A ZIP archive.",
        "headers": {
            "Content-Disposition": {"required": True, "schema": {"type": "string"}},
            "Cache-Control": {"required": True, "schema": {"const": "no-store"}},
        },
        "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
    }
}
"""For the documentation of a route that returns a `zip_response`."""


def zip_response(filename: str, members: AsyncIterator[Member]) -> StreamingResponse:
    """The archive as a download."""
    return StreamingResponse(
        zip_pieces(members),
        media_type="application/zip",
        headers={
            "Content-Disposition": f'attachment; filename="{filename}"',
            "Cache-Control": "no-store",
        },
    )
