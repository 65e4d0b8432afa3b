"""API keys of a tenant: digests and what is known of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg import AsyncConnection

from groundwell.domain.documents import TenantId
from groundwell.domain.errors import NotFoundError
from groundwell.domain.identity import KeyRecord, Scope
from groundwell.store.database import Row

_SELECT: LiteralString = (
    "SELECT id, user_id, name, scopes, created_at, expires_at, revoked_at FROM api_keys"
)


async def insert_key(
    connection: AsyncConnection[Row],
    tenant: TenantId,
    user: UUID,
    key_id: str,
    name: str,
    digest: bytes,
    scopes: Iterable[Scope],
    expires_at: datetime | None = None,
) -> None:
    """Store a key's digest; the key itself is never stored."""
    await connection.execute(
        "INSERT INTO api_keys (id, tenant_id, user_id, name, digest, scopes, expires_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (key_id, tenant, user, name, digest, [scope.value for scope in scopes], expires_at),
    )


async def list_keys(connection: AsyncConnection[Row], user: UUID | None) -> list[KeyRecord]:
    """The keys of a user, or of everybody in the tenant; the newest first."""
    cursor = await connection.execute(
        _SELECT + " WHERE %(user)s::uuid IS NULL OR user_id = %(user)s"
        " ORDER BY created_at DESC, id",
        {"user": user},
    )
    return [_read(row) for row in await cursor.fetchall()]


async def get_key(connection: AsyncConnection[Row], key_id: str) -> KeyRecord:
    """What is known of a key. Raises NotFoundError."""
    cursor = await connection.execute(_SELECT + " WHERE id = %s", (key_id,))
    row = await cursor.fetchone()
    if row is None:
        raise NotFoundError("There is no key with that id.")
    return _read(row)


async def revoke_key(connection: AsyncConnection[Row], key_id: str) -> None:
    """Refuse the key from now on; one that is revoked stays as it is."""
    await connection.execute(
        "UPDATE api_keys SET revoked_at = now() WHERE id = %s AND revoked_at IS NULL", (key_id,)
    )


async def note_first_use(connection: AsyncConnection[Row], key_id: str) -> bool:
    """Whether the key was never used before this moment."""
    cursor = await connection.execute(
        "UPDATE api_keys SET first_used_at = now() WHERE id = %s AND first_used_at IS NULL",
        (key_id,),
    )
    return cursor.rowcount == 1


def _read(row: Row) -> KeyRecord:
    key_id, user, name, scopes, created, expires, revoked = row
    granted = frozenset(Scope(scope) for scope in scopes)
    return KeyRecord(key_id, user, name, granted, created, expires, revoked)
