"""Answers to questions, and the questions that they have shown to be bad."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID, uuid4

from psycopg import AsyncConnection

from groundwell.domain.documents import CollectionId, TenantId
from groundwell.store.database import Row

_MOST_ANSWERS = 1000
# What the others answered counts for whoever sees the document: of their answers, only numbers
# leave the application. Of each person the first answer to each question counts: later ones tell
# what was learned. `others` is the share of a person's answers to other questions that was right.
_ANSWERS: LiteralString = """
    WITH wanted AS (
        SELECT q.id, q.document_uid FROM questions q JOIN chunks c ON c.id = q.chunk_id
        WHERE q.user_id = %(user)s AND q.id = ANY(%(questions)s)
    ), given AS (
        SELECT a.user_id, a.question_id, a.is_correct, a.chosen, a.answered_at,
               row_number() OVER (PARTITION BY a.question_id ORDER BY a.answered_at DESC, a.id)
               AS place
        FROM question_answers a
        JOIN questions q ON q.user_id = a.user_id AND q.id = a.question_id
        JOIN wanted w ON w.id = q.id AND w.document_uid = q.document_uid
        WHERE a.is_first
    ), whole AS (
        SELECT a.user_id, count(*) AS asked, count(*) FILTER (WHERE a.is_correct) AS known
        FROM question_answers a
        WHERE a.is_first AND a.user_id IN (SELECT g.user_id FROM given g)
        GROUP BY a.user_id
    )
    SELECT g.question_id, g.is_correct, g.chosen,
           (w.known - g.is_correct::integer)::float8 / nullif(w.asked - 1, 0)
    FROM given g JOIN whole w ON w.user_id = g.user_id
    WHERE g.place <= %(most)s
    ORDER BY g.question_id, g.answered_at, g.place
"""


@dataclass(frozen=True, slots=True)
class NewAnswer:
    """An answer. `rating` is that of FSRS, 1 to 4; `chosen` what was answered, if that is known."""

    question: str
    rating: int
    is_correct: bool
    chosen: str | None
    milliseconds: int | None
    moment: datetime


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """A person's first answer to a question.

    `others`: the share of right ones among his first answers to other questions, if there are any.
    """

    question: str
    is_correct: bool
    chosen: str | None
    others: float | None


async def insert_answer(
    connection: AsyncConnection[Row], tenant: TenantId, user: UUID, answer: NewAnswer
) -> None:
    """Keep an answer of the user's, who holds the question (`hold_question`)."""
    await connection.execute(
        "INSERT INTO question_answers (id, tenant_id, user_id, question_id, rating, is_correct,"
        " chosen, milliseconds, answered_at, is_first)"
        " SELECT %s, %s, %s, %s, %s, %s, %s, %s, %s, NOT EXISTS (SELECT FROM question_answers"
        " WHERE user_id = %s AND question_id = %s)",
        (
            uuid4(),
            tenant,
            user,
            answer.question,
            answer.rating,
            answer.is_correct,
            answer.chosen,
            answer.milliseconds,
            answer.moment,
            user,
            answer.question,
        ),
    )


async def list_answers(
    connection: AsyncConnection[Row], user: UUID, questions: Sequence[str]
) -> list[AnswerRow]:
    """The first answer of each person to these questions of the user's.

    At most of the 1,000 that came to a question last.
    """
    cursor = await connection.execute(
        _ANSWERS, {"user": user, "questions": list(questions), "most": _MOST_ANSWERS}
    )
    return [AnswerRow(*row) for row in await cursor.fetchall()]


async def list_answered(
    connection: AsyncConnection[Row], user: UUID, limit: int, offset: int
) -> list[tuple[str, str, str | None]]:
    """The user's questions that somebody answered: id, content, and why it retired, if it did.

    In the order of their ids.
    """
    cursor = await connection.execute(
        "SELECT q.id, q.content::text, r.reason FROM questions q JOIN chunks c ON c.id = q.chunk_id"
        " LEFT JOIN retired_questions r"
        " ON r.document_uid = q.document_uid AND r.question_id = q.id"
        " WHERE q.user_id = %s AND EXISTS (SELECT FROM question_answers a"
        " JOIN questions o ON o.user_id = a.user_id AND o.id = a.question_id"
        " WHERE a.question_id = q.id AND a.is_first AND o.document_uid = q.document_uid)"
        " ORDER BY q.id LIMIT %s OFFSET %s",
        (user, limit, offset),
    )
    return [(row[0], row[1], row[2]) for row in await cursor.fetchall()]


async def retire(
    connection: AsyncConnection[Row],
    tenant: TenantId,
    document: UUID,
    question: str,
    reason: str,
) -> None:
    """See to it that nobody of the tenant is asked the question again."""
    await connection.execute(
        "INSERT INTO retired_questions (document_uid, question_id, tenant_id, reason)"
        " VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (document, question, tenant, reason),
    )


async def list_retired(
    connection: AsyncConnection[Row], collections: Sequence[CollectionId]
) -> tuple[str, ...]:
    """The ids of what is not to be asked about documents of these collections, in order."""
    cursor = await connection.execute(
        "SELECT DISTINCT r.question_id FROM retired_questions r"
        " JOIN documents d ON d.uid = r.document_uid WHERE d.collection_id = ANY(%s) ORDER BY 1",
        (list(collections),),
    )
    return tuple(row[0] for row in await cursor.fetchall())
