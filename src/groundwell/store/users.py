"""Users of a tenant."""

from __future__ import annotations

from typing import LiteralString
from uuid import UUID, uuid4

from psycopg import AsyncConnection, errors

from groundwell.domain.audit import AuditAction, AuditEvent
from groundwell.domain.documents import TenantId
from groundwell.domain.errors import ConflictError, NotFoundError
from groundwell.domain.identity import AssertedUser, Role, Tier, User
from groundwell.store.audit import record
from groundwell.store.database import Row

_SELECT: LiteralString = "SELECT id, name, role, tier, subject, created_at, disabled_at FROM users"


async def list_users(connection: AsyncConnection[Row]) -> list[User]:
    """All users of the tenant, the oldest first, disabled ones too."""
    cursor = await connection.execute(_SELECT + " ORDER BY created_at, id")
    return [_read(row) for row in await cursor.fetchall()]


async def get_user(connection: AsyncConnection[Row], user: UUID) -> User:
    """A user. Raises NotFoundError."""
    cursor = await connection.execute(_SELECT + " WHERE id = %s", (user,))
    row = await cursor.fetchone()
    if row is None:
        raise NotFoundError(f"There is no user '{user}'.")
    return _read(row)


async def insert_user(
    connection: AsyncConnection[Row],
    tenant: TenantId,
    name: str,
    role: Role,
    tier: Tier,
    subject: str | None,
) -> User:
    """A new user. Raises ConflictError when the subject has one already."""
    user = uuid4()
    try:
        await connection.execute(
            "INSERT INTO users (id, tenant_id, name, role, tier, subject)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            (user, tenant, name, role.value, tier.value, subject),
        )
    except errors.UniqueViolation as error:
        raise ConflictError(
            "There is a user with this subject already.", code="subject_taken"
        ) from error
    return await get_user(connection, user)


async def enter_user(
    connection: AsyncConnection[Row], tenant: TenantId, who: AssertedUser, first_role: Role
) -> User | None:
    """The user whom an identity provider means, made at first sight; None without such a tenant.

    A role that is told replaces the stored one, but no owner's; else new users get `first_role`.
    """
    user = await _find_by_subject(connection, who.subject)
    if user is None:
        cursor = await connection.execute("SELECT 1 FROM tenants WHERE id = %s", (tenant,))
        if await cursor.fetchone() is None:
            return None
        # Two requests of a new user may come at once.
        cursor = await connection.execute(
            "INSERT INTO users (id, tenant_id, name, role, subject) VALUES (%s, %s, %s, %s, %s)"
            " ON CONFLICT (tenant_id, subject) DO NOTHING",
            (uuid4(), tenant, who.name, (who.role or first_role).value, who.subject),
        )
        user = await _find_by_subject(connection, who.subject)
        if user is not None and cursor.rowcount == 1:
            event = AuditEvent(AuditAction.USER_CREATED, user.id, str(user.id), user.role)
            await record(connection, tenant, event)
    if user is None or user.role is Role.OWNER or who.role in (None, user.role):
        return user
    told = f"{user.role} to {who.role}"
    event = AuditEvent(AuditAction.USER_ROLE_CHANGED, user.id, str(user.id), told)
    await record(connection, tenant, event)
    return await update_user(connection, user.id, role=who.role)


async def _find_by_subject(connection: AsyncConnection[Row], subject: str) -> User | None:
    cursor = await connection.execute(_SELECT + " WHERE subject = %s", (subject,))
    row = await cursor.fetchone()
    return None if row is None else _read(row)


async def lock_owners(connection: AsyncConnection[Row]) -> int:
    """How many owners can get in; they stay as they are until the transaction ends.

    Without the lock, two owners could each take the other's role at once, and none be left.
    """
    cursor = await connection.execute(
        "SELECT id FROM users WHERE role = 'owner' AND disabled_at IS NULL ORDER BY id FOR UPDATE"
    )
    return len(await cursor.fetchall())


async def update_user(
    connection: AsyncConnection[Row],
    user: UUID,
    *,
    name: str | None = None,
    role: Role | None = None,
    tier: Tier | None = None,
    disabled: bool | None = None,
) -> User:
    """Change what is given. Raises NotFoundError."""
    await connection.execute(
        "UPDATE users SET name = coalesce(%(name)s, name), role = coalesce(%(role)s, role),"
        " tier = coalesce(%(tier)s, tier), disabled_at = CASE %(disabled)s::boolean"
        " WHEN true THEN coalesce(disabled_at, now()) WHEN false THEN NULL ELSE disabled_at END"
        " WHERE id = %(user)s",
        {
            "user": user,
            "name": name,
            "role": None if role is None else role.value,
            "tier": None if tier is None else tier.value,
            "disabled": disabled,
        },
    )
    return await get_user(connection, user)


def _read(row: Row) -> User:
    identity, name, role, tier, subject, created, disabled = row
    return User(identity, name, Role(role), Tier(tier), subject, created, disabled)
