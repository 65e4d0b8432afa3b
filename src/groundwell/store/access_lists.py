"""Access lists: who may see the documents that not everybody in the tenant may see."""

from __future__ import annotations

from uuid import UUID

from psycopg import AsyncConnection, errors

from groundwell.domain.documents import DocumentUid, TenantId, Visibility
from groundwell.domain.errors import ConflictError, InvalidInputError
from groundwell.domain.sharing import Sharing
from groundwell.store.database import Row

EVERYBODY = 0
"""The list of documents that the whole tenant may see; it has no row."""


async def ensure_access(
    connection: AsyncConnection[Row], tenant: TenantId, owner: UUID, sharing: Sharing
) -> int:
    """The list that says this. Documents of one owner that are shared alike have one list.

    Raises InvalidInputError for a user whom the tenant does not have.
    """
    if sharing.visibility is Visibility.TENANT:
        return EVERYBODY
    roles, users = sorted(sharing.roles), sorted(sharing.users - {owner})
    await _check_users(connection, users)
    await connection.execute(
        "INSERT INTO access_lists (tenant_id, owner_id, roles, users) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        (tenant, owner, roles, users),
    )
    cursor = await connection.execute(
        "SELECT id FROM access_lists WHERE owner_id = %s AND roles = %s::text[]"
        " AND users = %s::uuid[]",
        (owner, roles, users),
    )
    row = await cursor.fetchone()
    assert row is not None, "it was there or has been made"
    identity: int = row[0]
    return identity


async def set_access(
    connection: AsyncConnection[Row], uid: DocumentUid, owner: UUID | None, access_id: int
) -> None:
    """Give a document an owner and a list. Needs the lock of its collection.

    Raises ConflictError where those who share the new list's names have the id or key already.
    """
    try:
        async with connection.transaction():
            await connection.execute(
                "UPDATE documents SET owner_id = %s, access_id = %s, updated_at = now()"
                " WHERE uid = %s AND (owner_id, access_id) IS DISTINCT FROM (%s::uuid, %s)",
                (owner, access_id, uid, owner, access_id),
            )
    except errors.UniqueViolation as error:
        raise ConflictError(
            "There is another document with this id, key or content among those that would then "
            "be named alike. Delete one of the two first.",
            code="document_exists",
        ) from error


async def _check_users(connection: AsyncConnection[Row], users: list[UUID]) -> None:
    if not users:
        return
    cursor = await connection.execute("SELECT id FROM users WHERE id = ANY(%s)", (users,))
    known = {row[0] for row in await cursor.fetchall()}
    if unknown := [user for user in users if user not in known]:
        raise InvalidInputError(f"There is no user '{unknown[0]}' here.", code="unknown_user")
