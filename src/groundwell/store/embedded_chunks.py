"""How much is embedded of a tenant on a day, from midnight to midnight in UTC."""

from __future__ import annotations

from psycopg import AsyncConnection

from groundwell.domain.documents import TenantId
from groundwell.store.database import Row


async def count_embedded(connection: AsyncConnection[Row], tenant: TenantId, chunks: int) -> None:
    """Add to today's count, at the end of the caller's transaction. Days of old are forgotten."""
    if chunks == 0:
        return
    await connection.execute("SELECT count_embedded(%s, %s)", (tenant, chunks))


async def read_embedded(connection: AsyncConnection[Row]) -> int:
    """How many chunks of the session's tenant were embedded today."""
    cursor = await connection.execute("SELECT read_embedded()")
    [(chunks,)] = await cursor.fetchall()
    return int(chunks)
