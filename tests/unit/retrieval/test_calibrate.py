from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwell.retrieval.calibrate import evidence, non_increasing, passage_scores

values = st.lists(st.floats(0, 1), max_size=40)
raw_scores = st.dictionaries(st.integers(0, 20), st.floats(-50, 50), max_size=15)


@given(values=values)
def test_fitted_values_never_rise(values: list[float]):
    fitted = non_increasing(values)
    assert len(fitted) == len(values)
    assert all(before >= after for before, after in pairwise(fitted))


@given(values=values.filter(bool))
def test_fitted_values_stay_between_the_least_and_the_greatest(values: list[float]):
    fitted = non_increasing(values)
    assert min(values) - 1e-12 <= min(fitted)
    assert max(fitted) <= max(values) + 1e-12


@given(values=values)
def test_fitting_keeps_the_mean(values: list[float]):
    assert sum(non_increasing(values)) == pytest.approx(sum(values))


@given(values=values)
def test_values_that_never_rise_are_left_alone(values: list[float]):
    falling = sorted(values, reverse=True)
    assert non_increasing(falling) == falling


@given(values=values, other=values)
def test_no_other_falling_sequence_is_nearer(values: list[float], other: list[float]):
    size = min(len(values), len(other))
    target, rival = values[:size], sorted(other[:size], reverse=True)

    def distance(guess: list[float]) -> float:
        return sum((a - b) ** 2 for a, b in zip(guess, target, strict=True))

    assert distance(non_increasing(target)) <= distance(rival) + 1e-9


@pytest.mark.parametrize(
    ("given", "fitted"),
    [
        ([], []),
        ([0.2, 0.6], [0.4, 0.4]),
        ([0.9, 0.3, 0.5, 0.1], [0.9, 0.4, 0.4, 0.1]),
        # The last value pulls up a pool that was already settled.
        ([0.5, 0.1, 0.3, 0.8], [0.5, 0.4, 0.4, 0.4]),
        ([0.0, 0.3, 0.9], [0.4, 0.4, 0.4]),
    ],
)
def test_neighbours_that_rise_are_pooled(given: list[float], fitted: list[float]):
    assert non_increasing(given) == pytest.approx(fitted)


@given(cosine=st.floats(-2, 2), bm25=st.floats(-50, 1e9))
def test_evidence_lies_in_zero_to_one(cosine: float, bm25: float):
    assert 0 <= evidence(cosine, bm25) <= 1


@pytest.mark.parametrize(
    ("cosine", "bm25", "expected"),
    [
        (0.7, 0.0, 0.7),
        (0.0, 10.0, 0.5),
        (0.7, 10.0, 0.7),
        (0.2, 30.0, 0.75),
        (-0.4, 0.0, 0.0),
        (0.0, -10.0, 0.0),
        (1.2, 0.0, 1.0),
    ],
)
def test_evidence_is_the_stronger_of_meaning_and_words(cosine: float, bm25: float, expected: float):
    assert evidence(cosine, bm25) == pytest.approx(expected)


@given(cosines=raw_scores, bm25=raw_scores)
def test_scores_follow_any_ranking(cosines: dict[int, float], bm25: dict[int, float]):
    ranking = list(cosines.keys() | bm25.keys())
    scores = passage_scores(ranking, cosines, bm25)
    assert list(scores) == ranking
    assert all(0 <= score <= 1 for score in scores.values())
    assert all(a >= b for a, b in pairwise(scores.values()))


def test_a_passage_that_a_leg_missed_has_the_other_leg_s_evidence():
    scores = passage_scores(["a", "b", "c"], {"a": 0.6}, {"b": 10.0})
    assert scores == pytest.approx({"a": 0.6, "b": 0.5, "c": 0.0})
