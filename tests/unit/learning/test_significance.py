"""Telling a difference from chance."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from groundwell.domain.evaluation import MEASURES, Measures
from groundwell.learning.significance import compare_runs, randomisation_test


def run(**values: float) -> dict[str, Measures]:
    return {query: dict.fromkeys(MEASURES, value) for query, value in values.items()}


def test_the_p_value_is_that_of_all_choices_of_signs() -> None:
    differences = np.array([0.3, -0.1, 0.2, 0.05, 0.4, -0.02, 0.1, 0.25])
    sums = [abs(np.dot(signs, differences)) for signs in product((-1, 1), repeat=8)]
    exact = np.mean([value >= abs(differences.sum()) - 1e-12 for value in sums])
    assert randomisation_test(differences[:, None])[0] == pytest.approx(exact, abs=0.01)


def test_runs_that_are_alike_have_a_p_value_of_one() -> None:
    alike = run(a=0.5, b=0.25)
    compared = compare_runs(alike, alike)
    assert compared is not None
    assert {(d.difference, d.p_value, d.equal) for d in compared.differences} == {(0.0, 1.0, 2)}
    assert compared.changes == ()


def test_a_difference_in_every_query_is_significant() -> None:
    names = [f"q{number}" for number in range(30)]
    before = run(**dict.fromkeys(names, 0.4))
    after = run(**dict.fromkeys(names, 0.5))
    compared = compare_runs(before, after)
    assert compared is not None
    for difference in compared.differences:
        assert difference.p_value < 0.001
        assert difference.difference == pytest.approx(0.1)
        assert (difference.better, difference.worse, difference.equal) == (30, 0, 0)


def test_swapping_the_runs_turns_the_sign_and_keeps_the_p_value() -> None:
    a, b = run(x=0.1, y=0.9, z=0.5), run(x=0.2, y=0.8, z=0.9)
    forward, backward = compare_runs(a, b), compare_runs(b, a)
    assert forward is not None
    assert backward is not None
    for one, other in zip(forward.differences, backward.differences, strict=True):
        assert one.difference == pytest.approx(-other.difference)
        assert one.p_value == other.p_value
        assert (one.better, one.worse) == (other.worse, other.better) == (2, 1)


def test_the_queries_that_changed_most_come_first() -> None:
    compared = compare_runs(run(a=0.5, b=0.5, c=0.5), run(a=0.4, b=1.0, c=0.5))
    assert compared is not None
    assert [change.query_id for change in compared.changes] == ["b", "a"]


def test_only_common_queries_are_compared() -> None:
    compared = compare_runs(run(a=0.5, b=0.0), run(a=0.5, c=1.0))
    assert compared is not None
    assert compared.queries == 1
    assert compare_runs(run(a=0.5), run(b=0.5)) is None
