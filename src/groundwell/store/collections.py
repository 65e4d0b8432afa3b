"""Collections."""

from __future__ import annotations

from uuid import UUID, uuid4

from psycopg import AsyncConnection

from groundwell.domain.documents import Collection, CollectionId, TenantId
from groundwell.domain.errors import ConflictError, NotFoundError
from groundwell.store.database import Row

_COLUMNS = """
    SELECT c.id, c.name, c.description, c.chunking, c.created_at,
           (SELECT count(*) FROM documents d WHERE d.collection_id = c.id), visible_chunks(c),
           CASE WHEN c.restricted_chunks = 0 THEN c.language_counts ELSE (
               SELECT coalesce(jsonb_object_agg(l.language, l.documents), '{}')
               FROM (SELECT v.language, count(*) AS documents FROM documents v
                     WHERE v.collection_id = c.id AND v.language IS NOT NULL
                     GROUP BY v.language) AS l
           ) END
    FROM collections c
"""


async def list_collections(connection: AsyncConnection[Row]) -> list[Collection]:
    """All collections of the tenant, by name."""
    cursor = await connection.execute(f"{_COLUMNS} ORDER BY c.name")
    return [_collection(row) for row in await cursor.fetchall()]


async def find_collection(connection: AsyncConnection[Row], name: str) -> Collection | None:
    """The collection of that name."""
    cursor = await connection.execute(f"{_COLUMNS} WHERE c.name = %s", (name,))
    row = await cursor.fetchone()
    return None if row is None else _collection(row)


async def get_collection(connection: AsyncConnection[Row], name: str) -> Collection:
    """The collection of that name; NotFoundError when there is none."""
    collection = await find_collection(connection, name)
    if collection is None:
        raise NotFoundError(f"There is no collection '{name}'.", code="collection_not_found")
    return collection


async def insert_collection(
    connection: AsyncConnection[Row], tenant: TenantId, name: str, description: str, chunking: str
) -> Collection:
    """Make a collection; ConflictError when the name is taken."""
    cursor = await connection.execute(
        "INSERT INTO collections (id, tenant_id, name, description, chunking)"
        " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (tenant_id, name) DO NOTHING",
        (uuid4(), tenant, name, description, chunking),
    )
    if cursor.rowcount == 0:
        raise ConflictError(f"There is a collection '{name}' already.", code="collection_exists")
    return await get_collection(connection, name)


async def ensure_collection(
    connection: AsyncConnection[Row], tenant: TenantId, name: str, chunking: str
) -> Collection:
    """The collection of that name, made with `chunking` if it is not there."""
    found = await find_collection(connection, name)
    if found is not None:
        return found
    await connection.execute(
        "INSERT INTO collections (id, tenant_id, name, chunking)"
        " VALUES (%s, %s, %s, %s) ON CONFLICT (tenant_id, name) DO NOTHING",
        (uuid4(), tenant, name, chunking),
    )
    return await get_collection(connection, name)


async def delete_collection(connection: AsyncConnection[Row], name: str) -> list[str]:
    """Delete a collection with its documents and return the blob keys they used."""
    collection = await get_collection(connection, name)
    cursor = await connection.execute(
        "SELECT DISTINCT v.blob_key FROM document_versions v JOIN documents d"
        " ON d.uid = v.document_uid WHERE d.collection_id = %s AND v.blob_key IS NOT NULL",
        (collection.id,),
    )
    blobs = [row[0] for row in await cursor.fetchall()]
    await connection.execute("DELETE FROM collections WHERE id = %s", (collection.id,))
    return blobs


async def holds_of_others(
    connection: AsyncConnection[Row], collection: CollectionId, user: UUID
) -> bool:
    """Whether the collection has documents that somebody else keeps to himself or to some."""
    cursor = await connection.execute(
        "SELECT EXISTS (SELECT FROM documents WHERE collection_id = %s AND access_id <> 0"
        " AND owner_id <> %s)",
        (collection, user),
    )
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


def _collection(row: Row) -> Collection:
    identity, name, description, chunking, created_at, documents, chunks, languages = row
    return Collection(
        id=CollectionId(identity),
        name=name,
        description=description,
        chunking=chunking,
        created_at=created_at,
        document_count=documents,
        chunk_count=chunks,
        languages=languages,
    )
