"""Questions as JSON: all that is known of them, texts verbatim, named as over HTTP."""

from __future__ import annotations

import json
from typing import Final

from groundwell.apps.quiz.questions import Question, QuestionSet, Source
from groundwell.apps.quiz.shown import choices

VERSION: Final = 1
"""Of the structure: grows when a reader of the last one could no longer read it."""


def as_json(questions: QuestionSet) -> bytes:
    """An object with the set's own fields and a list of its questions (RFC 8259)."""
    whole = {
        "version": VERSION,
        "mode": questions.mode,
        "topic": questions.topic,
        "asked": questions.asked,
        "notes": list(questions.notes),
        "questions": [_question(question) for question in questions.questions],
    }
    text = json.dumps(whole, ensure_ascii=False, indent=1)
    # UTF-8 cannot hold half of a surrogate pair, but JSON's escapes can.
    return (text + "\n").encode("utf-8", "backslashreplace")


def _question(question: Question) -> dict[str, object]:
    return {
        "id": question.id,
        "type": question.type,
        "stem": question.stem,
        "options": [
            {"text": option.text, "correct": option.is_correct, "feedback": option.feedback}
            for option in choices(question)
        ],
        "answer": question.answer,
        "accepted": list(question.accepted),
        "value": question.value,
        "tolerance": question.tolerance,
        "unit": question.unit,
        "pairs": [{"left": pair.left, "right": pair.right} for pair in question.pairs],
        "steps": list(question.steps),
        "hint": question.hint,
        "explanation": question.explanation,
        "source": _source(question.source),
        "bloom": question.bloom,
        "difficulty": question.difficulty,
        "language": question.language,
        "template": question.template,
        "quality": {
            "checks": [
                {"name": check.name, "passed": check.passed, "detail": check.detail}
                for check in question.checks
            ]
        },
        "seed": question.seed,
    }


def _source(source: Source) -> dict[str, object]:
    return {
        "document": source.document_id,
        "version": source.version,
        "filename": source.filename,
        "title": source.title,
        "page": source.page,
        "chunk": source.chunk_id,
        "start": source.start,
        "end": source.end,
        "quote": source.quote,
    }
