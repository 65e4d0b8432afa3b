"""What a set is made by: what somebody wants, and what a language model suggests for it."""

from __future__ import annotations

from dataclasses import dataclass, field

from groundwell.apps.quiz.questions import Question, QuestionType, QuizMode
from groundwell.domain.filters import Filter

OVER_BUDGET = "budget"
"""What `degraded` names when the caller's tokens of the day are spent."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The questions that somebody wants. `collection` None: all; `types` empty: any.

    `count` is what is served of what was `asked`.
    """

    topic: str | None
    count: int
    asked: int
    mode: QuizMode
    collection: str | None = None
    types: tuple[QuestionType, ...] = ()
    seed: int = 0
    filter: Filter | None = field(default=None)


@dataclass(frozen=True, slots=True)
class Suggested:
    """Questions of a language model that was asked, without checks; `degraded`: what it lacked."""

    questions: tuple[Question, ...]
    degraded: tuple[str, ...] = ()
