"""Files that pass through, and the end of those whose process died.

Each process has a folder of its own below one that all know, and holds a lock (flock) for as long
as it lives. A killed process loses its lock and nothing else, so whoever starts next can tell its
folder from those of the living, in whatever container they are.
"""

from __future__ import annotations

import errno
import fcntl
import itertools
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from tempfile import mkdtemp

from groundwell.domain.errors import StorageFullError, UnavailableError

_LOCK = ".lock"
_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def open_scratch(root: Path) -> Iterator[Path]:
    """A folder of this process's own below `root`, gone at the end. Blocks.

    What processes left that are dead goes first.
    """
    root = root.absolute()
    clear_scratch(root)
    lock, descriptor = _claim(root)
    try:
        folder = _folder_of(lock)
        folder.mkdir(mode=0o700)
        yield folder
    finally:
        _drop(lock)
        os.close(descriptor)
        # Only an empty folder can be removed.
        with suppress(OSError):
            root.rmdir()


@contextmanager
def scratch_folder(scratch: Path | None) -> Iterator[Path]:
    """A new folder in `scratch`, or where the system has such, gone at the end with all in it.

    Raises StorageFullError, and UnavailableError where no folder can be made.
    """
    folder = make_scratch_folder(scratch)
    try:
        yield folder
    finally:
        remove(folder)


def make_scratch_folder(scratch: Path | None) -> Path:
    """A new folder that only its user may enter. Raises as `scratch_folder` does."""
    try:
        return Path(mkdtemp(prefix="groundwell-", dir=scratch))
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFullError("The server's temporary folder has no room left.") from error
        raise UnavailableError(
            "The server's temporary folder cannot be written.",
            code="scratch_unavailable",
            retry_after_seconds=5,
        ) from error


def find_abandoned(root: Path) -> int:
    """How many dead processes have left files below `root`. Changes nothing."""
    return sum(1 for _ in abandoned(_locks(root)))


def clear_scratch(root: Path) -> int:
    """Remove what dead processes left, and say how many these were.

    What cannot be removed stays.
    """
    cleared = 0
    for lock in abandoned(_locks(root)):
        _drop(lock)
        cleared += not lock.exists()
    return cleared


def abandoned(locks: Iterable[Path]) -> Iterator[Path]:
    """Those of the files that nobody holds a lock on, each held while the caller looks at it."""
    for lock in locks:
        try:
            descriptor = os.open(lock, os.O_RDWR)
        except OSError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            # Held, or on a file system without locks, where nobody can tell who lives.
            continue
        else:
            yield lock
        finally:
            os.close(descriptor)


def hold(descriptor: int) -> None:
    """Lock an open file for as long as it is open, where the file system knows locks."""
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def _locks(root: Path) -> list[Path]:
    return sorted(root.glob(f"*{_LOCK}"))


def _claim(root: Path) -> tuple[Path, int]:
    """Make a lock and hold it."""
    while True:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = root / f"{os.getpid()}-{token_hex(4)}{_LOCK}"
        try:
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        except FileNotFoundError:
            # The last one who was here has taken the root along.
            continue
        hold(descriptor)
        if os.fstat(descriptor).st_nlink:
            return lock, descriptor
        # Somebody found the lock before it was held, and cleared it away.
        os.close(descriptor)


def _drop(lock: Path) -> None:
    """Remove the folder, and then the lock: nothing is left that nobody would look at."""
    folder = _folder_of(lock)
    remove(folder)
    if not folder.exists():
        with suppress(OSError):
            lock.unlink()


def _folder_of(lock: Path) -> Path:
    return lock.with_name(lock.name.removesuffix(_LOCK))


def remove(folder: Path) -> None:
    """Remove a folder, however deep it is and whatever is locked in it.

    Folders are lifted one level at a time, so that no path is ever long and nothing recurses.
    What cannot be removed stays.
    """
    # No number twice: what an earlier attempt has lifted may be there still.
    names = (f"lifted-{token_hex(4)}-{number}" for number in itertools.count())
    with suppress(OSError):
        while inner := _clear(folder):
            for each in inner:
                for deeper in _clear(each):
                    deeper.rename(folder / next(names))
                each.rmdir()
        folder.rmdir()


def _clear(folder: Path) -> list[Path]:
    """Remove the files of a folder and return its folders, all of them unlocked."""
    inner: list[Path] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                inner.append(Path(entry.path))
            else:
                Path(entry.path).unlink()
    for each in inner:
        each.chmod(0o700)
    return inner
