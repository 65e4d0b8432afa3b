"""What the quiz takes and gives."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from groundwell.apps.quiz.questions import (
    Bloom,
    CheckResult,
    Question,
    QuestionSet,
    QuestionType,
    QuizMode,
    Source,
)
from groundwell.apps.quiz.shown import choices, shown_order
from groundwell.apps.quiz.wanted import Wanted
from groundwell.domain.filters import parse_filter
from groundwell.domain.limits import MOST_QUESTIONS
from groundwell.web.fields import WHOLE, CollectionName
from groundwell.web.filter_schema import Filter

_COUNT = 25
_MOST_WHOLE = (1 << 53) - 1


def _no_blank(given: object) -> object:
    return None if isinstance(given, str) and not given.strip() else given


Topic = Annotated[
    Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)] | None,
    BeforeValidator(_no_blank),
]
"""What the questions are about; null or blank: anything."""

Count = Annotated[
    int,
    Field(
        ge=1, le=_MOST_WHOLE, description=f"How many questions; {MOST_QUESTIONS} are given at most."
    ),
    WHOLE,
]
QuestionId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
AnswerText = Annotated[str, StringConstraints(max_length=1000)]


class ChatIn(BaseModel):
    """The wish for questions. What is null is as if it were not there."""

    model_config = ConfigDict(extra="forbid")

    topic: Topic = None
    count: Count | None = _COUNT
    mode: QuizMode | None = QuizMode.PRACTICE

    def wanted(self) -> Wanted:
        """The wish as the service takes it."""
        return _wanted(self)


class ChatOut(BaseModel):
    """The questions as one Markdown text, and the moment of this answer."""

    response: str
    timestamp: str = Field(description="ISO 8601, in UTC.")

    @classmethod
    def of(cls, text: str) -> ChatOut:
        """The answer, given now."""
        return cls(response=text, timestamp=datetime.now(UTC).isoformat())


class GenerateIn(ChatIn):
    """The same with more to choose."""

    collection: CollectionName | None = Field(
        default=None, description="Where to look; null: in all collections but the samples."
    )
    types: list[QuestionType] = Field(
        default_factory=list, max_length=len(QuestionType), description="Empty: any."
    )
    seed: Annotated[int, Field(ge=0, le=_MOST_WHOLE), WHOLE] = Field(
        default=0, description="Another seed gives other questions."
    )
    filter: Filter = Field(default_factory=dict)

    def wanted(self) -> Wanted:
        """The wish as the service takes it. Raises InvalidInputError for a filter that is none."""
        return _wanted(self)


def _wanted(asked: ChatIn) -> Wanted:
    count = _COUNT if asked.count is None else asked.count
    more = asked if isinstance(asked, GenerateIn) else GenerateIn()
    return Wanted(
        topic=asked.topic,
        count=min(count, MOST_QUESTIONS),
        asked=count,
        mode=asked.mode or QuizMode.PRACTICE,
        collection=more.collection,
        types=tuple(sorted(set(more.types))),
        seed=more.seed,
        filter=parse_filter(more.filter),
    )


class OptionOut(BaseModel):
    """An answer to choose from. `feedback` tells whoever chose it why it is right or wrong."""

    text: str
    correct: bool
    feedback: str


class PairOut(BaseModel):
    """Two things that belong together."""

    left: str
    right: str


class QuestionSourceOut(BaseModel):
    """What proves a question: `quote` is `document_text[start:end]`, verbatim."""

    document: str
    version: int
    filename: str
    title: str | None
    page: int | None
    chunk: str
    quote: str
    start: int
    end: int

    @classmethod
    def of(cls, source: Source) -> QuestionSourceOut:
        """The source as clients see it."""
        return cls(
            document=source.document_id,
            version=source.version,
            filename=source.filename,
            title=source.title,
            page=source.page,
            chunk=source.chunk_id,
            quote=source.quote,
            start=source.start,
            end=source.end,
        )


class CheckOut(BaseModel):
    """What one check found. `detail` says in a sentence what is wrong, if anything."""

    name: str
    passed: bool
    detail: str


class QualityOut(BaseModel):
    """The checks that the question, or the set as a whole, went through."""

    checks: list[CheckOut]

    @classmethod
    def of(cls, checks: Sequence[CheckResult]) -> QualityOut:
        """The checks as clients see them."""
        return cls(
            checks=[
                CheckOut(name=check.name, passed=check.passed, detail=check.detail)
                for check in checks
            ]
        )


class QuestionOut(BaseModel):
    """A question with its key and its proof.

    `pairs` belong together, `steps` are in the right order; `shown` are the right sides or the
    steps as a learner is to see them, mixed. `value` and `tolerance` are in `unit`.
    """

    id: str
    type: QuestionType
    stem: str
    options: list[OptionOut]
    answer: str
    accepted: list[str]
    explanation: str
    hint: str
    source: QuestionSourceOut
    bloom: Bloom
    difficulty: int
    language: str
    value: float | None
    tolerance: float | None
    unit: str | None
    pairs: list[PairOut]
    steps: list[str]
    shown: list[str]
    template: str
    quality: QualityOut
    seed: int

    @classmethod
    def of(cls, question: Question) -> QuestionOut:
        """The question as clients see it."""
        right = [pair.right for pair in question.pairs] or list(question.steps)
        return cls(
            id=question.id,
            type=question.type,
            stem=question.stem,
            options=[
                OptionOut(text=option.text, correct=option.is_correct, feedback=option.feedback)
                for option in choices(question)
            ],
            answer=question.answer,
            accepted=list(question.accepted),
            explanation=question.explanation,
            hint=question.hint,
            source=QuestionSourceOut.of(question.source),
            bloom=question.bloom,
            difficulty=question.difficulty,
            language=question.language,
            value=question.value,
            tolerance=question.tolerance,
            unit=question.unit,
            pairs=[PairOut(left=pair.left, right=pair.right) for pair in question.pairs],
            steps=list(question.steps),
            shown=[right[place] for place in shown_order(question)] if right else [],
            template=question.template,
            quality=QualityOut.of(question.checks),
            seed=question.seed,
        )


class QuestionSetOut(BaseModel):
    """A set of questions. `notes` say why there are fewer than asked for, and what was left out.

    `quality` is of the set as a whole, each question has its own.
    """

    set_id: UUID
    topic: str | None
    mode: QuizMode
    asked: int
    questions: list[QuestionOut]
    notes: list[str]
    quality: QualityOut
    fallback_used: bool
    degraded: list[str]

    @classmethod
    def of(cls, identity: UUID, found: QuestionSet) -> QuestionSetOut:
        """The set as clients see it."""
        return cls(
            set_id=identity,
            topic=found.topic,
            mode=found.mode,
            asked=found.asked,
            questions=[QuestionOut.of(question) for question in found.questions],
            notes=list(found.notes),
            quality=QualityOut.of(found.checks),
            fallback_used=found.fallback_used,
            degraded=list(found.degraded),
        )
