"""Numbers that could stand in the place of another one: wrong, and written as it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from random import Random

from groundwell.apps.quiz.checks.wording import NUMBER_WORDS
from groundwell.apps.quiz.facts.quantities import number_of

# Far enough from one another that nobody is asked to tell rounding from knowing, and near enough
# that nobody can leave one out who knows only how large such things are.
_STEP = 1.5
_STEPS = 3
_LADDER = tuple(_STEP**power for power in range(-_STEPS, _STEPS + 1))
_YEARS_BEFORE = (-58, -41, -23)
_YEARS_AFTER = (19, 37, 56)
_LAST_YEAR = 2000
"""Later years are made up only where the text names later ones: it may be older than they are."""
_LEAST_SCALED = 10.0
_WHOLE = 100.0
_MOST_SHARE = 80.0
SHARES = frozenset({"%", "percent", "per cent"})
_SPELLED = {float(digits): word for word, digits in NUMBER_WORDS.items()}
# Nobody is asked to tell 12 from 13. Years may be near one another, but not centuries apart.
_RATIOS = (1.2, _LADDER[-1])
_RATIOS_OF_YEARS = (1.0, 1.05)
_LEAST_YEARS = 5


def amounts_near(
    number: str,
    value: float,
    unit: str,
    count: int,
    seed: int,
    told: Mapping[float, str] | None = None,
    taken: str = "",
) -> list[str]:
    """Up to `count` numbers around `value` in the spelling of `number`, the nearest first.

    `told` are numbers of the text with the same unit, which come first; none that stands in `taken`
    is used. Others are made up: amounts are half as much again as one another with as many digits,
    small numbers and years lie a few apart, shares stay below the whole and years in the past. The
    seed decides how many are smaller: each count as likely as any other, as far as there are such
    numbers, or the right one would be known by its place.
    """
    scale = _RATIOS_OF_YEARS if unit == "year" else _RATIOS
    told = told or {}
    known = {
        other: text
        for other, text in told.items()
        if scale[0] <= _ratio(other, value) <= scale[1] and _is_written_like(text, number)
    }
    made = {
        rung: _written(rung, number)
        for rung in _rungs(number, value, unit, told)
        if _is_possible(rung, value, unit) and not _crowds(rung, (value, *known), unit)
    }
    spelled = {
        other: text
        for other, text in {**made, **known}.items()
        if other != value and text and text != number and text not in taken
    }
    near = sorted(spelled, key=lambda other: (other not in known, _ratio(other, value)))
    below = [other for other in near if other < value]
    above = [other for other in near if other > value]
    least = max(0, count - len(above))
    smaller = Random(seed).randint(least, max(least, min(count, len(below))))
    chosen = {*below[:smaller], *above[: count - smaller]}
    others = sorted(chosen, key=lambda other: _ratio(other, value))
    return list(dict.fromkeys(spelled[other] for other in others))


def size_of(number: str) -> float:
    """The value of a number in digits or in words; 0.0 of anything else."""
    return float(NUMBER_WORDS.get(number, 0.0)) or number_of(number) or 0.0


def _crowds(rung: float, others: Iterable[float], unit: str) -> bool:
    """Whether it is so near one of the others that the two cannot be told apart."""
    if unit == "year":
        return any(abs(rung - other) < _LEAST_YEARS for other in others)
    return any(_ratio(rung, other) < _RATIOS[0] for other in others)


def _ratio(one: float, other: float) -> float:
    return max(one, other) / min(one, other)


def _is_written_like(text: str, number: str) -> bool:
    """Whether both are in words, or both in digits with as many decimals."""
    return text.isalpha() == number.isalpha() and _decimals(text) == _decimals(number)


def _decimals(number: str) -> int:
    return len(number.partition(".")[2])


def _rungs(number: str, value: float, unit: str, told: Mapping[float, str]) -> list[float]:
    if unit == "year":
        room = max(value, _LAST_YEAR, *told) - value
        pace = min(1.0, room / _YEARS_AFTER[-1])
        later = [round(step * pace) for step in _YEARS_AFTER]
        return [value + step for step in (*_YEARS_BEFORE, *later)]
    if (value < _LEAST_SCALED and value.is_integer()) or number.isalpha():
        return [*_counts(value, math.floor, 1 / _RATIOS[0]), *_counts(value, math.ceil, _RATIOS[0])]
    scaled = [value * factor for factor in _LADDER]
    if _is_share(value, unit):
        scaled = [*scaled[: _STEPS + 1], *_greater_shares(value)]
    return [_rounded(amount, number) for amount in scaled]


def _counts(value: float, rounded: Callable[[float], int], factor: float) -> Iterator[float]:
    """Whole numbers on one side, each far enough from the one before."""
    for _ in range(_STEPS):
        value = float(rounded(value * factor))
        yield value


def _greater_shares(value: float) -> Iterator[float]:
    """A step more, or halfway to the whole where that is less, and so on."""
    for _ in range(_STEPS):
        value = min(_STEP * value, (value + _WHOLE) / 2.0)
        yield value


def _is_share(value: float, unit: str) -> bool:
    return unit in SHARES and value <= _WHOLE


def _is_possible(rung: float, value: float, unit: str) -> bool:
    if unit == "year":
        return True
    if _is_share(value, unit) and rung > value > _MOST_SHARE:
        return False
    return rung > 1.0 or (rung > 0.0 and not value.is_integer())


def _rounded(amount: float, number: str) -> float:
    """The amount with as many significant digits as the number has, two at least."""
    digits = max(2, len(number.replace(",", "").replace(".", "").strip("0")))
    rounded = float(f"{amount:.{digits}g}")
    return rounded if "." in number else float(round(rounded))


def _written(amount: float, number: str) -> str:
    """The amount as the number is spelled; "" where it cannot be."""
    if number.isalpha():
        return _SPELLED.get(amount, "")
    decimals = _decimals(number)
    return f"{amount:,.{decimals}f}" if "," in number else f"{amount:.{decimals}f}"
