"""Who may see what is of all tenants together."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import psycopg
import pytest

from groundwell.domain.documents import TenantId
from groundwell.domain.errors import ForbiddenError, UnavailableError
from groundwell.domain.identity import SCOPES_OF_ROLE, Principal, Role, Tier
from groundwell.store.database import Database, owner_options
from groundwell.store.identity import insert_owner
from groundwell.web.operator import Operator


async def make_owner(database: Database) -> Principal:
    tenant = TenantId(uuid4())
    async with database.transaction(tenant) as connection:
        user = await insert_owner(connection, tenant, "owner")
    return Principal(tenant, user, SCOPES_OF_ROLE[Role.OWNER], Role.OWNER, Tier.FREE)


async def test_only_the_tenant_that_the_installation_began_with_operates_it(
    database: Database, database_url: str
):
    first, second = await make_owner(database), await make_owner(database)
    operator = Operator(database)
    await operator.check(first)
    with pytest.raises(ForbiddenError) as caught:
        await operator.check(second)
    assert caught.value.code == "not_the_operator"
    # Who its owners are, and when they came, changes nothing.
    with psycopg.connect(database_url, options=owner_options()) as owner:
        owner.execute("UPDATE users SET disabled_at = now() WHERE id = %s", (first.user_id,))
    await operator.check(replace(first, user_id=uuid4()))
    with pytest.raises(ForbiddenError):
        await operator.check(second)


async def test_a_database_that_is_away_makes_nobody_the_operator(database_url: str):
    database = Database(database_url, min_size=1, max_size=1)
    await database.open()
    first, second = await make_owner(database), await make_owner(database)
    knowing, new = Operator(database), Operator(database)
    await knowing.check(first)
    await database.close()
    await knowing.check(first)
    with pytest.raises(ForbiddenError):
        await knowing.check(second)
    with pytest.raises(UnavailableError):
        await new.check(first)
