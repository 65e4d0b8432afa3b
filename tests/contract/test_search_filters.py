"""Filters as the database evaluates them, against a reading of their meaning in plain Python."""

from __future__ import annotations

import operator
import random
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from groundwell.domain.documents import JsonValue
from groundwell.domain.filters import (
    And,
    Comparison,
    Condition,
    Filter,
    Not,
    Or,
    Scalar,
    parse_filter,
)
from groundwell.store.embedded import EmbeddedPostgres
from groundwell.store.jsonpath import to_jsonpath

HOSTILE = [
    "", "a", "B", "10", 'say "hi"', "back\\slash", "it's", "$.x", "@", "' OR 1=1 --", "%s %(x)s",
    "naïve", "\u2028", "😀", "\uffff", "tab\tline\n", "\x7f", "null", "true", ") || (1 == 1",
]  # fmt: skip
NUMBERS = [0, 1, -1, 2, 10, 2**53, 2**53 + 1, 10**30, 0.1, -0.5, 1.0, 1e-9, 1e22, -1e300, 5e-324]
SCALARS: list[Scalar] = [*HOSTILE, *NUMBERS, True, False, None]
FIELDS = ["f", "g-1", "a.b", "a.b.c", "_h"]
ORDERED: dict[Comparison, Callable[[object, object], bool]] = {
    Comparison.GT: operator.gt,
    Comparison.GTE: operator.ge,
    Comparison.LT: operator.lt,
    Comparison.LTE: operator.le,
}
scalars = st.sampled_from(SCALARS) | st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8
) | st.integers(-20, 20)  # fmt: skip
orderable = scalars.filter(lambda value: value is not None and not isinstance(value, bool))
fields = st.sampled_from(FIELDS)
one_of = st.sampled_from([Comparison.EQ, Comparison.NE])
conditions = (
    st.builds(lambda f, c, v: Condition(f, c, (v,)), fields, one_of, scalars)
    | st.builds(
        lambda f, c, v: Condition(f, c, (v,)), fields, st.sampled_from([*ORDERED]), orderable
    )
    | st.builds(
        lambda f, c, v: Condition(f, c, tuple(v)),
        fields,
        st.sampled_from([Comparison.IN, Comparison.NIN]),
        st.lists(scalars, max_size=4),
    )
)
filters = st.recursive(
    conditions,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: And(tuple(parts)))
        | st.lists(inner, min_size=1, max_size=3).map(lambda parts: Or(tuple(parts)))
        | inner.map(Not)
    ),
    max_leaves=6,
)


def holds(node: Filter, document: JsonValue) -> bool:
    """Whether a filter holds for a document."""
    match node:
        case And(parts):
            return all(holds(part, document) for part in parts)
        case Or(parts):
            return any(holds(part, document) for part in parts)
        case Not(part):
            return not holds(part, document)
        case Condition(field, Comparison.NE, values):
            return not holds(Condition(field, Comparison.EQ, values), document)
        case Condition(field, Comparison.NIN, values):
            return not holds(Condition(field, Comparison.IN, values), document)
        case Condition(field, comparison, values):
            found = [item for value in lookup(document, field) for item in unwrapped(value)]
            compare = ORDERED.get(comparison, operator.eq)
            return any(agrees(compare, item, value) for item in found for value in values)


def lookup(document: JsonValue, field: str) -> list[JsonValue]:
    """The values that a dotted name leads to; a list on the way stands for its elements."""
    found = [document]
    for name in field.split("."):
        found = [
            item[name]
            for value in found
            for item in unwrapped(value)
            if isinstance(item, Mapping) and name in item
        ]
    return found


