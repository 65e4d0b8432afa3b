"""Conversations and their messages; each belongs to one user."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID, uuid4

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from groundwell.domain.answers import Conversation, ConversationId, Message, MessageId, Role
from groundwell.domain.chunks import ChunkId
from groundwell.domain.documents import Metadata, TenantId
from groundwell.domain.errors import NotFoundError
from groundwell.store.database import Row

WITHDRAWN = "This answer quoted a document that has been deleted."
"""What stands for an answer whose sources are gone; the database says the same."""

_COLUMNS = "SELECT id, created_at, updated_at, title FROM conversations"


async def insert_conversation(
    connection: AsyncConnection[Row], tenant: TenantId, user: UUID, title: str | None
) -> Conversation:
    """Begin a conversation."""
    cursor = await connection.execute(
        "INSERT INTO conversations (id, tenant_id, user_id, title) VALUES (%s, %s, %s, %s)"
        " RETURNING id, created_at, updated_at, title",
        (uuid4(), tenant, user, title),
    )
    row = await cursor.fetchone()
    assert row is not None, "INSERT … RETURNING gives a row"
    return _conversation(row)


async def get_conversation(
    connection: AsyncConnection[Row], user: UUID, conversation: ConversationId
) -> Conversation:
    """The user's conversation; NotFoundError when it is missing or somebody else's."""
    cursor = await connection.execute(
        f"{_COLUMNS} WHERE id = %s AND user_id = %s", (conversation, user)
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFoundError("There is no conversation with that id.", code="conversation_not_found")
    return _conversation(row)


async def list_conversations(
    connection: AsyncConnection[Row], user: UUID, limit: int, offset: int
) -> list[Conversation]:
    """The user's conversations, the one used last first."""
    cursor = await connection.execute(
        f"{_COLUMNS} WHERE user_id = %s ORDER BY updated_at DESC, id LIMIT %s OFFSET %s",
        (user, limit, offset),
    )
    return [_conversation(row) for row in await cursor.fetchall()]


async def delete_conversation(
    connection: AsyncConnection[Row], user: UUID, conversation: ConversationId
) -> None:
    """Delete a conversation with its messages; NotFoundError when it is not the user's."""
    cursor = await connection.execute(
        "DELETE FROM conversations WHERE id = %s AND user_id = %s", (conversation, user)
    )
    if cursor.rowcount == 0:
        raise NotFoundError("There is no conversation with that id.", code="conversation_not_found")


async def list_messages(
    connection: AsyncConnection[Row], conversation: ConversationId, last: int
) -> list[Message]:
    """The last `last` messages, oldest first."""
    cursor = await connection.execute(
        "SELECT id, role, content, timestamp, metadata FROM messages WHERE conversation_id = %s"
        " ORDER BY timestamp DESC, id DESC LIMIT %s",
        (conversation, last),
    )
    rows = await cursor.fetchall()
    return [
        Message(MessageId(row[0]), conversation, Role(row[1]), row[2], row[3], row[4])
        for row in reversed(rows)
    ]


async def hold_sources(
    connection: AsyncConnection[Row], chunks: Sequence[ChunkId]
) -> dict[ChunkId, UUID]:
    """The documents of chunks. They cannot be deleted before the transaction ends.

    Chunks that are gone, or replaced by those of a newer version, are left out.
    """
    cursor = await connection.execute(
        "SELECT c.id::text, d.uid FROM chunks c JOIN documents d ON d.uid = c.document_uid"
        " WHERE c.id = ANY(%s::uuid[]) ORDER BY d.uid FOR KEY SHARE OF d",
        (list(chunks),),
    )
    return {ChunkId(chunk): uid for chunk, uid in await cursor.fetchall()}


async def append_message(
    connection: AsyncConnection[Row],
    tenant: TenantId,
    conversation: ConversationId,
    role: Role,
    content: str,
    metadata: Metadata,
) -> None:
    """Add a message to the end."""
    await connection.execute(
        "INSERT INTO messages (id, tenant_id, conversation_id, role, content, metadata)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (uuid4(), tenant, conversation, role.value, content, Jsonb(metadata)),
    )
    await connection.execute(
        "UPDATE conversations SET updated_at = now() WHERE id = %s", (conversation,)
    )


def _conversation(row: Row) -> Conversation:
    return Conversation(ConversationId(row[0]), row[1], row[2], row[3])
