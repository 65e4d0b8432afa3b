"""Refusals are counted together, so that a stranger cannot fill memory or table."""

from __future__ import annotations

import sys
from uuid import uuid4

from starlette.types import Scope

from groundwell.domain.audit import AuditAction, AuditEntry
from groundwell.domain.documents import TenantId
from groundwell.domain.identity import Principal, Role, Tier
from groundwell.store.audit import list_entries
from groundwell.store.database import Database
from groundwell.store.identity import insert_owner
from groundwell.web.refusals import Refusals


def refused(address: object, principal: Principal | None = None) -> Scope:
    scope: Scope = {"client": (address, 1), "groundwell.code": "unauthenticated"}
    if principal is not None:
        scope["groundwell.principal"] = principal
    return scope


async def begin(database: Database) -> TenantId:
    tenant = TenantId(uuid4())
    async with database.transaction(tenant) as connection:
        await insert_owner(connection, tenant, "first")
    return tenant


async def entries_of(database: Database, tenant: TenantId) -> list[AuditEntry]:
    async with database.transaction(tenant) as connection:
        return await list_entries(connection, None, None, None, None, None, 1000)


async def test_alike_refusals_are_one_entry_with_their_number(database: Database) -> None:
    tenant = await begin(database)
    refusals = Refusals(database)
    for _ in range(1000):
        refusals.note(refused("192.0.2.1"), 401)
    refusals.note(refused("192.0.2.2"), 401)
    refusals.note(refused("192.0.2.2"), 200)
    refusals.note(refused("192.0.2.2"), 404)
    await refusals.flush()
    await refusals.flush()
    found = {(e.address, e.event.count): e.event for e in await entries_of(database, tenant)}
    assert set(found) == {("192.0.2.1", 1000), ("192.0.2.2", 1)}
    event = found["192.0.2.1", 1000]
    assert (event.action, event.actor) == (AuditAction.AUTHENTICATION_FAILED, None)
    assert event.detail == "unauthenticated"


async def test_a_million_addresses_make_a_few_entries_that_add_up(database: Database) -> None:
    tenant = await begin(database)
    refusals = Refusals(database)
    scope = refused("")
    for number in range(100_000):
        scope["client"] = (f"2001:db8::{number:x}", 1)
        refusals.note(scope, 401)
    await refusals.flush()
    found = await entries_of(database, tenant)
    sys.stdout.write(f"100000 refusals of as many addresses: {len(found)} entries\n")
    assert len(found) <= 51
    assert sum(entry.event.count for entry in found) == 100_000


async def test_a_refused_user_is_told_to_their_own_tenant(database: Database) -> None:
    first, second = await begin(database), await begin(database)
    user = uuid4()
    principal = Principal(second, user, frozenset(), Role.READER, Tier.FREE)
    refusals = Refusals(database)
    refusals.note(refused("192.0.2.1", principal), 403)
    await refusals.flush()
    assert await entries_of(database, first) == []
    (entry,) = await entries_of(database, second)
    assert (entry.event.action, entry.event.actor) == (AuditAction.ACCESS_REFUSED, user)


async def test_what_a_proxy_makes_up_is_no_address(database: Database) -> None:
    tenant = await begin(database)
    refusals = Refusals(database)
    for made_up in ("<script>", "unknown\r\n", "x" * 10_000):
        refusals.note(refused(made_up), 401)
    await refusals.flush()
    assert {entry.address for entry in await entries_of(database, tenant)} == {None}


async def test_without_an_owner_there_is_nobody_to_tell_and_nothing_is_kept(
    database: Database,
) -> None:
    refusals = Refusals(database)
    refusals.note(refused("192.0.2.1"), 401)
    await refusals.flush()
    tenant = await begin(database)
    await refusals.flush()
    assert len(await entries_of(database, tenant)) <= 1


async def test_without_the_database_the_counts_wait(database_url: str) -> None:
    database = Database(database_url, min_size=1, max_size=2)
    await database.open()
    tenant = await begin(database)
    refusals = Refusals(database)
    refusals.note(refused("192.0.2.1"), 401)
    await database.close()
    await refusals.flush()
    again = Database(database_url, min_size=1, max_size=2)
    await again.open()
    assert await entries_of(again, tenant) == []
    await again.close()
    assert refusals._counts.total() == 1
