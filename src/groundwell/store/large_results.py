"""Results of which each row may be large."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from psycopg import AsyncCursor

from groundwell.store.database import Row

_ROWS_AT_ONCE = 8


async def rows_of(cursor: AsyncCursor[Row]) -> AsyncIterator[Row]:
    """The rows. Others have a turn: the driver makes values of all rows in one go."""
    while rows := await cursor.fetchmany(_ROWS_AT_ONCE):
        for row in rows:
            yield row
        await asyncio.sleep(0)
