"""The folder that a parsing child may write, and how much of the disk it may take with it.

The system bounds the size of one file of a process, and how many it holds open, but not what they
take together. So the parent looks.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from groundwell.domain.errors import DocumentError
from groundwell.store.scratch import make_scratch_folder, remove

_LOOK_SECONDS = 0.2
_BYTES_PER_BLOCK = 512
_MOST_ENTRIES = 5_000


@asynccontextmanager
async def folder_of_child(scratch: Path | None) -> AsyncIterator[str]:
    """A new folder for one child, gone at the end whatever was made of it."""
    folder = await asyncio.to_thread(make_scratch_folder, scratch)
    try:
        yield str(folder)
    finally:
        await asyncio.to_thread(remove, folder)


@asynccontextmanager
async def bounded(
    process: asyncio.subprocess.Process, folder: str, most: int
) -> AsyncIterator[None]:
    """Kill the child's group when its files take more than `most` bytes of the disk.

    Raises DocumentError `document_bomb` then, in place of what the block says of that death.
    """
    watching = asyncio.ensure_future(_watch(process.pid, folder, most))
    try:
        yield
    except DocumentError as error:
        if watching.done():
            raise DocumentError(
                "Reading the file takes more room on the disk than a document may use. Split it.",
                code="document_bomb",
            ) from error
        raise
    finally:
        watching.cancel()


async def _watch(pid: int, folder: str, most: int) -> None:
    """Return after the child was killed for what it wrote, never before."""
    is_overfull = False
    while not is_overfull:
        await asyncio.sleep(_LOOK_SECONDS)
        is_overfull = await asyncio.to_thread(_is_overfull, pid, folder, most)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _is_overfull(pid: int, folder: str, most: int) -> bool:
    used = 0
    for entries, taken in enumerate(_sizes(pid, folder)):
        used += taken
        if used > most or entries > _MOST_ENTRIES:
            return True
    return False


def _sizes(pid: int, folder: str) -> Iterator[int]:
    """What each file and folder takes; more than any limit where that is hidden from us."""
    waiting = [folder]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    with suppress(FileNotFoundError):
                        yield entry.stat(follow_symlinks=False).st_blocks * _BYTES_PER_BLOCK
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(entry.path)
        except FileNotFoundError:
            continue
        except OSError:
            # Locked, or too deep to be named: no parser makes such folders.
            yield 1 << 62
    yield from _sizes_of_nameless(pid)


def _sizes_of_nameless(pid: int) -> Iterator[int]:
    """What the files take that were removed and are held open still. Linux only tells them."""
    with suppress(OSError), os.scandir(f"/proc/{pid}/fd") as held:
        for entry in held:
            with suppress(OSError):
                found = entry.stat()
                if found.st_nlink == 0:
                    yield found.st_blocks * _BYTES_PER_BLOCK
