"""Questions and sets of them; each belongs to one user, and goes with the document it quotes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg import AsyncConnection

from groundwell.domain.chunks import ChunkId
from groundwell.domain.documents import TenantId
from groundwell.domain.errors import NotFoundError
from groundwell.store.conversations import hold_sources
from groundwell.store.database import Row

MOST_SETS = 100
"""Sets that are kept for a user; the oldest leave, and with them what was never answered."""

# A question is seen by who sees its chunk: neither one whose document is no longer shared with the
# user, nor one of an older version.
COLUMNS: LiteralString = "SELECT q.id, q.document_uid, q.content::text, q.card, q.due"
SEEN: LiteralString = " FROM questions q JOIN chunks c ON c.id = q.chunk_id"
# The same as a set showed it.
_SHOWN_COLUMNS: LiteralString = "SELECT q.id, q.document_uid, i.content::text, q.card, q.due"
_SHOWN: LiteralString = (
    " FROM question_set_items i JOIN chunks c ON c.id = i.chunk_id"
    " JOIN questions q ON q.user_id = i.user_id AND q.id = i.question_id"
)


@dataclass(frozen=True, slots=True)
class QuestionRow:
    """A question as it is stored. `content` is JSON; `document` its internal id."""

    id: str
    document: UUID
    content: str
    card: Mapping[str, Any] | None
    due: datetime | None


@dataclass(frozen=True, slots=True)
class NewQuestion:
    """A question to be stored, and the chunk that it quotes."""

    id: str
    chunk: ChunkId
    content: str


@dataclass(frozen=True, slots=True)
class NewSet:
    """A set to be stored. Its id is a digest of what it holds, so that it is stored once."""

    id: UUID
    topic: str | None
    mode: str
    asked: int
    notes: tuple[str, ...]
    fallback_used: bool
    questions: tuple[NewQuestion, ...]


@dataclass(frozen=True, slots=True)
class SetRow:
    """A set as it is stored, with those of its questions that are left, in order."""

    id: UUID
    topic: str | None
    mode: str
    asked: int
    notes: tuple[str, ...]
    fallback_used: bool
    questions: tuple[QuestionRow, ...]


async def insert_set(
    connection: AsyncConnection[Row], tenant: TenantId, user: UUID, new: NewSet
) -> None:
    """Keep a set for a user, as what was shown to him last.

    Questions that he has already keep their state, and are from now on as this set shows them;
    those whose document has been deleted meanwhile are left out.
    """
    await connection.execute(
        "INSERT INTO question_sets"
        " (id, tenant_id, user_id, topic, mode, asked, notes, fallback_used)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (id) DO UPDATE SET shown_at = excluded.shown_at",
        (
            *(new.id, tenant, user, new.topic, new.mode, new.asked),
            *(list(new.notes), new.fallback_used),
        ),
    )
    held = await hold_sources(connection, [question.chunk for question in new.questions])
    kept = {
        ordinal: question
        for ordinal, question in enumerate(new.questions, start=1)
        if question.chunk in held
    }
    await _insert_questions(connection, tenant, user, list(kept.values()), held)
    await _insert_items(connection, tenant, user, new.id, kept, held)
    await _drop_oldest(connection, user)


async def _insert_questions(
    connection: AsyncConnection[Row],
    tenant: TenantId,
    user: UUID,
    kept: Sequence[NewQuestion],
    held: Mapping[ChunkId, UUID],
) -> None:
    # In one order for everybody, so that two requests do not wait for each other in a circle.
    ordered = sorted(kept, key=lambda question: question.id)
    await connection.execute(
        "INSERT INTO questions AS q (user_id, id, tenant_id, document_uid, chunk_id, content)"
        " SELECT %s, n.id, %s, n.document, n.chunk, n.content::json"
        " FROM unnest(%s::text[], %s::uuid[], %s::uuid[], %s::text[])"
        " AS n (id, document, chunk, content)"
        " ON CONFLICT (user_id, id) DO UPDATE SET document_uid = excluded.document_uid,"
        " chunk_id = excluded.chunk_id, content = excluded.content"
        " WHERE q.chunk_id <> excluded.chunk_id OR q.content::text <> excluded.content::text",
        (user, tenant, *_in_columns(ordered, held)),
    )


async def _insert_items(
    connection: AsyncConnection[Row],
    tenant: TenantId,
    user: UUID,
    identity: UUID,
    kept: Mapping[int, NewQuestion],
    held: Mapping[ChunkId, UUID],
) -> None:
    await connection.execute(
        "INSERT INTO question_set_items (set_id, ordinal, tenant_id, user_id, question_id,"
        " document_uid, chunk_id, content)"
        " SELECT %s, n.ordinal, %s, %s, n.id, n.document, n.chunk, n.content::json"
        " FROM unnest(%s::integer[], %s::text[], %s::uuid[], %s::uuid[], %s::text[])"
        " AS n (ordinal, id, document, chunk, content) ON CONFLICT DO NOTHING",
        (identity, tenant, user, list(kept), *_in_columns(list(kept.values()), held)),
    )


def _in_columns(
    kept: Sequence[NewQuestion], held: Mapping[ChunkId, UUID]
) -> tuple[list[str], list[UUID], list[ChunkId], list[str]]:
    return (
        [question.id for question in kept],
        [held[question.chunk] for question in kept],
        [question.chunk for question in kept],
        [question.content for question in kept],
    )


async def _drop_oldest(connection: AsyncConnection[Row], user: UUID) -> None:
    cursor = await connection.execute(
        "DELETE FROM question_sets WHERE id IN (SELECT id FROM question_sets WHERE user_id = %s"
        " ORDER BY shown_at DESC, id OFFSET %s)",
        (user, MOST_SETS),
    )
    if cursor.rowcount:
        await connection.execute(
            "DELETE FROM questions q WHERE q.user_id = %s AND q.card IS NULL AND NOT EXISTS"
            " (SELECT FROM question_set_items i WHERE i.user_id = q.user_id"
            " AND i.question_id = q.id)",
            (user,),
        )


async def get_set(connection: AsyncConnection[Row], user: UUID, identity: UUID | None) -> SetRow:
    """The user's set, with its questions as it showed them.

    Without an id, the one that he was shown last of those that still have a question. Raises
    NotFoundError when it is missing or somebody else's, or when there is none.
    """
    cursor = await connection.execute(
        "SELECT s.id, s.topic, s.mode, s.asked, s.notes, s.fallback_used FROM question_sets s"
        " WHERE s.user_id = %s AND (s.id = %s OR %s::uuid IS NULL AND EXISTS (SELECT"
        " FROM question_set_items i JOIN chunks c ON c.id = i.chunk_id WHERE i.set_id = s.id))"
        " ORDER BY s.shown_at DESC, s.id LIMIT 1",
        (user, identity, identity),
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFoundError(
            "You have no set with questions."
            if identity is None
            else "There is no question set with that id.",
            code="question_set_not_found",
        )
    found, topic, mode, asked, notes, fallback_used = row
    cursor = await connection.execute(
        _SHOWN_COLUMNS + _SHOWN + " WHERE i.set_id = %s ORDER BY i.ordinal", (found,)
    )
    questions = tuple(QuestionRow(*held) for held in await cursor.fetchall())
    return SetRow(found, topic, mode, asked, tuple(notes), fallback_used, questions)


async def get_questions(
    connection: AsyncConnection[Row], user: UUID, identities: Sequence[str]
) -> list[QuestionRow]:
    """The user's questions in the order of their ids here; NotFoundError when one is missing."""
    cursor = await connection.execute(
        COLUMNS + SEEN + " WHERE q.user_id = %s AND q.id = ANY(%s)", (user, list(identities))
    )
    found = {row[0]: QuestionRow(*row) for row in await cursor.fetchall()}
    if any(identity not in found for identity in identities):
        raise _missing()
    return [found[identity] for identity in identities]


async def hold_question(
    connection: AsyncConnection[Row], user: UUID, identity: str, shown_in: UUID | None = None
) -> QuestionRow:
    """The user's question, which nobody else can answer until the transaction ends.

    As the set `shown_in` showed it, without one as it was last shown to the user. Raises
    NotFoundError when it is missing, there or in the set, not to be seen any more, or somebody
    else's.
    """
    ours: LiteralString = " WHERE q.user_id = %(user)s AND q.id = %(question)s"
    hold: LiteralString = " FOR NO KEY UPDATE OF q"
    newest = COLUMNS + SEEN + ours + hold
    shown = _SHOWN_COLUMNS + _SHOWN + ours + " AND i.set_id = %(set)s" + hold
    cursor = await connection.execute(
        newest if shown_in is None else shown,
        {"user": user, "question": identity, "set": shown_in},
    )
    row = await cursor.fetchone()
    if row is None:
        raise _missing("" if shown_in is None else " in that set")
    return QuestionRow(*row)


def _missing(where: str = "") -> NotFoundError:
    return NotFoundError(f"There is no question with that id{where}.", code="question_not_found")
