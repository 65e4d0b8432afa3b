"""What is found out about a set as a whole, when it is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

from groundwell.apps.quiz.arrangement import key_place, most_keys
from groundwell.apps.quiz.checks.examined import FALSE, TRUE
from groundwell.apps.quiz.questions import CheckResult, Question, QuestionType, QuizMode
from groundwell.apps.quiz.resemblance import (
    Likeness,
    is_duplicate,
    is_giveaway,
    is_spoilt,
    likeness_of,
)
from groundwell.apps.quiz.selection import MAX_ONE_SIDED
from groundwell.apps.quiz.shown import letter

BALANCES = frozenset({"key_balance", "truth_balance"})
"""The checks of how even the answers are."""


def check_set(
    questions: Sequence[Question], mode: QuizMode, documents: int
) -> tuple[CheckResult, ...]:
    """What the checks of the whole found, in an order that is always the same.

    `documents` counts those that the set could be of. `detail` says what was counted, whether or
    not the check passed. Takes 2.4 ms for 25 questions, 21 ms for 100.
    """
    likenesses = [likeness_of(question) for question in questions]
    return (
        _pairs("duplicates", likenesses, is_duplicate, "ask the same"),
        _pairs("giveaways", likenesses, _TELLS[mode], "give an answer away"),
        _key_balance(questions),
        _truth_balance(questions),
        _documents(questions, documents),
        _levels(questions),
    )


def _pairs(
    name: str,
    likenesses: Sequence[Likeness],
    are_alike: Callable[[Likeness, Likeness], bool],
    what: str,
) -> CheckResult:
    count = sum(are_alike(first, second) for first, second in combinations(likenesses, 2))
    return CheckResult(name, count == 0, f"{count} pairs {what}.")


def _tells_or_spoils(first: Likeness, second: Likeness) -> bool:
    return is_giveaway(first, second) or is_spoilt(second, first)


_TELLS: Mapping[QuizMode, Callable[[Likeness, Likeness], bool]] = {
    QuizMode.PRACTICE: _tells_or_spoils,
    QuizMode.QUIZ: is_giveaway,
}
"""Whether of two questions, in their order, one answers the other: practice shows proofs between
them."""


def _key_balance(questions: Sequence[Question]) -> CheckResult:
    choices = [question for question in questions if question.type is QuestionType.MCQ]
    widths = Counter(len(question.options) for question in choices)
    places = Counter(map(key_place, choices))
    counts = ", ".join(
        f"{letter(place)} {places[place]}" for place in range(max(widths, default=0))
    )
    return CheckResult(
        "key_balance",
        all(count <= most_keys(place, widths) for place, count in places.items()),
        f"Right options by their place: {counts or 'none'}.",
    )


def _truth_balance(questions: Sequence[Question]) -> CheckResult:
    truths = Counter(each.answer for each in questions if each.type is QuestionType.TRUE_FALSE)
    true, false = truths[TRUE], truths[FALSE]
    is_even = abs(true - false) <= MAX_ONE_SIDED
    return CheckResult("truth_balance", is_even, f"Statements: {true} true, {false} false.")


def _documents(questions: Sequence[Question], documents: int) -> CheckResult:
    counts = Counter(question.source.document_id for question in questions)
    most, there = max(counts.values(), default=0), max(documents, len(counts))
    detail = f"Documents: {len(counts)} of {there}, with {most} questions at most."
    return CheckResult("documents", len(counts) > 1 or most <= 1 or there == 1, detail)


def _levels(questions: Sequence[Question]) -> CheckResult:
    counts = Counter(question.bloom for question in questions)
    listed = ", ".join(f"{level} {count}" for level, count in sorted(counts.items()))
    is_mixed = len(counts) > 1 or len(questions) <= 1
    return CheckResult("levels", is_mixed, f"Questions by level: {listed or 'none'}.")
