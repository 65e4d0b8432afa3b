"""Keeping the database and the blob store in step."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

from psycopg import AsyncConnection

from groundwell.ports.blob_store import BlobStore
from groundwell.store.database import Database, Row


async def lock_blob(connection: AsyncConnection[Row], key: str) -> None:
    """Hold a blob until the transaction ends: whoever brings it, uses it or clears it away."""
    number = int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big", signed=True)
    await connection.execute("SELECT pg_advisory_xact_lock(%s)", (number,))


async def clear_blobs(database: Database, blobs: BlobStore, keys: Iterable[str]) -> None:
    """Delete those of the blobs that no document of any tenant uses any more."""
    for key in keys:
        async with database.anonymous_transaction() as connection:
            await lock_blob(connection, key)
            cursor = await connection.execute("SELECT is_blob_used(%s)", (key,))
            row = await cursor.fetchone()
            if row is not None and not row[0]:
                await blobs.delete(key)
