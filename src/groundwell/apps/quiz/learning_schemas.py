"""What learners send of their answers, and what they are told."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from groundwell.apps.quiz.learning import Answered, DueQuestion, Standing
from groundwell.apps.quiz.review import Recall
from groundwell.apps.quiz.schemas import AnswerText, QuestionId, QuestionOut
from groundwell.web.fields import WHOLE

_MOST_PARTS = 100
_TELLING: list[JsonValue] = [
    {"required": [name], "properties": {name: {"not": {"type": "null"}}}}
    for name in ("answer", "rating")
]
_MOST_MILLISECONDS = 86_400_000


class ReviewIn(BaseModel):
    """An answer, or how well it was known, or both.

    `answer` is graded here: the text or letter of an option, what is typed, or, for matching and
    ordering, a list of texts or letters. Without `rating`, a right answer counts as `good` and a
    wrong one as `again`.
    """

    model_config = ConfigDict(extra="forbid", json_schema_extra={"anyOf": _TELLING})

    question_id: QuestionId
    answer: AnswerText | Annotated[list[AnswerText], Field(max_length=_MOST_PARTS)] | None = None
    rating: Recall | None = None
    set_id: UUID | None = Field(
        default=None,
        description="The set in which it was shown, which says what the letters stand for; "
        "null: the newest with this question.",
    )
    ms: Annotated[int, Field(ge=0, le=_MOST_MILLISECONDS), WHOLE] | None = Field(
        default=None, description="How long the answer took, in milliseconds."
    )

    @model_validator(mode="after")
    def _tells_something(self) -> ReviewIn:
        if self.answer is None and self.rating is None:
            raise PydanticCustomError("missing", "Send an `answer`, a `rating`, or both")
        return self


class ReviewOut(BaseModel):
    """What became of an answer. `answer` is the key, `feedback` is for what was chosen."""

    question_id: str
    correct: bool
    rating: Recall
    answer: str
    feedback: str
    due: datetime

    @classmethod
    def of(cls, answered: Answered) -> ReviewOut:
        """The outcome as clients see it."""
        question = answered.question
        return cls(
            question_id=question.id,
            correct=answered.is_correct,
            rating=answered.recall,
            answer=question.answer,
            feedback=question.explanation if answered.grade is None else answered.grade.feedback,
            due=answered.due,
        )


class DueOut(BaseModel):
    """A question that is to be asked again, and since when."""

    due: datetime
    question: QuestionOut

    @classmethod
    def of(cls, found: DueQuestion) -> DueOut:
        """The question as clients see it."""
        return cls(due=found.due, question=QuestionOut.of(found.question))


class DueList(BaseModel):
    """Questions that are due, the one that has waited longest first."""

    questions: list[DueOut]


class StandingOut(BaseModel):
    """What the answers of everybody tell of a question.

    `discrimination` is null where it cannot be told. `retired` says why it is not asked any more.
    """

    question_id: str
    stem: str
    answers: int
    share_correct: float
    discrimination: float | None
    dead_distractors: list[str]
    retired: str | None

    @classmethod
    def of(cls, standing: Standing) -> StandingOut:
        """The standing as clients see it."""
        found = standing.statistics
        return cls(
            question_id=standing.question.id,
            stem=standing.question.stem,
            answers=found.answers,
            share_correct=found.share_correct,
            discrimination=found.discrimination,
            dead_distractors=list(found.dead_distractors),
            retired=standing.retired,
        )


class StandingList(BaseModel):
    """Questions that were answered, in the order of their ids."""

    questions: list[StandingOut]
