from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwell.retrieval.smooth import smooth


def directions(**angles: float) -> dict[str, np.ndarray]:
    """Unit vectors of the plane, at angles in degrees."""
    radians = {key: np.radians(angle) for key, angle in angles.items()}
    return {key: np.array([np.cos(at), np.sin(at)], np.float32) for key, at in radians.items()}


def test_a_passage_rises_with_the_scores_of_its_neighbours():
    scores = {"first": 1.0, "beside": 0.3, "far": 0.4}
    drawn = smooth(scores, directions(first=0, beside=10, far=90), 0.35)
    assert drawn["beside"] > drawn["far"]
    assert drawn["first"] > drawn["beside"]


def test_a_score_is_drawn_by_the_share_towards_the_mean_of_its_neighbours():
    drawn = smooth({"a": 1.0, "b": 0.0}, directions(a=0, b=60), 0.25)
    assert drawn == {"a": pytest.approx(0.75), "b": pytest.approx(0.25)}


def test_near_neighbours_count_by_the_fourth_power_of_their_cosine():
    drawn = smooth({"a": 0.0, "near": 1.0, "far": 0.0}, directions(a=0, near=0, far=60), 1.0)
    # Cosines 1 and 1/2: weights 1 and 1/16.
    assert drawn["a"] == pytest.approx(16 / 17, rel=1e-2)


def test_a_passage_that_resembles_no_other_keeps_its_score():
    scores = {"a": 0.9, "b": 0.8, "alone": 0.5}
    drawn = smooth(scores, directions(a=0, b=0, alone=90), 0.35)
    assert drawn["alone"] == pytest.approx(0.5, abs=1e-3)


def test_opposites_do_not_count():
    drawn = smooth({"a": 1.0, "b": 0.0}, directions(a=0, b=180), 0.5)
    assert drawn == {"a": 1.0, "b": 0.0}


def test_only_the_ten_nearest_neighbours_count():
    near = {f"near{number}": 1.0 for number in range(10)}
    scores = {"a": 0.0, **near, "eleventh": 100.0}
    angles = {"a": 0.0, **{key: 1.0 + number / 10 for number, key in enumerate(near)}}
    drawn = smooth(scores, directions(**angles, eleventh=40), 1.0)
    assert drawn["a"] == pytest.approx(1.0)


@pytest.mark.parametrize("share", [0.0, 0.35])
def test_without_vectors_or_without_a_share_nothing_changes(share: float):
    scores = {"a": 0.9, "b": 0.1}
    assert smooth(scores, {}, share) == scores
    assert smooth(scores, directions(a=0, b=0), 0.0) == scores
    assert smooth({}, {}, share) == {}


@given(
    scores=st.lists(st.floats(0, 1), min_size=1, max_size=25),
    share=st.floats(0, 1),
    seed=st.integers(0, 1000),
)
def test_no_score_leaves_the_range_of_the_given_ones(scores: list[float], share: float, seed: int):
    points = np.random.default_rng(seed).normal(size=(len(scores), 8))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    drawn = smooth(dict(enumerate(scores)), dict(enumerate(points)), share)
    assert drawn.keys() == set(range(len(scores)))
    assert min(scores) - 1e-6 <= min(drawn.values())
    assert max(drawn.values()) <= max(scores) + 1e-6
