"""Whether a question has the parts that its type needs, and no others."""

from __future__ import annotations

import math
from collections.abc import Iterator

from groundwell.apps.quiz.checks.examined import FALSE, GAP, PLACE, TRUE, TYPED, Examined
from groundwell.apps.quiz.checks.wording import wording
from groundwell.apps.quiz.questions import Question, QuestionType

_LEAST_PARTS = 3
_MOST_DIFFICULTY = 5


def schema_problems(examined: Examined) -> Iterator[str]:
    """What is missing, superfluous or out of bounds."""
    question = examined.question
    texts = {
        "stem": question.stem, "answer": question.answer, "explanation": question.explanation,
        "template": question.template, "quote": question.source.quote,
    }  # fmt: skip
    for name, text in texts.items():
        if not text.strip():
            yield f"The {name} is empty."
        # A quote is verbatim, whatever the document holds.
        elif name != "quote" and not text.replace("\n", "").replace("\t", "").isprintable():
            yield f"The {name} holds characters that cannot be shown."
    if not 1 <= question.difficulty <= _MOST_DIFFICULTY:
        yield "The difficulty is not between 1 and 5."
    yield from _parts(question)
    yield from _claim(examined)
    if question.type is QuestionType.NUMERIC:
        yield from _number(question)


def _parts(question: Question) -> Iterator[str]:
    kind = question.type
    if bool(question.options) != (kind is QuestionType.MCQ) and kind is not QuestionType.TRUE_FALSE:
        yield "Questions to choose from have options, others have none."
    if any(not option.text.strip() for option in question.options):
        yield "An option is empty."
    if question.accepted and kind not in TYPED:
        yield "Further spellings belong to typed answers only."
    for name, parts, owner in (
        ("pairs", question.pairs, QuestionType.MATCHING),
        ("steps", question.steps, QuestionType.ORDERING),
    ):
        if kind is owner and len(parts) < _LEAST_PARTS:
            yield f"There are fewer than {_LEAST_PARTS} {name}."
        if kind is not owner and parts:
            yield f"Only {owner} questions have {name}."
    if kind is QuestionType.CLOZE and len(GAP.findall(question.stem)) != 1:
        yield "A sentence to complete has exactly one gap."
    if kind is QuestionType.TRUE_FALSE and question.answer not in {TRUE, FALSE}:
        yield "A statement is either True or False."
    if kind is not QuestionType.NUMERIC and (question.value, question.unit) != (None, None):
        yield "Only numeric questions have a value and a unit."


def _claim(examined: Examined) -> Iterator[str]:
    claim, kind = examined.question.claim, examined.question.type
    if kind in {QuestionType.MATCHING, QuestionType.ORDERING}:
        if claim:
            yield "Matching and ordering questions make no claim."
    elif kind is QuestionType.TRUE_FALSE and PLACE not in claim:
        if not wording(claim, examined.question.language).is_in(examined.stem):
            yield "The statement is not the claim."
        elif not examined.key.terms:
            yield "The statement is called false, but has no word that its source lacks."
    elif claim.count(PLACE) != 1 or not examined.claim_terms:
        yield "The claim needs one place for the key, and something that it says about it."
    elif kind is QuestionType.TRUE_FALSE and not examined.key.line.strip():
        yield "The statement is not the claim with something in its place."


def _number(question: Question) -> Iterator[str]:
    value, tolerance = question.value, question.tolerance
    if value is None or not math.isfinite(value):
        yield "The value is missing."
        return
    if tolerance is not None and not 0 <= tolerance < max(abs(value), 1):
        yield "The tolerance is negative or as large as the value."
    unit = wording(question.unit or "", question.language)
    if question.unit and not unit.is_in(wording(question.stem, question.language)):
        yield "The unit does not stand in the stem."
