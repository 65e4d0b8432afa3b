"""Who a credential belongs to, and the tenant with its first owner."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID, uuid4

from psycopg import AsyncConnection

from groundwell.domain.documents import TenantId
from groundwell.domain.identity import SCOPES_OF_ROLE, Principal, Role, Scope, Tier
from groundwell.store.database import Row


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key that is neither expired nor revoked, as the database knows it."""

    principal: Principal
    digest: bytes


async def find_key(connection: AsyncConnection[Row], key_id: str) -> StoredKey | None:
    """The key of that id, whoever's it is; None if its user is disabled. Works outside a tenant."""
    cursor = await connection.execute(
        "SELECT tenant_id, user_id, digest, scopes, role, tier FROM find_api_key(%s)", (key_id,)
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    tenant, user, digest, names, role_name, tier = row
    role = Role(role_name)
    scopes = frozenset(Scope(name) for name in names) & SCOPES_OF_ROLE[role]
    return StoredKey(Principal(TenantId(tenant), user, scopes, role, Tier(tier)), digest)


async def find_first_owner(connection: AsyncConnection[Row]) -> tuple[TenantId, UUID] | None:
    """The owner made at the first start. Works outside of a tenant."""
    cursor = await connection.execute("SELECT tenant_id, user_id FROM find_first_owner()")
    row = await cursor.fetchone()
    return None if row is None else (TenantId(row[0]), row[1])


async def find_first_tenant(connection: AsyncConnection[Row]) -> TenantId | None:
    """The tenant that the installation began with. Works outside of a tenant."""
    cursor = await connection.execute("SELECT find_first_tenant()")
    row = await cursor.fetchone()
    return None if row is None or row[0] is None else TenantId(row[0])


async def find_only_tenant(connection: AsyncConnection[Row]) -> TenantId | None:
    """The tenant, if there is exactly one. Works outside of a tenant."""
    cursor = await connection.execute("SELECT find_only_tenant()")
    row = await cursor.fetchone()
    return None if row is None or row[0] is None else TenantId(row[0])


async def insert_owner(connection: AsyncConnection[Row], tenant: TenantId, name: str) -> UUID:
    """Make a tenant and its owner; the connection's transaction must be that tenant's."""
    user = uuid4()
    await connection.execute("INSERT INTO tenants (id, name) VALUES (%s, %s)", (tenant, name))
    await connection.execute(
        "INSERT INTO users (id, tenant_id, name, role, tier)"
        " VALUES (%s, %s, %s, 'owner', 'premium')",
        (user, tenant, name),
    )
    return user
