"""What is decided about taking data out, and about deleting users and tenants."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

import orjson
from psycopg import AsyncConnection

from groundwell import __version__
from groundwell.domain.audit import AuditAction, AuditEvent
from groundwell.domain.documents import TenantId
from groundwell.domain.errors import ConflictError, ForbiddenError, NotFoundError
from groundwell.domain.identity import Principal, Role, Scope, check_grant
from groundwell.services import Services
from groundwell.store import removal, users
from groundwell.store.audit import record
from groundwell.store.blobs import clear_blobs
from groundwell.store.database import Row
from groundwell.store.holdings import KINDS, Original, read_holdings, read_originals
from groundwell.web.zip_stream import Member


class DocumentsOfUser(StrEnum):
    """What becomes of the documents of a user who is deleted."""

    HAND_OVER = "hand_over"
    DELETE = "delete"


async def export_user(services: Services, caller: Principal, user: UUID) -> AsyncIterator[Member]:
    """All that is held of a user. Everybody has his own, administrators everybody's.

    Raises NotFoundError, and ForbiddenError for somebody else's. Nothing is read before that.
    """
    async with services.database.transaction(caller.tenant) as connection:
        known = await users.get_user(connection, user)
        if user != caller.user_id:
            caller.require(Scope.ADMIN)
            check_grant(caller, known.role)
        await _note(connection, caller, AuditAction.USER_EXPORTED, user)
    return _members(services, caller.tenant, user)


async def export_tenant(services: Services, caller: Principal) -> AsyncIterator[Member]:
    """All that is held of the tenant. For owners."""
    _check_owner(caller)
    async with services.database.transaction(caller.tenant) as connection:
        await _note(connection, caller, AuditAction.TENANT_EXPORTED, caller.tenant)
    return _members(services, caller.tenant, None)


async def delete_user(
    services: Services, caller: Principal, user: UUID, documents: DocumentsOfUser
) -> None:
    """Delete a user with keys and conversations.

    Documents are deleted, too, or go to the owner of the tenant who has been there longest.
    Raises NotFoundError, ForbiddenError, and ConflictError for the last owner.
    """
    async with services.database.unrestricted.transaction(caller.tenant) as connection:
        owners = await users.lock_owners(connection)
        present = await users.get_user(connection, user)
        check_grant(caller, present.role)
        if present.role is Role.OWNER and present.disabled_at is None and owners == 1:
            raise ConflictError(
                "This is the last owner. Make another user an owner first.", code="last_owner"
            )
        blobs: list[str] = []
        heir = await removal.find_heir(connection, user)
        if documents is DocumentsOfUser.DELETE:
            blobs = await removal.delete_documents_of(connection, user)
        elif heir is not None:
            await removal.hand_over_documents(connection, caller.tenant, user, heir)
        await removal.delete_user(connection, user)
        await _note(connection, caller, AuditAction.USER_DELETED, user, documents)
    await clear_blobs(services.database, services.blobs, blobs)


async def delete_tenant(services: Services, caller: Principal, confirmed: UUID) -> None:
    """Delete the caller's tenant with all it has. For owners.

    Raises ConflictError unless the tenant's id is said again.
    """
    _check_owner(caller)
    if confirmed != caller.tenant:
        raise ConflictError(
            "`confirm` must be the id of your tenant, which GET /api/v1/users/me tells.",
            code="not_confirmed",
        )
    async with services.database.unrestricted.transaction(caller.tenant) as connection:
        blobs = await removal.delete_tenant(connection, caller.tenant)
        await _note(connection, caller, AuditAction.TENANT_DELETED, caller.tenant)
    await clear_blobs(services.database, services.blobs, blobs)


async def _note(
    connection: AsyncConnection[Row],
    caller: Principal,
    action: AuditAction,
    subject: UUID,
    detail: str | None = None,
) -> None:
    await record(
        connection, caller.tenant, AuditEvent(action, caller.user_id, str(subject), detail)
    )


def _check_owner(caller: Principal) -> None:
    caller.require(Scope.ADMIN)
    if caller.role is not Role.OWNER:
        raise ForbiddenError("Only an owner may do that.", code="insufficient_role")


async def _members(
    services: Services, tenant: TenantId, user: UUID | None
) -> AsyncIterator[Member]:
    about = {
        "made_at": datetime.now(UTC).isoformat(),
        "version": __version__,
        "tenant": str(tenant),
        "user": None if user is None else str(user),
    }
    yield Member("export.json", _whole(orjson.dumps(about)))
    for kind in KINDS:
        yield Member(f"{kind}.jsonl", read_holdings(services.database, tenant, user, kind))
    missing: list[str] = []
    async for original in read_originals(services.database, tenant, user):
        name = f"originals/{original.uid}/{original.filename}"
        yield Member(name, _pieces(services, original, missing))
    if missing:
        yield Member("missing.json", _whole(orjson.dumps(missing)))


async def _pieces(
    services: Services, original: Original, missing: list[str]
) -> AsyncIterator[bytes]:
    """The bytes of an original; none, and a note, where the file store has lost or damaged them."""
    if original.blob_key is None:
        yield (original.text or "").encode()
        return
    try:
        async for piece in services.blobs.stream(original.blob_key, original.file_size):
            yield piece
    except NotFoundError:
        missing.append(str(original.uid))


async def _whole(content: bytes) -> AsyncIterator[bytes]:
    yield content
