from __future__ import annotations

import pytest
from tests.unit.generation.setting import APOLLO, BREAD, passage

from groundwell.generation.check import numbers_in, problems_of
from groundwell.generation.cite import Draft
from groundwell.generation.passages import FirstPage

SOURCES = (passage(APOLLO), passage(BREAD, "bread.txt"))


def problems(text: str) -> list[str]:
    draft = Draft(SOURCES, FirstPage())
    draft.feed(text)
    draft.close()
    return problems_of(draft, SOURCES)


@pytest.mark.parametrize(
    "text",
    [
        "They landed on 20 July 1969 [1].",
        "1. They landed in 1969 [1].\n2. Bread takes 5 days [2].",
        "It took 5 days and 355 million dollars [1][2].",
        "A starter needs 5 days. So people say [2].",
    ],
)
def test_statement_whose_numbers_its_source_knows_passes(text: str):
    assert problems(text) == []


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("They landed in 1970 [1].", "1970"),
        ("They waited 5 days [1].", "5"),
        ("In 1812 nobody flew. They landed later [1].", "1812"),
        ("They landed [1]. They stayed long [8].", "does not exist"),
        ("They landed in 1969.", "cites no source"),
        ("", "cites no source"),
        ("They tell more at https://evil.example/?q=landed [1].", "web address"),
        ("They tell more at www.evil.example [1].", "web address"),
    ],
)
def test_failure_is_named(text: str, named: str):
    (problem,) = problems(text)
    assert named in problem


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1,000 or 1000 or 1.000", {"1000"}),
        ("2,50 and 2.5", {"2.5"}),
        ("٣ apples", {"3"}),
        ("COVID-19, B12", {"19", "12"}),
        ("10\u00a0000 m", {"10000"}),
        ("no number", set()),
    ],
)
def test_numbers_are_compared_in_one_spelling(text: str, numbers: set[str]):
    assert numbers_in(text) == numbers
