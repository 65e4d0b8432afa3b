from __future__ import annotations

from contextlib import suppress
from typing import LiteralString
from uuid import uuid4

import psycopg
import pytest
from tests.waiting import first_good, patience

from groundwell.domain.documents import TenantId
from groundwell.domain.errors import UnavailableError
from groundwell.store.database import Database

TENANT = TenantId(uuid4())
ECHO: LiteralString = "SELECT %s, %s"
ENTER: LiteralString = "SELECT set_config('groundwell.tenant', %s, true)"
WHO: LiteralString = "SELECT current_tenant()"


def lose_all_connections(url: str) -> int:
    """End every other session of the database, as a restart of the server does."""
    with psycopg.connect(url, autocommit=True) as owner:
        rows = owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        ).fetchall()
    return len(rows)


async def test_lost_connections_fail_one_request_and_then_all_work_again(
    database: Database, database_url: str
):
    async def lose_and_ask() -> list[object]:
        # Fill the pool with connections that lie idle.
        async with patience():
            holding = [database.transaction(TENANT) for _ in range(4)]
            for transaction in holding:
                await transaction.__aenter__()
            for transaction in holding:
                await transaction.__aexit__(None, None, None)
        assert lose_all_connections(database_url) == 4
        with pytest.raises(UnavailableError) as caught:
            await database.fetch(ECHO, TENANT, 1)
        assert (caught.value.code, caught.value.retry_after_seconds) == ("database_unavailable", 5)
        # A new connection is waited for a second only, which a busy machine may miss.
        with suppress(UnavailableError):
            return [await database.fetch(ECHO, TENANT, 1) for _ in range(8)]
        return []

    assert await first_good(lose_and_ask, bool) == [[(str(TENANT), 1)]] * 8
    assert await database.is_available()


async def test_a_connection_that_is_lost_within_a_transaction_is_unavailable(
    database: Database, database_url: str
):
    async def lose_and_go_on() -> None:
        async with database.transaction(TENANT) as connection:
            lose_all_connections(database_url)
            await connection.execute("SELECT 1")

    with pytest.raises(UnavailableError):
        await lose_and_go_on()
    assert await database.is_available()


async def test_an_error_of_the_transaction_is_passed_on_as_it_is(database: Database):
    async def run(*statements: LiteralString) -> None:
        async with database.transaction(TENANT) as connection:
            for statement in statements:
                await connection.execute(statement)

    with pytest.raises(psycopg.errors.DivisionByZero):
        await run("SELECT 1 / 0")
    with pytest.raises(psycopg.errors.QueryCanceled):
        await run("SET LOCAL statement_timeout = 20", "SELECT pg_sleep(5)")
    assert await database.is_available()


async def test_a_call_is_given_the_tenant_first_and_then_the_parameters(database: Database):
    assert await database.fetch(ECHO, TENANT, 7) == [(str(TENANT), 7)]


async def test_a_call_that_enters_no_tenant_is_in_none(database: Database):
    async with database.transaction(TENANT) as connection:
        assert await (await connection.execute(WHO)).fetchone() == (TENANT,)
    assert await database.fetch("SELECT current_tenant(), %s", TENANT) == [(None, str(TENANT))]


async def test_a_tenant_that_a_call_entered_is_left_with_its_end(database_url: str):
    pool = Database(database_url, min_size=1, max_size=1)
    await pool.open()
    # The only connection of the pool, so both calls have the same one.
    assert await pool.fetch(ENTER, TENANT) == [(str(TENANT),)]
    async with pool.anonymous_transaction() as connection:
        assert await (await connection.execute(WHO)).fetchone() == (None,)
    await pool.close()


async def test_an_error_of_a_call_spoils_no_connection(database: Database):
    for _ in range(6):
        with pytest.raises(psycopg.errors.DivisionByZero):
            await database.fetch("SELECT %s, 1 / %s", TENANT, 0)
    for _ in range(6):
        assert await database.fetch(ECHO, TENANT, 2) == [(str(TENANT), 2)]
        assert await database.fetch("SELECT current_tenant(), %s", TENANT) == [(None, str(TENANT))]


async def test_an_error_after_the_tenant_was_entered_leaves_it(database: Database):
    for _ in range(6):
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            await database.fetch("SELECT set_config('groundwell.tenant', %s, true)::int", TENANT)
        async with database.anonymous_transaction() as connection:
            assert await (await connection.execute(WHO)).fetchone() == (None,)


async def test_a_server_that_is_not_there_is_said_to_be_unavailable():
    nowhere = Database("postgresql://127.0.0.1:9/nothing?connect_timeout=1", min_size=1, max_size=1)
    assert not await nowhere.is_available()
