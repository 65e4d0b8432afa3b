"""Metadata filters in Mongo's style, checked and turned into a small tree.

    {"year": {"$gte": 2020}, "$or": [{"lang": "en"}, {"lang": {"$in": ["de", "fr"]}}]}

A field that holds a list matches when any element matches. `$ne` and `$nin` also match where the
field is missing, as in Mongo. Besides the document's own metadata, the fields `document_id`,
`filename` and `uploaded_at` (ISO 8601, UTC) can be used.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from groundwell.domain.documents import JsonValue
from groundwell.domain.errors import InvalidInputError

MAX_CONDITIONS = 64
MAX_DEPTH = 6
MAX_LIST = 1000
FIELD = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}"
"""What the name of a field looks like."""

_FIELD = re.compile(FIELD, re.ASCII)

Scalar: TypeAlias = str | int | float | bool | None


class Comparison(StrEnum):
    """The operators on one field."""

    EQ = "$eq"
    NE = "$ne"
    IN = "$in"
    NIN = "$nin"
    GT = "$gt"
    GTE = "$gte"
    LT = "$lt"
    LTE = "$lte"


_COMPARISONS = frozenset(comparison.value for comparison in Comparison)


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison. `values` has one element except for IN and NIN."""

    field: str
    comparison: Comparison
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class And:
    """All parts hold; no parts: always true."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any part holds; no parts: never true."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Filter


Filter: TypeAlias = Condition | And | Or | Not


def parse_filter(source: Mapping[str, JsonValue]) -> Filter | None:
    """Check a filter and return its tree, None for `{}`.

    Raises InvalidInputError, naming the place, for unknown operators, hostile field names,
    values of the wrong kind, and filters that are too large or too deep.
    """
    if not source:
        return None
    parser = _Parser()
    return parser.clause(source, depth=1)


class _Parser:
    """Walks a filter and counts its conditions."""

    def __init__(self) -> None:
        self._conditions = 0

    def clause(self, source: JsonValue, depth: int) -> Filter:
        if depth > MAX_DEPTH:
            raise _too_large(f"A filter may be nested {MAX_DEPTH} levels deep at most.")
        if not isinstance(source, Mapping) or not source:
            raise _invalid("Each part of a filter must be a JSON object with at least one key.")
        parts = [self._entry(key, value, depth) for key, value in source.items()]
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _entry(self, key: str, value: JsonValue, depth: int) -> Filter:
        match key:
            case "$and":
                return And(self._list(key, value, depth))
            case "$or":
                return Or(self._list(key, value, depth))
            case "$not":
                return Not(self.clause(value, depth + 1))
            case _ if key.startswith("$"):
                raise _invalid(f"Unknown operator {_shown(key)}. Use $and, $or, $not or a field.")
            case _ if not _FIELD.fullmatch(key):
                raise _invalid(
                    f"{_shown(key)} is not a field name. "
                    "Use 1 to 64 letters, digits, dots, hyphens and underscores."
                )
            case _:
                return self._field(key, value, depth)

    def _list(self, key: str, value: JsonValue, depth: int) -> tuple[Filter, ...]:
        if not isinstance(value, Sequence) or isinstance(value, str) or not value:
            raise _invalid(f"{key} needs a list with at least one filter.")
        return tuple(self.clause(part, depth + 1) for part in value)

    def _field(self, field: str, value: JsonValue, depth: int) -> Filter:
        if not isinstance(value, Mapping):
            return self._condition(field, Comparison.EQ, value)
        if not value:
            raise _invalid(f"The condition on '{field}' is empty.")
        parts: list[Filter] = []
        for operator, operand in value.items():
            if operator == "$not":
                if not isinstance(operand, Mapping):
                    raise _invalid(f"$not on '{field}' needs an object of operators.")
                if depth >= MAX_DEPTH:
                    raise _too_large(f"A filter may be nested {MAX_DEPTH} levels deep at most.")
                parts.append(Not(self._field(field, operand, depth + 1)))
            elif operator in _COMPARISONS:
                parts.append(self._condition(field, Comparison(operator), operand))
            else:
                known = ", ".join(Comparison)
                raise _invalid(f"Unknown operator {_shown(operator)} on '{field}'. Use {known}.")
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _condition(self, field: str, comparison: Comparison, operand: JsonValue) -> Condition:
        self._conditions += 1
        if self._conditions > MAX_CONDITIONS:
            raise _too_large(f"A filter may hold {MAX_CONDITIONS} conditions at most.")
        if comparison in (Comparison.IN, Comparison.NIN):
            if not isinstance(operand, Sequence) or isinstance(operand, str):
                raise _invalid(f"{comparison} on '{field}' needs a list.")
            if len(operand) > MAX_LIST:
                raise _invalid(f"{comparison} on '{field}' takes {MAX_LIST} values at most.")
            return Condition(field, comparison, tuple(_scalar(field, v) for v in operand))
        value = _scalar(field, operand)
        ordered = comparison not in (Comparison.EQ, Comparison.NE)
        if ordered and (value is None or isinstance(value, bool)):
            raise _invalid(f"{comparison} on '{field}' needs a number or a string.")
        return Condition(field, comparison, (value,))


def _scalar(field: str, value: JsonValue) -> Scalar:
    if isinstance(value, float) and not math.isfinite(value):
        raise _invalid(f"The value for '{field}' is not a finite number.")
    if value is None or isinstance(value, str | int | float):
        return value
    raise _invalid(f"The value for '{field}' must be a string, a number, true, false or null.")


def _shown(key: str) -> str:
    return repr(key[:40])


def _too_large(detail: str) -> InvalidInputError:
    return InvalidInputError(detail, code="filter_too_large")


def _invalid(detail: str) -> InvalidInputError:
    return InvalidInputError(detail, code="invalid_filter")
