"""The audit log in the database: it grows, and forgets only what is old."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import pytest

from groundwell.domain.audit import AuditAction, AuditEvent
from groundwell.domain.documents import TenantId
from groundwell.domain.origin import Origin, origin_kept, set_origin
from groundwell.store.audit import list_entries, record
from groundwell.store.database import Database, owner_options

EVENT = AuditEvent(AuditAction.DOCUMENT_DELETED, uuid4(), "herons", "default")


async def objects(database: Database, tenant: TenantId) -> list[str | None]:
    async with database.transaction(tenant) as connection:
        found = await list_entries(connection, None, None, None, None, None, 100)
    return [entry.event.object for entry in found]


async def test_an_entry_has_request_and_address_of_the_work(database: Database) -> None:
    tenant = TenantId(uuid4())
    with origin_kept():
        set_origin(Origin("req-1", address="192.0.2.7"))
        async with database.transaction(tenant) as connection:
            await record(connection, tenant, EVENT)
    async with database.transaction(tenant) as connection:
        (entry,) = await list_entries(connection, None, None, None, None, None, 100)
    assert (entry.event, entry.request_id, entry.address) == (EVENT, "req-1", "192.0.2.7")


async def test_an_entry_is_there_if_and_only_if_the_change_is(database: Database) -> None:
    tenant = TenantId(uuid4())

    async def change_and_fail() -> None:
        async with database.transaction(tenant) as connection:
            await record(connection, tenant, EVENT)
            await connection.execute("SELECT 1 / 0")

    with pytest.raises(psycopg.errors.DivisionByZero):
        await change_and_fail()
    assert await objects(database, tenant) == []


async def test_a_tenant_sees_and_writes_its_own_entries_only(database: Database) -> None:
    tenant, other = TenantId(uuid4()), TenantId(uuid4())
    async with database.transaction(tenant) as connection:
        await record(connection, tenant, EVENT)
    assert await objects(database, tenant) == ["herons"]
    assert await objects(database, other) == []
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with database.transaction(other) as connection:
            await record(connection, tenant, EVENT)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET action = 'nothing'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "ALTER TABLE audit_log DISABLE ROW LEVEL SECURITY",
    ],
)
async def test_the_server_cannot_change_what_was_recorded(
    database: Database, statement: str
) -> None:
    tenant = TenantId(uuid4())
    async with database.transaction(tenant) as connection:
        await record(connection, tenant, EVENT)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with database.transaction(tenant) as connection:
            await connection.execute(statement.encode())
    assert await objects(database, tenant) == ["herons"]


async def test_only_what_is_older_than_400_days_is_forgotten_in_every_tenant(
    database: Database, database_url: str
) -> None:
    tenants = [TenantId(uuid4()), TenantId(uuid4())]
    with psycopg.connect(database_url, options=owner_options()) as owner:
        for tenant in tenants:
            for days in (0, 399, 401):
                owner.execute(
                    "INSERT INTO audit_log (id, tenant_id, at, action, object)"
                    " VALUES (%s, %s, now() - %s * interval '1 day', 'key.created', %s)",
                    (uuid4(), tenant, days, str(days)),
                )
    async with database.anonymous_transaction() as connection:
        cursor = await connection.execute("SELECT forget_old_audit()")
        assert await cursor.fetchone() == (2,)
    for tenant in tenants:
        assert await objects(database, tenant) == ["0", "399"]
