"""Decisions about API keys: everybody has their own, administrators have all of the tenant's."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from psycopg import AsyncConnection

from groundwell.apps.keys.schemas import KeyIn
from groundwell.domain.api_keys import digest_api_key, make_api_key
from groundwell.domain.audit import AuditAction, AuditEvent
from groundwell.domain.errors import ForbiddenError, InvalidInputError, NotFoundError
from groundwell.domain.identity import (
    SCOPES_OF_ROLE,
    KeyRecord,
    Principal,
    Role,
    Scope,
    check_grant,
)
from groundwell.services import Services
from groundwell.store import api_keys
from groundwell.store.audit import record
from groundwell.store.database import Row
from groundwell.store.users import get_user


async def list_keys(services: Services, caller: Principal) -> list[KeyRecord]:
    """The caller's keys; for an administrator, those of the whole tenant."""
    async with services.database.transaction(caller.tenant) as connection:
        whose = None if Scope.ADMIN in caller.scopes else caller.user_id
        return await api_keys.list_keys(connection, whose)


async def create_key(services: Services, caller: Principal, given: KeyIn) -> tuple[KeyRecord, str]:
    """A new key and its text, which is not kept.

    Raises ForbiddenError for scopes beyond those of the caller or of the key's user.
    """
    if given.expires_at is not None and given.expires_at <= datetime.now(UTC):
        raise InvalidInputError("`expires_at` is in the past.", code="already_expired")
    async with services.database.transaction(caller.tenant) as connection:
        user = given.user_id or caller.user_id
        role = await _role_of(connection, caller, user)
        # Its own scopes bind the caller too: a key must not make a stronger one.
        if beyond := set(given.scopes) - (SCOPES_OF_ROLE[role] & caller.scopes):
            names = ", ".join(sorted(beyond))
            raise ForbiddenError(f"The key would have scopes beyond the role or yours: {names}.")
        key = make_api_key()
        digest = digest_api_key(key, services.key_pepper)
        await api_keys.insert_key(
            connection,
            caller.tenant,
            user,
            key.id,
            given.name,
            digest,
            sorted(set(given.scopes)),
            given.expires_at,
        )
        names = " ".join(sorted(set(given.scopes)))
        event = AuditEvent(AuditAction.KEY_CREATED, caller.user_id, key.id, f"{user} {names}")
        await record(connection, caller.tenant, event)
        return await api_keys.get_key(connection, key.id), key.text


async def revoke_key(services: Services, caller: Principal, key_id: str) -> None:
    """Refuse a key from now on. Raises NotFoundError, for the key of somebody else too."""
    async with services.database.transaction(caller.tenant) as connection:
        known = await api_keys.get_key(connection, key_id)
        if known.user_id != caller.user_id:
            if Scope.ADMIN not in caller.scopes:
                raise NotFoundError("There is no key with that id.")
            check_grant(caller, (await get_user(connection, known.user_id)).role)
        if known.revoked_at is None:
            await api_keys.revoke_key(connection, key_id)
            event = AuditEvent(AuditAction.KEY_REVOKED, caller.user_id, key_id)
            await record(connection, caller.tenant, event)


async def _role_of(connection: AsyncConnection[Row], caller: Principal, user: UUID) -> Role:
    if user == caller.user_id:
        return caller.role
    caller.require(Scope.ADMIN)
    role = (await get_user(connection, user)).role
    check_grant(caller, role)
    return role
