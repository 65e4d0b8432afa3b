"""Reading the one number of an answer."""

from __future__ import annotations

import re
from dataclasses import dataclass

from groundwell.domain.languages import DEFAULT_LANGUAGE
from groundwell.generation.check import numbers_in

_NUMBER = re.compile(r"(?<![\w.,])[-−]?\d++(?:[.,'’\u00a0\u202f]\d++)*+")
_PLAIN = str.maketrans({"−": "-", "'": "", "’": "", "\u00a0": "", "\u202f": ""})
_GROUP = 3
_MAX_DIGITS = 15
_GROUPS = re.compile(r"-?\d{1,3}(?:,\d{3})+|-?\d{1,3}(?:\.\d{3})+")
_RANGE_BEFORE = re.compile(r"\d\S{0,3}\s?[-–—]\s?\Z")
_RANGE_AFTER = re.compile(r"\s?[-–—]\s?\d")
_MAX_UNIT_CHARS = 30
_BEFORE_CHARS = 8


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number as a document writes it: `text[start:end]`, with what stands after it as unit.

    `tolerance` is half of the last decimal that is written; whole numbers have none.
    """

    value: float
    tolerance: float
    unit: str | None
    start: int
    end: int


def find_quantity(answer: str, text: str, language: str) -> Quantity | None:
    """The answer's number where `text` has it; None unless both have it, in one reading only.

    The unit is what follows the number in `answer`; `text` must have it there as well.
    """
    written = _NUMBER.search(answer)
    if written is None or len(numbers_in(answer)) != 1:
        return None
    unit = answer[written.end() :].strip(" .,;") or None
    if unit and len(unit) > _MAX_UNIT_CHARS:
        return None
    for found in _NUMBER.finditer(text):
        if not _is_same(found.group(), written.group()) or _is_in_range(text, found):
            continue
        rest = text[found.end() :].lstrip()
        value = value_of(found.group(), language)
        if value is not None and (unit is None or rest.casefold().startswith(unit.casefold())):
            return Quantity(value, _tolerance_of(value), unit, found.start(), found.end())
    return None


def value_of(number: str, language: str) -> float | None:
    """The value of a written number; None where it depends on who reads it, as `1.234` may."""
    digits = number.translate(_PLAIN)
    marks = [mark for mark in digits if mark in ".,"]
    if len(marks) > 1 and marks[0] != marks[-1]:
        # Of two different marks the last is the decimal one: 1,234.5 and 1.234,5.
        whole, _, fraction = digits.rpartition(marks[-1])
        return _number(whole.replace(marks[0], ""), fraction) if _GROUPS.fullmatch(whole) else None
    if len(marks) > 1:
        return _number(digits.replace(marks[0], "")) if _GROUPS.fullmatch(digits) else None
    if not marks:
        return _number(digits)
    whole, mark, fraction = digits.partition(marks[0])
    if len(fraction) != _GROUP or whole.strip("-") == "0" or not _GROUPS.fullmatch(digits):
        return _number(whole, fraction)
    if language != DEFAULT_LANGUAGE:
        return None
    return _number(whole, fraction) if mark == "." else _number(whole + fraction)


def _number(whole: str, fraction: str = "") -> float | None:
    return float(f"{whole}.{fraction}") if len(whole + fraction) <= _MAX_DIGITS else None


def _tolerance_of(value: float) -> float:
    _, _, fraction = repr(value).partition(".")
    return 0.0 if value.is_integer() else 0.5 * 10.0 ** -len(fraction)


def _is_same(one: str, other: str) -> bool:
    is_sign_same = (one[0] in "-−") == (other[0] in "-−")
    return is_sign_same and numbers_in(one) == numbers_in(other)


def _is_in_range(text: str, found: re.Match[str]) -> bool:
    """Whether the number is one end of a range: then half of it would be asked for."""
    before = text[max(0, found.start() - _BEFORE_CHARS) : found.start()]
    return bool(_RANGE_BEFORE.search(before) or _RANGE_AFTER.match(text, found.end()))
