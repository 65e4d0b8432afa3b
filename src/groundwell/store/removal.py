"""Deleting users and tenants with all that is theirs."""

from __future__ import annotations

from uuid import UUID

from psycopg import AsyncConnection

from groundwell.domain.documents import CollectionId, DocumentUid, TenantId, Visibility
from groundwell.domain.identity import Role
from groundwell.domain.sharing import Sharing
from groundwell.store.access_lists import EVERYBODY, ensure_access, set_access
from groundwell.store.chunks import delete_documents, lock_collection
from groundwell.store.database import Row


async def find_heir(connection: AsyncConnection[Row], user: UUID) -> UUID | None:
    """The owner of the tenant who has been there longest, other than `user`."""
    cursor = await connection.execute(
        "SELECT id FROM users WHERE role = 'owner' AND disabled_at IS NULL AND id <> %s"
        " ORDER BY created_at, id LIMIT 1",
        (user,),
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def delete_documents_of(connection: AsyncConnection[Row], user: UUID) -> list[str]:
    """Delete the user's documents and return the blob keys they used. Sees everything."""
    blobs: list[str] = []
    for collection, uids in await _documents_of(connection, user):
        blobs += await delete_documents(connection, collection, uids)
    return blobs


async def hand_over_documents(
    connection: AsyncConnection[Row], tenant: TenantId, user: UUID, heir: UUID
) -> None:
    """Make another user the owner of the user's documents. Sees everything.

    Who else may see them stays. Raises ConflictError when the heir keeps a document of the same id
    in the same collection to himself or to some.
    """
    for collection, uids in await _documents_of(connection, user):
        await lock_collection(connection, collection)
        cursor = await connection.execute(
            "SELECT d.uid, a.roles, a.users FROM documents d"
            " LEFT JOIN access_lists a ON a.id = d.access_id WHERE d.uid = ANY(%s) ORDER BY d.uid",
            (uids,),
        )
        for uid, roles, users in await cursor.fetchall():
            access_id = EVERYBODY
            if roles is not None:
                others = frozenset(users) - {user, heir}
                visibility = Visibility.SHARED if roles or others else Visibility.PRIVATE
                sharing = Sharing(visibility, frozenset(map(Role, roles)), others)
                access_id = await ensure_access(connection, tenant, heir, sharing)
            await set_access(connection, uid, heir, access_id)


async def delete_user(connection: AsyncConnection[Row], user: UUID) -> None:
    """Delete a user who has no documents any more, with keys and conversations."""
    await connection.execute(
        "DELETE FROM access_lists WHERE owner_id = %s AND id NOT IN"
        " (SELECT access_id FROM documents WHERE owner_id = %s)",
        (user, user),
    )
    await connection.execute("DELETE FROM users WHERE id = %s", (user,))


async def delete_tenant(connection: AsyncConnection[Row], tenant: TenantId) -> list[str]:
    """Delete a tenant with all it has, and return the blob keys it used. Sees everything.

    Jobs that wait are taken out of the queue. One that runs finds no document at its next step,
    nor the collection at its swap, and so writes nothing.
    """
    cursor = await connection.execute("SELECT id FROM collections ORDER BY id FOR NO KEY UPDATE")
    await cursor.fetchall()
    # From here on nobody can add anything: rows of tenants refer to this one.
    await connection.execute("SELECT FROM tenants WHERE id = %s FOR UPDATE", (tenant,))
    cursor = await connection.execute(
        "SELECT DISTINCT blob_key FROM document_versions WHERE blob_key IS NOT NULL"
    )
    blobs = [row[0] for row in await cursor.fetchall()]
    await connection.execute(
        "DELETE FROM procrastinate_jobs WHERE args->>'tenant' = %s AND status <> 'doing'",
        (str(tenant),),
    )
    await connection.execute("DELETE FROM collections")
    await connection.execute("DELETE FROM tenants WHERE id = %s", (tenant,))
    return blobs


async def _documents_of(
    connection: AsyncConnection[Row], user: UUID
) -> list[tuple[CollectionId, list[DocumentUid]]]:
    cursor = await connection.execute(
        "SELECT collection_id, array_agg(uid ORDER BY uid) FROM documents WHERE owner_id = %s"
        " GROUP BY collection_id ORDER BY collection_id",
        (user,),
    )
    return [
        (CollectionId(row[0]), list(map(DocumentUid, row[1]))) for row in await cursor.fetchall()
    ]
