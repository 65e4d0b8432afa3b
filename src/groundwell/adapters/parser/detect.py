"""Telling the type of an uploaded file, cheaply and without parsing it."""

from __future__ import annotations

import asyncio
import io
import zipfile
from pathlib import Path

from groundwell.domain.errors import DocumentError
from groundwell.domain.media_types import HEAD_BYTES, MediaType, detect_media_type

_END_RECORD = b"PK\x05\x06"
_END_RECORD_BYTES = 22
_MAX_READ_BYTES = 1 << 20


async def detect_file(path: Path, filename: str) -> MediaType:
    """Tell what the file at `path` is; `filename` is the name its owner gave it.

    Reads the first 4 KiB and, of a ZIP, its directory of at most 1 MiB; inflates nothing.

    Errors: DocumentError `empty_file`, `encrypted`, `corrupt` or `document_bomb`;
    UnsupportedTypeError `unsupported_type` or `type_mismatch`.
    """
    return await asyncio.to_thread(_detect, path, filename)


class _CappedFile(io.FileIO):
    """A file that refuses the one huge read with which zipfile loads a huge directory."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _MAX_READ_BYTES:
            raise DocumentError(
                "The file is an archive with far too many entries for a document.",
                code="document_bomb",
            )
        return super().read(size) or b""


def _detect(path: Path, filename: str) -> MediaType:
    with _CappedFile(path) as file:
        head = file.read(HEAD_BYTES)
        size_bytes = file.seek(0, io.SEEK_END)
        file.seek(-min(size_bytes, _END_RECORD_BYTES), io.SEEK_END)
        ends_as_zip = file.read(len(_END_RECORD)) == _END_RECORD
        is_zip = head.startswith(b"PK\x03\x04")
        names = _list_members(file) if ends_as_zip or is_zip else None
    return detect_media_type(filename, head, size_bytes, names)


def _list_members(file: _CappedFile) -> frozenset[str]:
    try:
        with zipfile.ZipFile(file) as archive:
            return frozenset(archive.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise DocumentError(
            "The file is damaged: its directory cannot be read. Save it again and upload it anew."
        ) from error
