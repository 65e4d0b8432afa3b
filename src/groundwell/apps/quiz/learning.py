"""What learners do with their questions: answer them, come back to them, see how they stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from psycopg import AsyncConnection

from groundwell.apps.quiz.grading import Grade, grade
from groundwell.apps.quiz.item_statistics import (
    LEAST_ANSWERS,
    GivenAnswer,
    ItemStatistics,
    item_statistics,
)
from groundwell.apps.quiz.questions import Question
from groundwell.apps.quiz.review import Recall, recall_of, space
from groundwell.apps.quiz.stored import read_question
from groundwell.domain.identity import Principal
from groundwell.domain.sharing import Viewer
from groundwell.services import Services
from groundwell.store import question_answers as answers_store
from groundwell.store import questions as store
from groundwell.store.database import Row
from groundwell.store.due_questions import list_due as list_due_rows
from groundwell.store.due_questions import set_card
from groundwell.store.question_answers import NewAnswer


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of an answer. `grade` is there when the answer itself was sent."""

    question: Question
    recall: Recall
    is_correct: bool
    due: datetime
    grade: Grade | None


@dataclass(frozen=True, slots=True)
class DueQuestion:
    """A question to be asked again, and since when."""

    question: Question
    due: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """A question and what everybody's answers tell of it. `retired`: why it is asked no more."""

    question: Question
    statistics: ItemStatistics
    retired: str | None


async def review(
    services: Services,
    caller: Principal,
    identity: str,
    answer: str | Sequence[str] | None,
    recall: Recall | None,
    milliseconds: int | None,
    shown_in: UUID | None,
) -> Answered:
    """Note that a question was answered, and say when it is due again.

    `answer` is graded; without one, whoever learns has judged for himself, and anything but `again`
    counts as right. `recall` None: as right or wrong as the answer. `shown_in`: the set whose
    options, and their order, the answer is about; None for the one that was shown last. Raises
    NotFoundError for a question that is not the caller's, or not of that set, InvalidInputError
    for an answer that cannot be one.
    """
    moment = datetime.now(UTC)
    async with services.database.transaction(Viewer.of(caller)) as connection:
        row = await store.hold_question(connection, caller.user_id, identity, shown_in)
        question = read_question(row.content)
        graded = None if answer is None else grade(question, answer)
        is_correct = recall is not Recall.AGAIN if graded is None else graded.is_correct
        told = recall or recall_of(is_correct=is_correct)
        spacing = space(row.card, told, moment, milliseconds)
        await set_card(connection, caller.user_id, identity, spacing.card, spacing.due)
        given = NewAnswer(
            question=identity,
            rating=int(told.rating),
            is_correct=is_correct,
            chosen=None if graded is None else graded.chosen,
            milliseconds=milliseconds,
            moment=moment,
        )
        await answers_store.insert_answer(connection, caller.tenant, caller.user_id, given)
        await _retire_if_bad(connection, caller, question, row.document)
    return Answered(question, told, is_correct, spacing.due, graded)


async def _retire_if_bad(
    connection: AsyncConnection[Row], caller: Principal, question: Question, document: UUID
) -> None:
    answers = await _answers(connection, caller, [question.id])
    found = answers.get(question.id, [])
    if len(found) < LEAST_ANSWERS:
        return
    flaw = item_statistics(question, found).flaw
    if flaw is not None:
        await answers_store.retire(connection, caller.tenant, document, question.id, flaw)


async def list_due(services: Services, caller: Principal, limit: int) -> list[DueQuestion]:
    """The caller's questions that are due now, the one that has waited longest first."""
    async with services.database.transaction(Viewer.of(caller)) as connection:
        rows = await list_due_rows(connection, caller.user_id, datetime.now(UTC), limit)
    return [DueQuestion(read_question(row.content), row.due) for row in rows if row.due is not None]


async def statistics(
    services: Services, caller: Principal, limit: int, offset: int
) -> list[Standing]:
    """How those of the caller's questions do that somebody of the tenant has answered."""
    async with services.database.transaction(Viewer.of(caller)) as connection:
        rows = await answers_store.list_answered(connection, caller.user_id, limit, offset)
        answers = await _answers(connection, caller, [identity for identity, _, _ in rows])
    standings = []
    for identity, content, reason in rows:
        question = read_question(content)
        standings.append(Standing(question, item_statistics(question, answers[identity]), reason))
    return standings


async def _answers(
    connection: AsyncConnection[Row], caller: Principal, identities: Sequence[str]
) -> dict[str, list[GivenAnswer]]:
    found: dict[str, list[GivenAnswer]] = {}
    for row in await answers_store.list_answers(connection, caller.user_id, identities):
        answer = GivenAnswer(row.is_correct, row.chosen, row.others)
        found.setdefault(row.question, []).append(answer)
    return found
