"""Decisions about users. The endpoints have checked that the caller holds the scope `admin`."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from groundwell.apps.users.schemas import UserChange, UserIn
from groundwell.domain.audit import AuditAction, AuditEvent
from groundwell.domain.errors import ConflictError
from groundwell.domain.identity import Principal, Role, User, check_grant
from groundwell.services import Services
from groundwell.store import users
from groundwell.store.audit import record


async def list_users(services: Services, caller: Principal) -> list[User]:
    """All users of the caller's tenant."""
    async with services.database.transaction(caller.tenant) as connection:
        return await users.list_users(connection)


async def get_user(services: Services, caller: Principal, user: UUID) -> User:
    """A user. Raises NotFoundError."""
    async with services.database.transaction(caller.tenant) as connection:
        return await users.get_user(connection, user)


async def create_user(services: Services, caller: Principal, given: UserIn) -> User:
    """A new user, who can get in once there is a key or a token. Raises ConflictError."""
    check_grant(caller, given.role)
    async with services.database.transaction(caller.tenant) as connection:
        user = await users.insert_user(
            connection, caller.tenant, given.name, given.role, given.tier, given.subject
        )
        event = AuditEvent(AuditAction.USER_CREATED, caller.user_id, str(user.id), user.role)
        await record(connection, caller.tenant, event)
        return user


async def change_user(
    services: Services, caller: Principal, user: UUID, change: UserChange
) -> User:
    """Change a user. Raises NotFoundError, ForbiddenError, and ConflictError for the last owner."""
    async with services.database.transaction(caller.tenant) as connection:
        owners = await users.lock_owners(connection)
        present = await users.get_user(connection, user)
        check_grant(caller, present.role, change.role or present.role)
        counts = present.role is Role.OWNER and present.disabled_at is None
        leaves = change.disabled is True or change.role not in (None, Role.OWNER)
        if counts and leaves and owners == 1:
            raise ConflictError(
                "This is the last owner. Make another user an owner first.", code="last_owner"
            )
        changed = await users.update_user(
            connection,
            user,
            name=change.name,
            role=change.role,
            tier=change.tier,
            disabled=change.disabled,
        )
        for action, detail in _changes(present, changed):
            event = AuditEvent(action, caller.user_id, str(user), detail)
            await record(connection, caller.tenant, event)
        return changed


def _changes(before: User, after: User) -> Iterator[tuple[AuditAction, str | None]]:
    if before.role is not after.role:
        yield AuditAction.USER_ROLE_CHANGED, f"{before.role} to {after.role}"
    if before.disabled_at is None and after.disabled_at is not None:
        yield AuditAction.USER_DISABLED, None
    if before.disabled_at is not None and after.disabled_at is None:
        yield AuditAction.USER_ENABLED, None
