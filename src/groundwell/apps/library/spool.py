"""Keeping bytes that come in in a file of our own, until it is clear what they are."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from groundwell.domain.errors import InvalidInputError, StorageFullError


def spool_file(source: BinaryIO, target: Path) -> tuple[bytes, int]:
    """Copy a file; return SHA-256 and size in bytes. Raises StorageFullError."""
    source.seek(0)
    with _room(), target.open("wb") as file:
        shutil.copyfileobj(source, file, 1 << 20)
    with target.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
    return digest, target.stat().st_size


async def spool_pieces(pieces: AsyncIterator[bytes], target: Path, size: int) -> bytes:
    """Write exactly `size` bytes and return their SHA-256.

    Raises InvalidInputError `size_mismatch` as soon as there are more, or at the end when there
    were fewer; StorageFullError.
    """
    digest, written = hashlib.sha256(), 0
    with _room(), target.open("wb") as file:

        def take(piece: bytes) -> None:
            digest.update(piece)
            file.write(piece)

        async for piece in pieces:
            written += len(piece)
            if written > size:
                break
            await asyncio.to_thread(take, piece)
    check_size(written, size)
    return digest.digest()


def check_size(found: int, announced: int) -> None:
    """Raise InvalidInputError for a file that is longer or shorter than was announced."""
    if found != announced:
        word = "more" if found > announced else "less"
        raise InvalidInputError(
            f"The file was announced with {announced} bytes; this is {word}.", code="size_mismatch"
        )


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise StorageFullError("The server's temporary folder has no room left.") from error
