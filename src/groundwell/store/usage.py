"""What a tenant holds, counted as it changes."""

from __future__ import annotations

from psycopg import AsyncConnection

from groundwell.domain.documents import TenantId
from groundwell.domain.limits import Usage
from groundwell.store.database import Database, Row


async def read_usage(database: Database, tenant: TenantId) -> Usage:
    """What the tenant holds, in one round trip."""
    rows = await database.fetch(
        "SELECT bytes, documents, chunks, queued FROM read_usage(%s)", tenant
    )
    return Usage(*rows[0])


async def claim_usage(connection: AsyncConnection[Row]) -> tuple[Usage, Usage]:
    """What the tenant holds without the caller's transaction, and what that one changes.

    Whoever else claims waits until the transaction ends. Claim last, or they wait for long.
    """
    cursor = await connection.execute("SELECT * FROM claim_usage()")
    row = await cursor.fetchone()
    assert row is not None, "a sum has one row"
    return Usage(*row[:4]), Usage(*row[4:])


async def fold_usage(connection: AsyncConnection[Row]) -> None:
    """Add up what has changed, so that reading stays quick. Waits for nobody."""
    await connection.execute("SELECT fold_usage()")
