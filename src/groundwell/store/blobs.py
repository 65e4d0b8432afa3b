"""Keeping the database and the blob store in step."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

from psycopg import AsyncConnection

from groundwell.ports.blob_store import BlobStore
from groundwell.store.database import Database, Row

# Held by a backup alone, and shared by all who delete blobs.
BACKUP_LOCK = 7_236_481_907_513_007


async def lock_blob(connection: AsyncConnection[Row], key: str) -> None:
    """Hold a blob until the transaction ends: whoever brings it, uses it or clears it away."""
    number = int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big", signed=True)
    await connection.execute("SELECT pg_advisory_xact_lock(%s)", (number,))


async def clear_blobs(database: Database, blobs: BlobStore, keys: Iterable[str]) -> None:
    """Delete those of the blobs that no document of any tenant uses any more.

    While a backup runs they stay: its snapshot may know them still. It clears them at its end.
    """
    for key in keys:
        async with database.anonymous_transaction() as connection:
            await lock_blob(connection, key)
            cursor = await connection.execute(
                "SELECT pg_try_advisory_xact_lock_shared(%s) AND NOT is_blob_used(%s)",
                (BACKUP_LOCK, key),
            )
            row = await cursor.fetchone()
            if row is not None and row[0]:
                await blobs.delete(key)
