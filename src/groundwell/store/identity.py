"""Tenants, users and API keys."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID, uuid4

from psycopg import AsyncConnection

from groundwell.domain.documents import TenantId
from groundwell.domain.identity import Principal, Scope
from groundwell.store.database import Row


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key that is neither expired nor revoked, as the database knows it."""

    principal: Principal
    digest: bytes


async def find_key(connection: AsyncConnection[Row], key_id: str) -> StoredKey | None:
    """The key of that id, whoever's it is. Works outside of a tenant."""
    cursor = await connection.execute(
        "SELECT tenant_id, user_id, digest, scopes FROM find_api_key(%s)", (key_id,)
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    tenant, user, digest, scopes = row
    return StoredKey(
        Principal(TenantId(tenant), user, frozenset(Scope(scope) for scope in scopes)), digest
    )


async def find_first_owner(connection: AsyncConnection[Row]) -> tuple[TenantId, UUID] | None:
    """The owner made at the first start. Works outside of a tenant."""
    cursor = await connection.execute("SELECT tenant_id, user_id FROM find_first_owner()")
    row = await cursor.fetchone()
    return None if row is None else (TenantId(row[0]), row[1])


async def insert_owner(connection: AsyncConnection[Row], tenant: TenantId, name: str) -> UUID:
    """Make a tenant and its owner; the connection's transaction must be that tenant's."""
    user = uuid4()
    await connection.execute("INSERT INTO tenants (id, name) VALUES (%s, %s)", (tenant, name))
    await connection.execute(
        "INSERT INTO users (id, tenant_id, name, role) VALUES (%s, %s, %s, 'owner')",
        (user, tenant, name),
    )
    return user


async def insert_key(
    connection: AsyncConnection[Row],
    tenant: TenantId,
    user: UUID,
    key_id: str,
    name: str,
    digest: bytes,
    scopes: Iterable[Scope],
) -> None:
    """Store a key's digest; the key itself is never stored."""
    await connection.execute(
        "INSERT INTO api_keys (id, tenant_id, user_id, name, digest, scopes)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (key_id, tenant, user, name, digest, [scope.value for scope in scopes]),
    )
