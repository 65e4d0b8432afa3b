from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwell.domain.documents import JsonValue
from groundwell.domain.errors import InvalidInputError
from groundwell.domain.filters import (
    MAX_CONDITIONS,
    MAX_DEPTH,
    MAX_LIST,
    And,
    Comparison,
    Condition,
    Filter,
    Not,
    Or,
    parse_filter,
)

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
names = st.sampled_from(["year", "lang", "a.b", "$and", "$or", "$not", "$eq", "$in", "$gt", "$x"])
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=12,
)


def nested(depth: int) -> dict[str, JsonValue]:
    inner: dict[str, JsonValue] = {"a": 1}
    for _ in range(depth - 1):
        inner = {"$or": [inner]}
    return inner


def nodes(tree: Filter) -> list[Filter]:
    match tree:
        case And(parts) | Or(parts):
            return [tree, *(node for part in parts for node in nodes(part))]
        case Not(part):
            return [tree, *nodes(part)]
        case _:
            return [tree]


def test_an_empty_filter_is_no_filter():
    assert parse_filter({}) is None


def test_a_bare_value_means_equality():
    assert parse_filter({"lang": "en"}) == Condition("lang", Comparison.EQ, ("en",))


def test_several_fields_and_operators_must_all_hold():
    assert parse_filter({"year": {"$gte": 2020, "$lt": 2024}, "lang": None}) == And(
        (
            And(
                (
                    Condition("year", Comparison.GTE, (2020,)),
                    Condition("year", Comparison.LT, (2024,)),
                )
            ),
            Condition("lang", Comparison.EQ, (None,)),
        )
    )


def test_or_not_and_lists_become_a_tree():
    assert parse_filter({"$or": [{"a": {"$in": [1, "x"]}}, {"$not": {"b": {"$nin": []}}}]}) == Or(
        (
            Condition("a", Comparison.IN, (1, "x")),
            Not(Condition("b", Comparison.NIN, ())),
        )
    )


def test_not_can_stand_on_a_field():
    assert parse_filter({"a": {"$not": {"$gt": 3}}}) == Not(Condition("a", Comparison.GT, (3,)))


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ({"$nor": [{"a": 1}]}, "Unknown operator"),
        ({"a": {"$regex": ".*"}}, r"'\$regex' on 'a'"),
        ({"a": {"b": 1}}, "Unknown operator"),
        ({"a' OR 1=1 --": 1}, "not a field name"),
        ({"": 1}, "not a field name"),
        ({"a" * 65: 1}, "not a field name"),
        ({"ä": 1}, "not a field name"),
        ({"a\n": 1}, "not a field name"),
        ({"a": {}}, "is empty"),
        ({"a": [1]}, "must be a string, a number"),
        ({"a": {"$in": "abc"}}, "needs a list"),
        ({"a": {"$in": 5}}, "needs a list"),
        ({"a": {"$in": [[1]]}}, "must be a string, a number"),
        ({"a": {"$in": [1] * (MAX_LIST + 1)}}, "1000 values at most"),
        ({"a": {"$gt": None}}, "a number or a string"),
        ({"a": {"$lte": True}}, "a number or a string"),
        ({"a": float("nan")}, "not a finite number"),
        ({"a": {"$gt": float("inf")}}, "not a finite number"),
        ({"a": {"$not": 3}}, "needs an object of operators"),
        ({"$and": []}, "at least one filter"),
        ({"$or": {"a": 1}}, "at least one filter"),
        ({"$and": "ab"}, "at least one filter"),
        ({"$and": [{}]}, "at least one key"),
        ({"$and": [3]}, "must be a JSON object"),
        ({"$not": None}, "must be a JSON object"),
        ({"$or": [{"a": 1}] * (MAX_CONDITIONS + 1)}, "64 conditions at most"),
        (nested(MAX_DEPTH + 1), "6 levels deep"),
    ],
)
def test_a_broken_filter_is_refused_with_its_reason(source: dict[str, JsonValue], reason: str):
    with pytest.raises(InvalidInputError, match=reason) as caught:
        parse_filter(source)
    assert caught.value.code in ("invalid_filter", "filter_too_large")


def test_nots_on_a_field_count_towards_the_depth():
    source: dict[str, JsonValue] = {"$gt": 1}
    for _ in range(MAX_DEPTH):
        source = {"$not": source}
    with pytest.raises(InvalidInputError, match="6 levels deep"):
        parse_filter({"a": source})


def test_filters_at_the_limits_are_accepted():
    assert parse_filter(nested(MAX_DEPTH)) is not None
    assert parse_filter({"$or": [{"a": 1}] * MAX_CONDITIONS}) is not None
    assert parse_filter({"a": {"$in": [1] * MAX_LIST}}) is not None


def parse_or_refuse(source: dict[str, JsonValue]) -> Filter | InvalidInputError | None:
    try:
        return parse_filter(source)
    except InvalidInputError as refusal:
        return refusal


@given(source=st.dictionaries(names, anything, max_size=4))
def test_any_json_gives_a_well_formed_tree_or_a_clear_refusal(source: dict[str, JsonValue]):
    outcome = parse_or_refuse(source)
    if isinstance(outcome, InvalidInputError):
        assert outcome.code == "invalid_filter"
        return
    assert (outcome is None) == (not source)
    conditions = [node for node in nodes(outcome) if isinstance(node, Condition)] if outcome else []
    assert all(not condition.field.startswith("$") for condition in conditions)
    assert all(
        len(condition.values) == 1
        for condition in conditions
        if condition.comparison not in (Comparison.IN, Comparison.NIN)
    )
