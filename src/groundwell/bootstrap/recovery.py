"""Backup and restore of a whole installation."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from groundwell import __version__
from groundwell.bootstrap.storage import RESTORING, make_blobs, open_database_url
from groundwell.domain.audit import AuditAction, AuditEvent
from groundwell.domain.errors import BackupError
from groundwell.ports.blob_store import BlobStore
from groundwell.settings import Settings
from groundwell.store.audit import record
from groundwell.store.database import Database
from groundwell.store.identity import find_first_tenant
from groundwell.store.recovery.archive import ArchiveReader, Manifest, read_archive
from groundwell.store.recovery.backup import Report, write_backup
from groundwell.store.recovery.restore import check_database, check_version, load_database
from groundwell.store.scratch import open_scratch

_KEYS = ("secret.key", "owner.key")
_OWN = ("postgres", "blobs", *_KEYS)
# A backup can be made before an older database is brought up to date.
_KNOWS_AUDIT = "0010_audit.sql"


async def make_backup(
    settings: Settings, target: Path, *, with_keys: bool, report: Report
) -> tuple[Path, Manifest]:
    """Write a backup to the file `target`, or to a new file in the folder `target`.

    A running server goes on. Raises BackupError, and then there is no archive.
    """
    file = _archive_file(target)
    if settings.database_url is None and not (settings.data_dir / "postgres").is_dir():
        raise BackupError(f"There is nothing to back up: {settings.data_dir} has no database.")
    keys = [path for path in (settings.data_dir / name for name in _KEYS) if path.is_file()]
    async with AsyncExitStack() as stack:
        url = await open_database_url(settings, stack)
        manifest = await write_backup(
            url, make_blobs(settings), file, keys if with_keys else [], __version__, report
        )
        if _KNOWS_AUDIT in manifest.migrations:
            await _record(url, AuditAction.BACKUP_MADE, file.name)
    return file, manifest


async def restore_backup(settings: Settings, file: Path, report: Report) -> Manifest:
    """Fill an empty data folder, and with DATABASE_URL an empty database, from a backup.

    The archive is checked from end to end before anything is made. Raises BackupError, and then
    folder and database are as they were.
    """
    _check_folder(settings)
    with read_archive(file) as archive:
        check_version(archive.manifest)
        report("The archive is whole.")
        with _staging(settings.data_dir) as folder:
            staged = settings.model_copy(update={"data_dir": folder})
            async with AsyncExitStack() as stack:
                url = await open_database_url(staged, stack)
                await asyncio.to_thread(check_database, url)
                await _put_blobs(archive, make_blobs(staged), folder / "blob")
                report(f"{len(archive.manifest.blobs)} files are restored.")
                await asyncio.to_thread(load_database, url, archive)
                await _record(url, AuditAction.BACKUP_RESTORED, file.name)
            for name in archive.manifest.keys:
                _write_key(folder / name, b"".join(archive.read(f"keys/{name}")))
            _publish(folder, settings.data_dir)
        return archive.manifest


async def _record(url: str, action: AuditAction, name: str) -> None:
    """Tell the audit log of the tenant that the installation began with, if it has begun."""
    database = Database(url, min_size=1, max_size=1)
    await database.open()
    try:
        async with database.anonymous_transaction() as connection:
            first = await find_first_tenant(connection)
        if first is not None:
            async with database.transaction(first) as connection:
                await record(connection, first, AuditEvent(action, None, name))
    finally:
        await database.close()


def _archive_file(target: Path) -> Path:
    if not target.is_dir():
        if not target.parent.is_dir():
            raise BackupError(f"There is no folder {target.parent}.")
        return target
    return target / f"groundwell-{datetime.now(UTC):%Y%m%d-%H%M%S}.tar"


def _check_folder(settings: Settings) -> None:
    taken = [name for name in _OWN if (settings.data_dir / name).exists()]
    if taken:
        raise BackupError(
            f"{settings.data_dir} is in use: it has {' and '.join(taken)}. Restore into another "
            "folder with --data-dir, or move these away first.",
            code="target_not_empty",
        )


@contextmanager
def _staging(data_dir: Path) -> Iterator[Path]:
    """A folder beside the final places, which goes away with whatever is left in it."""
    is_new = not data_dir.exists()
    try:
        with open_scratch(data_dir / RESTORING) as folder:
            yield folder
    finally:
        if is_new:
            # Only an empty folder can be removed.
            with suppress(OSError):
                data_dir.rmdir()


async def _put_blobs(archive: ArchiveReader, blobs: BlobStore, scratch: Path) -> None:
    for key in archive.manifest.blobs:
        await asyncio.to_thread(_write_pieces, scratch, archive, f"blobs/{key}")
        await blobs.put(key, scratch)


def _write_pieces(path: Path, archive: ArchiveReader, member: str) -> None:
    with path.open("wb") as file:
        file.writelines(archive.read(member))


def _write_key(path: Path, content: bytes) -> None:
    if path.name not in _KEYS:
        raise BackupError(f"The backup has a key of the unknown name '{path.name}'.")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _publish(folder: Path, data_dir: Path) -> None:
    for name in _OWN:
        if (folder / name).exists():
            (folder / name).rename(data_dir / name)
