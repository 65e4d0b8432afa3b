"""Options that are numbers: they stand in the order of their size."""

from __future__ import annotations

from collections.abc import Sequence

from groundwell.apps.quiz.checks.wording import is_number, wording


def numbers_of(options: Sequence[str], language: str) -> list[float] | None:
    """The options as numbers; None unless each is one number and, in all, the same other words."""
    words = [wording(option, language).words for option in options]
    numbers = [[word for word in each if is_number(word)] for each in words]
    rests = {tuple(word for word in each if not is_number(word)) for each in words}
    if len(rests) != 1 or any(len(each) != 1 or each[0].count(".") > 1 for each in numbers):
        return None
    return [float(each[0]) for each in numbers]


def is_sorted(options: Sequence[str], language: str) -> bool:
    """Whether options that are numbers rise or fall from first to last; True for all others."""
    numbers = numbers_of(options, language)
    return numbers is None or sorted(numbers) in (numbers, numbers[::-1])
