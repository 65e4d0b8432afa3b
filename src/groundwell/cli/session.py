"""The session: which server the user has logged in to, and with which key.

One file in the user's configuration folder, that nobody else can read. The key of a session goes to
the address beside it and to no other.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import platformdirs

from groundwell.domain.errors import StartupError

_MOST_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Session:
    """A server's address as `read_address` writes it, and the key for it."""

    url: str
    key: str = field(repr=False)


def session_file() -> Path:
    """Where the session is kept."""
    return platformdirs.user_config_path("groundwell", appauthor=False) / "session.json"


def read_session() -> Session | None:
    """The session, if there is one.

    Raises StartupError when the file is a link, is another user's, can be read by others, or holds
    something else.
    """
    path = session_file()
    try:
        # Neither following a link nor waiting for the writer of a pipe.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _refused(path, "cannot be opened, or is a link") from error
    with os.fdopen(descriptor, "rb") as file:
        _check(path, os.fstat(descriptor))
        try:
            held = json.loads(file.read(_MOST_BYTES))
            return Session(str(held["url"]), str(held["key"]))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise _refused(path, "does not hold a session") from error


def write_session(session: Session) -> Path:
    """Keep a session in place of the one before, whole or not at all. Returns where."""
    path = session_file()
    # A name that nobody can guess, and whatever stands at the place, a link too, is replaced.
    part = f".session-{secrets.token_hex(8)}"
    try:
        with _private_folder(path.parent) as folder:
            try:
                _write(part, json.dumps(asdict(session)), folder)
                os.rename(part, path.name, src_dir_fd=folder, dst_dir_fd=folder)
                os.fsync(folder)
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(part, dir_fd=folder)
    except OSError as error:
        raise StartupError(
            f"The session cannot be kept in {path}: {error.strerror}.", code="bad_session"
        ) from error
    return path


def remove_session() -> bool:
    """Forget the session, whatever is in the file. Returns whether there was one."""
    path = session_file()
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StartupError(
            f"{path} cannot be removed: {error.strerror}.", code="bad_session"
        ) from error
    return True


@contextmanager
def _private_folder(path: Path) -> Iterator[int]:
    """A descriptor of a folder of the user's own, which others cannot enter."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if os.fstat(descriptor).st_uid != os.geteuid():
            raise _refused(path, "belongs to another user")
        os.fchmod(descriptor, 0o700)
        yield descriptor
    finally:
        os.close(descriptor)


def _write(name: str, text: str, folder: int) -> None:
    descriptor = os.open(
        name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder
    )
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        # Whatever the umask is.
        os.fchmod(descriptor, 0o600)
        file.write(text + "\n")
        file.flush()
        os.fsync(descriptor)


def _check(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise _refused(path, "is not a file")
    if status.st_uid != os.geteuid():
        raise _refused(path, "belongs to another user")
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise _refused(path, "can be read or written by others")


def _refused(path: Path, reason: str) -> StartupError:
    return StartupError(
        f"{path} {reason}, so that it is not used. If others could read it, revoke its key. Remove "
        "it with `groundwell logout`, then log in again with `groundwell login --url ADDRESS`.",
        code="bad_session",
    )
