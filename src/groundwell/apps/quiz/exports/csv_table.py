"""Questions as a table: comma-separated values after RFC 4180, for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Final

from groundwell.apps.quiz.legible import decimal, legible
from groundwell.apps.quiz.questions import Question, QuestionSet
from groundwell.apps.quiz.shown import choices

COLUMNS: Final = (
    "number",
    "id",
    "type",
    "stem",
    "options",
    "option_feedback",
    "answer",
    "accepted",
    "value",
    "tolerance",
    "unit",
    "left",
    "right",
    "steps",
    "hint",
    "explanation",
    "bloom",
    "difficulty",
    "language",
    "document",
    "page",
    "quote",
)
"""The names in the first row."""

# A spreadsheet takes a cell that begins so for a formula (OWASP, "CSV injection"). A text that
# begins with the mark of a text gets another one, so that one can always be taken away again.
_FORMULA: Final = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\n", "'")
_MARK_OF_TEXT: Final = "'"


def as_csv(questions: QuestionSet) -> bytes:
    """A row for each question. UTF-8 with a byte order mark, by which Excel knows it."""
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(COLUMNS)
    for number, question in enumerate(questions.questions, start=1):
        writer.writerow(_row(number, question))
    return table.getvalue().encode("utf-8-sig")


def _row(number: int, question: Question) -> tuple[str, ...]:
    options = choices(question)
    source = question.source
    return (
        str(number),
        question.id,
        question.type,
        _cell(question.stem),
        _lines(option.text for option in options),
        _lines(option.feedback for option in options),
        _cell(question.answer),
        _lines(question.accepted),
        _number(question.value),
        _number(question.tolerance),
        _cell(question.unit or ""),
        _lines(pair.left for pair in question.pairs),
        _lines(pair.right for pair in question.pairs),
        _lines(question.steps),
        _cell(question.hint),
        _cell(question.explanation),
        question.bloom,
        str(question.difficulty),
        _cell(question.language),
        _cell(source.title or source.filename),
        "" if source.page is None else str(source.page),
        _cell(source.quote),
    )


def _lines(texts: Iterable[str]) -> str:
    """One text a line, for no legible text has a line feed; nothing where all are empty."""
    return _safe("\n".join(legible(text) for text in texts).rstrip("\n"))


def _cell(text: str) -> str:
    return _safe(legible(text))


def _safe(cell: str) -> str:
    return _MARK_OF_TEXT + cell if cell.startswith(_FORMULA) else cell


def _number(value: float | None) -> str:
    return "" if value is None else decimal(value)
