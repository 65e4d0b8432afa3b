"""Questions as JSON, for the database."""

from __future__ import annotations

from pydantic import TypeAdapter

from groundwell.apps.quiz.questions import Question

_QUESTION = TypeAdapter(Question)


def write_question(question: Question) -> str:
    """All of a question as JSON."""
    return _QUESTION.dump_json(question).decode()


def read_question(text: str) -> Question:
    """The question that `write_question` was given."""
    return _QUESTION.validate_json(text)
