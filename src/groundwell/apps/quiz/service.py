"""What the quiz decides: what is asked, what is kept, what was right."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID, uuid5

from psycopg import AsyncConnection

from groundwell.apps.quiz.assembly import with_first
from groundwell.apps.quiz.attempts import (
    no_questions,
    nothing_about_it,
    prove,
    try_set,
)
from groundwell.apps.quiz.layout import as_markdown
from groundwell.apps.quiz.materials import (
    choose_parts,
    with_pages,
)
from groundwell.apps.quiz.questions import Question, QuestionSet, QuizMode
from groundwell.apps.quiz.remembered import Made, QuizMemory, SharedSets, set_key
from groundwell.apps.quiz.set_checks import BALANCES, check_set
from groundwell.apps.quiz.stored import read_question, write_question
from groundwell.apps.quiz.wanted import Wanted
from groundwell.apps.quiz.workbench import WorkLostError
from groundwell.domain.chunks import ChunkId
from groundwell.domain.documents import CollectionId
from groundwell.domain.identity import Principal
from groundwell.domain.sharing import Viewer
from groundwell.services import Services
from groundwell.store import questions as store
from groundwell.store.corpus import CorpusPart, load_corpus
from groundwell.store.database import Row
from groundwell.store.due_questions import DueOf, list_due
from groundwell.store.question_answers import list_retired

_log = logging.getLogger(__name__)
# Whatever number somebody wrote, a database column has a largest one.
_MOST_ASKED = 2**31 - 1
_NO_DOCUMENTS = "There are no documents to ask about yet. Add some, then ask again."


@dataclass(frozen=True, slots=True)
class Generated:
    """A set of questions and its text. `is_remembered`: whether it was made for somebody before."""

    questions: QuestionSet
    text: str
    is_remembered: bool


async def generate(
    services: Services, memory: QuizMemory, caller: Principal, wanted: Wanted
) -> Generated:
    """The questions that somebody wants: in practice those that are due first, then others.

    The same for the same documents, request and answers until now, to the byte. Raises
    NotFoundError for an unknown collection.
    """
    viewer = Viewer.of(caller)
    corpus = await load_corpus(services.database, viewer)
    parts = choose_parts(corpus, wanted.collection)
    collections = [part.version.collection for part in parts]
    retired, due = await _known(services, caller, wanted, collections)

    asking = _Asking(services, memory, viewer, parts, tuple(retired))
    made, is_remembered = await asking.get(wanted)
    if due is None:
        async with services.database.transaction(viewer) as connection:
            due = await _due(connection, caller, wanted, collections, made.chunks)
    if not due:
        return Generated(made.questions, made.text, is_remembered)
    mixed = await asyncio.to_thread(_with_due, made, due, wanted)
    if len(made.questions.questions) == wanted.count and not _is_whole(mixed, wanted):
        # What is in the way of those that are due was chosen without knowing of them.
        spare, _ = await asking.without_model().get(replace(wanted, count=wanted.count + len(due)))
        mixed = await asyncio.to_thread(_with_due, made, due, wanted, spare.questions.questions)
    return Generated(mixed, await asyncio.to_thread(as_markdown, mixed), is_remembered)


@dataclass(frozen=True, slots=True)
class _Asking:
    """What sets are made of for somebody, whatever he wants."""

    services: Services
    memory: QuizMemory
    viewer: Viewer
    parts: Sequence[CorpusPart]
    retired: tuple[str, ...]

    def without_model(self) -> _Asking:
        """The same, but nothing is asked of a language model."""
        return replace(self, services=replace(self.services, quick_language_model=None))

    async def get(self, wanted: Wanted) -> tuple[Made, bool]:
        """The set that is wanted, and whether it was made for somebody before."""
        services, viewer, parts = self.services, self.viewer, self.parts

        async def make() -> Made:
            return await _make(
                services, self.memory, viewer, wanted, parts, frozenset(self.retired)
            )

        if services.retriever is services.uncached_retriever:
            # The request goes round the caches.
            return await make(), False
        model = services.quick_language_model
        versions = [part.version for part in parts]
        responses = services.responses
        name = None if model is None else model.model
        key = set_key(responses.keys, viewer.tenant, versions, wanted, self.retired, name)
        shared = SharedSets(responses.cache, viewer.tenant, key, responses.seconds)
        return await self.memory.get(shared, make)


async def _known(
    services: Services, caller: Principal, wanted: Wanted, collections: Sequence[CollectionId]
) -> tuple[tuple[str, ...], list[Question] | None]:
    """The ids that nobody is to be asked any more, and what the caller is to be asked again.

    None where that depends on which passages are about what is wanted.
    """
    is_practice = wanted.mode is QuizMode.PRACTICE
    is_narrow = wanted.topic is not None or wanted.filter is not None
    async with services.database.transaction(Viewer.of(caller)) as connection:
        retired = await list_retired(connection, collections)
        if is_practice and is_narrow:
            return retired, None
        due = await _due(connection, caller, wanted, collections) if is_practice else []
    return retired, due


async def _due(
    connection: AsyncConnection[Row],
    caller: Principal,
    wanted: Wanted,
    collections: Sequence[CollectionId],
    chunks: Sequence[ChunkId] | None = None,
) -> list[Question]:
    """As many as are wanted of what the caller is to be asked again; `chunks` None: of any."""
    rows = await list_due(
        connection,
        caller.user_id,
        datetime.now(UTC),
        wanted.count,
        DueOf(collections, wanted.types or None, chunks),
    )
    return [read_question(row.content) for row in rows]


async def _make(
    services: Services,
    memory: QuizMemory,
    viewer: Viewer,
    wanted: Wanted,
    parts: Sequence[CorpusPart],
    retired: frozenset[str],
) -> Made:
    if not any(part.chunks for part in parts):
        return _made(no_questions(wanted, _NO_DOCUMENTS))
    try:
        return await _try_to_make(services, memory, viewer, wanted, parts, retired)
    except WorkLostError:
        # By another set perhaps, that was made at the same time.
        _log.warning("the process that makes questions ended and is started again")
        return await _try_to_make(services, memory, viewer, wanted, parts, retired)


async def _try_to_make(
    services: Services,
    memory: QuizMemory,
    viewer: Viewer,
    wanted: Wanted,
    parts: Sequence[CorpusPart],
    retired: frozenset[str],
) -> Made:
    with memory.workbench.job() as job:
        materials, piece = await try_set(services, job, viewer, wanted, parts, retired)
        if piece is not None and not materials.is_everything:
            piece = await prove(services, job, viewer, parts, piece)
    if piece is None:
        return _made(replace(nothing_about_it(wanted), degraded=materials.degraded))
    memory.ahead.begin(services, viewer, parts)
    found = piece.questions
    paged = await with_pages(services, viewer, found.questions)
    degraded = tuple(dict.fromkeys((*materials.degraded, *found.degraded)))
    documents = len({passage.document_id for passage in materials.passages})
    checks = await asyncio.to_thread(check_set, paged, wanted.mode, documents)
    made = replace(found, questions=paged, degraded=degraded, checks=checks)
    return Made(made, as_markdown(made), materials.chunks, documents)


def _made(questions: QuestionSet) -> Made:
    checks = check_set((), questions.mode, 0)
    return Made(replace(questions, checks=checks), as_markdown(questions), (), 0)


def _with_due(
    made: Made, due: Sequence[Question], wanted: Wanted, spare: Sequence[Question] = ()
) -> QuestionSet:
    """The set with what is due in place of some of it. Takes processor time."""
    mixed = with_first(made.questions, due, wanted.count, wanted.seed, spare)
    return replace(mixed, checks=check_set(mixed.questions, wanted.mode, made.documents))


def _is_whole(mixed: QuestionSet, wanted: Wanted) -> bool:
    """Whether as many are there as are wanted, and their answers are even."""
    is_even = all(check.passed for check in mixed.checks if check.name in BALANCES)
    return is_even and len(mixed.questions) == wanted.count


async def keep(services: Services, caller: Principal, questions: QuestionSet) -> UUID:
    """Store a set for the caller as it was shown, and return its id.

    The same set always has the same id; one with other options, or in another order, another.
    """
    shown = tuple(
        store.NewQuestion(question.id, question.source.chunk_id, write_question(question))
        for question in questions.questions
    )
    told = (questions.notes, questions.fallback_used, [each.content for each in shown])
    about = (questions.topic, questions.mode.value, questions.asked, *told)
    identity = uuid5(caller.user_id, repr(about).encode("utf-8", "backslashreplace").decode())
    new = store.NewSet(
        id=identity,
        topic=questions.topic,
        mode=questions.mode.value,
        asked=min(questions.asked, _MOST_ASKED),
        notes=questions.notes,
        fallback_used=questions.fallback_used,
        questions=shown,
    )
    async with services.database.transaction(Viewer.of(caller)) as connection:
        await store.insert_set(connection, caller.tenant, caller.user_id, new)
    return identity


async def read_set(services: Services, caller: Principal, identity: UUID | None) -> QuestionSet:
    """A set of the caller's as it was shown to him; without an id, the newest that has questions.

    With those of its questions whose documents are still as they were, and still his to see.
    Raises NotFoundError when there is none.
    """
    async with services.database.transaction(Viewer.of(caller)) as connection:
        row = await store.get_set(connection, caller.user_id, identity)
    questions = tuple(read_question(found.content) for found in row.questions)
    return QuestionSet(
        questions, QuizMode(row.mode), row.asked, row.topic, row.notes, row.fallback_used
    )


async def read_questions(
    services: Services, caller: Principal, identities: Sequence[str]
) -> QuestionSet:
    """Questions of the caller's as they were last shown to him, as a set."""
    async with services.database.transaction(Viewer.of(caller)) as connection:
        rows = await store.get_questions(connection, caller.user_id, identities)
    questions = tuple(read_question(row.content) for row in rows)
    return QuestionSet(questions, QuizMode.PRACTICE, len(questions))
