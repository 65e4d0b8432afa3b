"""Which of a user's questions are due, and when they are to be asked again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from groundwell.domain.chunks import ChunkId
from groundwell.domain.documents import CollectionId
from groundwell.store.database import Row
from groundwell.store.questions import COLUMNS, SEEN, QuestionRow

_NOT_RETIRED: LiteralString = (
    " NOT EXISTS (SELECT FROM retired_questions r"
    " WHERE r.document_uid = q.document_uid AND r.question_id = q.id)"
)


@dataclass(frozen=True, slots=True)
class DueOf:
    """Which of a user's due questions: of collections, of types, about chunks; None: of any."""

    collections: Sequence[CollectionId] | None = None
    types: Sequence[str] | None = None
    chunks: Sequence[ChunkId] | None = None


_ANY_DUE = DueOf()


async def list_due(
    connection: AsyncConnection[Row],
    user: UUID,
    moment: datetime,
    limit: int,
    of: DueOf = _ANY_DUE,
) -> list[QuestionRow]:
    """The user's questions that are due, the one that has waited longest first."""
    cursor = await connection.execute(
        COLUMNS + SEEN + " JOIN documents d ON d.uid = q.document_uid"
        " WHERE q.user_id = %s AND q.due <= %s"
        " AND (%s::uuid[] IS NULL OR d.collection_id = ANY(%s))"
        " AND (%s::text[] IS NULL OR q.content->>'type' = ANY(%s))"
        " AND (%s::uuid[] IS NULL OR q.chunk_id = ANY(%s)) AND"
        + _NOT_RETIRED
        + " ORDER BY q.due, q.id LIMIT %s",
        (
            user,
            moment,
            *(
                None if named is None else list(named)
                for named in (of.collections, of.types, of.chunks)
                for _ in range(2)
            ),
            limit,
        ),
    )
    return [QuestionRow(*row) for row in await cursor.fetchall()]


async def set_card(
    connection: AsyncConnection[Row],
    user: UUID,
    identity: str,
    card: Mapping[str, Any],
    due: datetime,
) -> None:
    """Note when a question is to be asked again."""
    await connection.execute(
        "UPDATE questions SET card = %s, due = %s WHERE user_id = %s AND id = %s",
        (Jsonb(card), due, user, identity),
    )
