"""Where the settings have the database, the uploaded files and the secret lie."""

from __future__ import annotations

import asyncio
import os
import secrets
from contextlib import AbstractContextManager, AsyncExitStack, suppress
from pathlib import Path

from groundwell.adapters.blob_store.obstore import ObstoreBlobStore
from groundwell.domain.circuit_breaker import Circuits
from groundwell.ports.blob_store import BlobStore
from groundwell.settings import Settings
from groundwell.store.disk import DiskRoom
from groundwell.store.embedded import EmbeddedPostgres
from groundwell.store.scratch import clear_scratch, find_abandoned, open_scratch

RESTORING = ".restoring"
"""Where a restore keeps what is not whole yet. Its Postgres may have a user of its own."""

_SCRATCH = "scratch"


async def open_database_url(settings: Settings, stack: AsyncExitStack) -> str:
    """The address of the database; the embedded one is started and stopped with `stack`."""
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    embedded = await asyncio.to_thread(EmbeddedPostgres.open, settings.data_dir / "postgres")
    stack.callback(embedded.close)
    watching = asyncio.ensure_future(embedded.keep_running())
    stack.push_async_callback(cancel, watching)
    return embedded.url


async def cancel(task: asyncio.Future[None]) -> None:
    """End what runs in the background, and wait for its end."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def make_blobs(settings: Settings, circuits: Circuits | None = None) -> BlobStore:
    """Where uploaded files are kept."""
    if settings.blob_url is not None:
        remote = ObstoreBlobStore.at_url(settings.blob_url)
        if circuits is not None and remote.circuit is not None:
            circuits.watch(remote.circuit)
        return remote
    return ObstoreBlobStore.in_folder(settings.data_dir / "blobs")


def make_disk_room(settings: Settings) -> DiskRoom:
    """The room on the disk of this machine, for what is kept there."""
    if settings.database_url is not None and settings.blob_url is not None:
        return DiskRoom((), settings.data_dir)
    return DiskRoom((settings.data_dir,), settings.data_dir)


def open_scratch_folder(settings: Settings) -> AbstractContextManager[Path]:
    """This process's folder for files that pass through; what killed ones left goes."""
    clear_abandoned(settings)
    return open_scratch(settings.data_dir / _SCRATCH)


def clear_abandoned(settings: Settings) -> int:
    """Remove what processes left in the data folder that were killed, and say how many."""
    return sum(clear_scratch(settings.data_dir / name) for name in (_SCRATCH, RESTORING))


def count_abandoned(settings: Settings) -> int:
    """How many processes that were killed have left files. Changes nothing."""
    return sum(find_abandoned(settings.data_dir / name) for name in (_SCRATCH, RESTORING))


def read_pepper(settings: Settings) -> bytes:
    """The secret under which API keys are stored: set, or made once and kept."""
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value().encode()
    return read_or_make_secret(settings.data_dir / "secret.key").encode()


def read_or_make_secret(path: Path) -> str:
    """The secret in `path`; made with 256 random bits and mode 0600 if it is not there."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        secret = secrets.token_hex(32)
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    return secret