def unwrapped(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else [value]


def agrees(compare: Callable[[object, object], bool], left: object, right: object) -> bool:
    return kind(left) == kind(right) != "other" and compare(exact(left), exact(right))


def kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case str():
            return "string"
        case _:
            return "other"


def exact(value: object) -> object:
    """A number as its digits say, for that is what the database compares."""
    return Decimal(repr(value)) if kind(value) == "number" else value


def random_documents(count: int) -> list[dict[str, JsonValue]]:
    """Documents whose fields have values of any kind, lists, objects, or are not there."""
    choose = random.Random(3)

    def value(depth: int) -> JsonValue:
        pick = choose.random()
        if pick < 0.65 or depth > 2:
            return choose.choice(SCALARS)
        if pick < 0.85:
            return [value(depth + 1) for _ in range(choose.randrange(4))]
        return {name: value(depth + 1) for name in choose.sample(["b", "c", "x"], 2)}

    def nested() -> JsonValue:
        inner = {"b": {"c": value(1)}} if choose.random() < 0.5 else {"b": value(0)}
        return [inner, {"b": value(0)}] if choose.random() < 0.3 else inner

    documents: list[dict[str, JsonValue]] = [{}]
    for _ in range(count - 1):
        document = {name: value(0) for name in ("f", "g-1", "_h") if choose.random() < 0.8}
        if choose.random() < 0.7:
            document["a"] = nested() if choose.random() < 0.8 else value(0)
        documents.append(document)
    return documents


DOCUMENTS = random_documents(250)


@pytest.fixture(scope="module")
def attributes(postgres: EmbeddedPostgres) -> Iterator[psycopg.Connection]:
    """The documents in a table with the index that filters use."""
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("CREATE TEMP TABLE filtered (n int, attributes jsonb)")
        connection.execute(
            "CREATE INDEX filtered_attributes ON filtered USING gin (attributes jsonb_path_ops)"
        )
        connection.cursor().executemany(
            "INSERT INTO filtered VALUES (%s, %s)",
            [(number, Jsonb(document)) for number, document in enumerate(DOCUMENTS)],
        )
        yield connection


def matches(connection: psycopg.Connection, node: Filter) -> set[int]:
    rows = connection.execute(
        "SELECT n FROM filtered WHERE attributes @@ %s::jsonpath", (to_jsonpath(node),)
    )
    return {number for (number,) in rows}


@pytest.mark.parametrize("use_index", ["off", "on"])
@settings(max_examples=150, deadline=None)
@given(node=filters)
def test_a_filter_finds_what_it_means(attributes: psycopg.Connection, use_index: str, node: Filter):
    attributes.execute("SELECT set_config('enable_seqscan', %s, false)", (
        "off" if use_index == "on" else "on",))  # fmt: skip
    expected = {n for n, document in enumerate(DOCUMENTS) if holds(node, document)}
    assert matches(attributes, node) == expected


@pytest.mark.parametrize("comparison", list(Comparison))
def test_each_operator_finds_some_documents_and_not_all(
    attributes: psycopg.Connection, comparison: Comparison
):
    values = ("a", 1, True) if comparison in (Comparison.IN, Comparison.NIN) else (1,)
    found = matches(attributes, Condition("f", comparison, values))
    assert 0 < len(found) < len(DOCUMENTS)


@pytest.mark.parametrize(
    ("source", "document", "expected"),
    [
        ({"tags": "a"}, {"tags": ["b", "a"]}, True),
        ({"tags": {"$nin": ["a"]}}, {"tags": ["b", "a"]}, False),
        ({"year": {"$ne": 2020}}, {}, True),
        ({"year": {"$gt": 2000}}, {"year": "2020"}, False),
        ({"year": {"$not": {"$gt": 2000}}}, {"year": "2020"}, True),
        ({"year": 1}, {"year": True}, False),
        ({"a.b": 2}, {"a": {"b": 2}}, True),
        ({"a.b": 2}, {"a": [{"b": 1}, {"b": 2}]}, True),
        ({"a": {"$in": []}}, {"a": 1}, False),
        ({"a": {"$nin": []}}, {}, True),
        ({"a": None}, {"a": None}, True),
        ({"a": None}, {}, False),
        ({"date": {"$gte": "2024-01-01"}}, {"date": "2024-03-01"}, True),
    ],
)
def test_what_filters_mean_by_example(
    attributes: psycopg.Connection,
    source: dict[str, JsonValue],
    document: dict[str, JsonValue],
    expected: bool,
):
    node = parse_filter(source)
    assert node is not None
    row = attributes.execute(
        "SELECT coalesce(%s::jsonb @@ %s::jsonpath, false)", (Jsonb(document), to_jsonpath(node))
    ).fetchone()
    assert row == (expected,)
    assert holds(node, document) is expected


def test_the_largest_filter_that_is_allowed_is_evaluated(attributes: psycopg.Connection):
    node = parse_filter({"$or": [{"f": {"$nin": list(range(1000))}}] * 64})
    assert node is not None
    nested: Filter = Condition("f", Comparison.EQ, ("a",))
    for _ in range(6):
        nested = Not(nested)
    assert matches(attributes, node) == {
        n for n, document in enumerate(DOCUMENTS) if holds(node, document)
    }
    assert matches(attributes, nested) == matches(attributes, Condition("f", Comparison.EQ, ("a",)))
