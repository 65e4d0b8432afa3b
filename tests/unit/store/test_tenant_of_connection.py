"""The tenant belongs to one transaction or one call, never to the connection."""

from __future__ import annotations

from typing import LiteralString

from tests.unit.store.setting import Shelf, make_shelf

from groundwell.store.database import Database

# Given a tenant, as every call is, but entering none.
COUNT: LiteralString = "SELECT count(*) FROM collections WHERE %s::uuid IS NOT NULL"


async def test_a_tenant_does_not_stay_with_a_connection_of_the_pool(
    database: Database, database_url: str
):
    shelf: Shelf = await make_shelf(database, database_url)
    pool = Database(database_url, min_size=1, max_size=1)
    await pool.open()
    async with pool.transaction(shelf.tenant) as connection:
        cursor = await connection.execute("SELECT count(*) FROM collections")
        assert await cursor.fetchone() == (1,)
    async with pool.anonymous_transaction() as connection:
        cursor = await connection.execute("SELECT count(*) FROM collections")
        assert await cursor.fetchone() == (0,)
    assert await pool.fetch(COUNT, shelf.tenant) == [(0,)]
    await pool.close()
