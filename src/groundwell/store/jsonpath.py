"""Filters as SQL/JSON path predicates (PostgreSQL manual, section 9.16.2).

A path is one bound parameter, so nothing of a filter ever becomes SQL. In a path, names and
strings are JSON strings, and lists are unwrapped: `$."tags" == "a"` holds when any element is.
"""

from __future__ import annotations

import json

from groundwell.domain.filters import And, Comparison, Condition, Filter, Not, Or, Scalar

_ORDERED = {
    Comparison.EQ: "==",
    Comparison.GT: ">",
    Comparison.GTE: ">=",
    Comparison.LT: "<",
    Comparison.LTE: "<=",
}
_NEVER = "(1 == 2)"


def to_jsonpath(node: Filter) -> str:
    """The predicate over a document's attributes."""
    match node:
        case And(parts):
            return "(" + " && ".join(to_jsonpath(part) for part in parts) + ")"
        case Or(parts):
            return "(" + " || ".join(to_jsonpath(part) for part in parts) + ")"
        case Not(part):
            return _negated(to_jsonpath(part))
        case Condition():
            return _condition(node)


def _condition(condition: Condition) -> str:
    field = "$" + "".join(f".{_literal(name)}" for name in condition.field.split(".") if name)
    match condition.comparison:
        case Comparison.NE:
            return _negated(f"({field} == {_literal(condition.values[0])})")
        case Comparison.IN:
            return _any_of(field, condition.values)
        case Comparison.NIN:
            return _negated(_any_of(field, condition.values))
        case ordered:
            return f"({field} {_ORDERED[ordered]} {_literal(condition.values[0])})"


def _any_of(field: str, values: tuple[Scalar, ...]) -> str:
    if not values:
        return _NEVER
    return "(" + " || ".join(f"{field} == {_literal(value)}" for value in values) + ")"


def _negated(predicate: str) -> str:
    # Comparing a string with a number is "unknown"; a filter means "does not hold".
    return f"(!{predicate} || {predicate} is unknown)"


def _literal(value: Scalar) -> str:
    return json.dumps(value, ensure_ascii=False)
