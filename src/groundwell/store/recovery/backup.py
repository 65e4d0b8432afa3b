"""Making a backup while everything runs."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import psycopg

from groundwell.domain.errors import BackupError, NotFoundError
from groundwell.ports.blob_store import BlobStore
from groundwell.store.blobs import BACKUP_LOCK, clear_blobs
from groundwell.store.database import Database, owner_options, unavailable_when_lost
from groundwell.store.recovery.archive import ArchiveWriter, Manifest, Member, write_archive
from groundwell.store.recovery.snapshot import dump_database

_BLOBS_PER_REPORT = 500

Report = Callable[[str], None]


async def write_backup(
    url: str, blobs: BlobStore, target: Path, keys: Sequence[Path], version: str, report: Report
) -> Manifest:
    """Write everything to the archive `target` and return its manifest.

    The database first, in one snapshot, then the blobs that it names. Blobs stay while this runs,
    even those whose document is deleted meanwhile; they are cleared away at the end. `keys` are
    files to be put in as well. Raises BackupError, and then there is no archive.
    """
    manifest = Manifest(version, datetime.now(UTC).isoformat(timespec="seconds"))
    async with _alone(url, blobs) as named:
        with write_archive(target, manifest) as archive:
            named.extend(await asyncio.to_thread(_dump, url, archive))
            report(f"{manifest.documents} documents and all that belongs to them are copied.")
            await _add_blobs(blobs, named, archive, target.parent, report)
            for key in keys:
                archive.add_bytes(f"keys/{key.name}", key.read_bytes())
                manifest.keys.append(key.name)
    return manifest


@asynccontextmanager
async def _alone(url: str, blobs: BlobStore) -> AsyncIterator[list[str]]:
    """Hold all blobs. Whatever keys the block collects are looked through afterwards."""
    named: list[str] = []
    with unavailable_when_lost():
        connection = await psycopg.AsyncConnection.connect(
            url, options=owner_options(), autocommit=True
        )
    async with connection:
        # Who deletes files holds the lock for moments, another backup for long.
        await connection.execute("SET lock_timeout = '3s'")
        try:
            await connection.execute("SELECT pg_advisory_lock(%s)", (BACKUP_LOCK,))
        except psycopg.errors.LockNotAvailable as error:
            raise BackupError(
                "Another backup of this database is running. Try again when it is done.",
                code="backup_running",
            ) from error
        yield named
    if named:
        await _clear_unused(url, blobs, named)


async def _clear_unused(url: str, blobs: BlobStore, keys: Sequence[str]) -> None:
    database = Database(url, min_size=1, max_size=1)
    await database.open()
    try:
        async with database.anonymous_transaction() as connection:
            cursor = await connection.execute(
                "SELECT key FROM unnest(%s::text[]) AS key WHERE NOT is_blob_used(key)",
                (list(keys),),
            )
            unused = [key for (key,) in await cursor.fetchall()]
        await clear_blobs(database, blobs, unused)
    finally:
        await database.close()


def _dump(url: str, archive: ArchiveWriter) -> list[str]:
    try:
        with psycopg.connect(url, options=owner_options(), autocommit=True) as connection:
            return dump_database(connection, archive)
    except psycopg.Error as error:
        reason = " ".join(str(error).split())
        raise BackupError(f"The database could not be copied: {reason}.") from error


async def _add_blobs(
    blobs: BlobStore, keys: Sequence[str], archive: ArchiveWriter, folder: Path, report: Report
) -> None:
    # A file without a name: however this ends, nothing is left of it.
    with TemporaryFile(dir=folder) as copy:
        for number, key in enumerate(keys, start=1):
            member = await _fetch(blobs, key, copy)
            if member is not None and member.sha256 == key.rpartition("/")[2]:
                await asyncio.to_thread(archive.add_file, f"blobs/{key}", copy, member)
                archive.manifest.blobs.append(key)
            else:
                archive.manifest.lost_blobs.append(key)
            if number % _BLOBS_PER_REPORT == 0:
                report(f"{number} of {len(keys)} files are copied.")


async def _fetch(blobs: BlobStore, key: str, copy: IO[bytes]) -> Member | None:
    """Copy a blob into an open file, and go to its beginning; None where the blob is missing."""
    digest, size = hashlib.sha256(), 0
    copy.seek(0)
    copy.truncate()

    def take(piece: bytes) -> None:
        digest.update(piece)
        copy.write(piece)

    try:
        async for piece in blobs.stream(key):
            await asyncio.to_thread(take, piece)
            size += len(piece)
    except NotFoundError:
        return None
    copy.seek(0)
    return Member(size, digest.hexdigest())
