"""ZIP archives whose bytes depend on their files alone."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Final

_FIRST_DAY: Final = (1980, 1, 1, 0, 0, 0)
_UNIX: Final = 3
_READABLE: Final = 0o644 << 16


def zip_of(files: Mapping[str, bytes]) -> bytes:
    """An archive of `files`, by path, in their order; all are of the first day that ZIP knows."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as written:
        for path, content in files.items():
            entry = zipfile.ZipInfo(path, _FIRST_DAY)
            entry.compress_type = zipfile.ZIP_DEFLATED
            # Otherwise these two would tell which system wrote the archive.
            entry.create_system = _UNIX
            entry.external_attr = _READABLE
            written.writestr(entry, content)
    return archive.getvalue()
