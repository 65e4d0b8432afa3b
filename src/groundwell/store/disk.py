"""Room on the disks that hold the database and the files."""

from __future__ import annotations

import asyncio
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir

_MEBIBYTE = 1 << 20
# A twentieth of the disk is kept free, within these bounds. The least is four segments of
# Postgres' log, without which it stops; on a large disk a twentieth would be a waste.
_SHARE = 20
_LEAST_BYTES = 64 * _MEBIBYTE
_MOST_BYTES = 1024 * _MEBIBYTE
# Postgres makes files as its tables grow, and each upload is one. Some file systems count none.
_LEAST_FILES = 1000
# An upload is written twice before it is kept: as it comes in, and as a file of its own.
_SPOOLED = 2


def floor_bytes(total_bytes: int) -> int:
    """How much of a disk of that size is kept free."""
    return min(max(total_bytes // _SHARE, _LEAST_BYTES), _MOST_BYTES)


@dataclass(frozen=True, slots=True)
class DiskRoom:
    """The folders of this machine that ingestion fills: none where all is kept elsewhere.

    Uploads pass through the system's temporary folder, and then through `passage`.
    """

    folders: tuple[Path, ...]
    passage: Path | None = None

    async def is_enough(self, more_bytes: int = 0) -> bool:
        """Whether each disk keeps its floor with so many bytes more.

        What they pass through only has to hold them while they come in.
        """
        return await asyncio.to_thread(self._is_enough, more_bytes)

    def _is_enough(self, more_bytes: int) -> bool:
        for folder in self.folders:
            disk = shutil.disk_usage(folder)
            if disk.free - more_bytes < floor_bytes(disk.total) or not _may_make_files(folder):
                return False
        passed = (gettempdir(), self.passage or gettempdir())
        return all(shutil.disk_usage(each).free >= more_bytes * _SPOOLED for each in passed)


def _may_make_files(folder: Path) -> bool:
    files = os.statvfs(folder)
    return files.f_files == 0 or files.f_favail >= _LEAST_FILES
