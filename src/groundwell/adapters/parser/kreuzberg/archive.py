"""Counting what a ZIP holds before anybody unpacks it."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

from groundwell.domain.errors import DocumentError

_MAX_MEMBERS = 2_000
_MAX_BYTES = 200_000_000
_MAX_RATIO = 100
_RATIO_COUNTS_FROM_BYTES = 20_000_000
_PIECE_BYTES = 1 << 16
_UNBELIEVED_SIZE = 1 << 40


def refuse_bomb(path: Path) -> None:
    """Inflate every member of the ZIP at `path` and count, trusting no size it declares.

    Errors: DocumentError `document_bomb` over 2,000 members, 200 MB, or 20 MB at more than 100
    times the file's size; `corrupt` when the archive is broken.
    """
    budget = min(_MAX_BYTES, max(_RATIO_COUNTS_FROM_BYTES, _MAX_RATIO * path.stat().st_size))
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > _MAX_MEMBERS:
                raise _bomb(f"it holds {len(members):,} parts")
            for member in members:
                budget -= _count_bytes(archive, member, budget)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        raise DocumentError(
            "The file is damaged and cannot be unpacked. Save it again and upload it anew."
        ) from error
    except RuntimeError as error:  # what zipfile raises for encrypted members
        raise DocumentError(
            "The file is protected with a password. Remove the password and upload it again.",
            code="encrypted",
        ) from error


def _count_bytes(archive: zipfile.ZipFile, member: zipfile.ZipInfo, budget: int) -> int:
    # With the declared size in place zipfile would stop there, while others read on.
    declared, member.file_size = member.file_size, _UNBELIEVED_SIZE
    if declared > budget:
        raise _bomb("it unpacks to far too much data")
    count = 0
    with archive.open(member) as stream:
        while piece := stream.read(_PIECE_BYTES):
            count += len(piece)
            if count > budget:
                raise _bomb("it unpacks to far too much data")
    if count != declared:
        raise zipfile.BadZipFile("a member lies about its size")
    return count


def _bomb(reason: str) -> DocumentError:
    return DocumentError(
        f"The file was refused: {reason}. If it is a real document, split it.",
        code="document_bomb",
    )
