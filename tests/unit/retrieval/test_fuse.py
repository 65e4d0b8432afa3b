from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwell.retrieval.fuse import fuse, min_max, reciprocal_rank_fusion

scores = st.dictionaries(st.integers(0, 20), st.floats(-100, 100, allow_nan=False), max_size=12)
weights = st.floats(0, 5)


@given(given=scores)
def test_min_max_stretches_to_zero_and_one_and_keeps_the_order(given: dict[int, float]):
    stretched = min_max(given)
    assert stretched.keys() == given.keys()
    assert all(0 <= score <= 1 for score in stretched.values())
    if given:
        assert max(stretched.values()) == 1
    order = sorted(given, key=lambda key: given[key])
    assert [stretched[key] for key in order] == sorted(stretched.values())


@pytest.mark.parametrize("score", [0.0, -3.0, 0.7])
def test_equal_scores_all_become_one(score: float):
    assert min_max({"a": score, "b": score}) == {"a": 1.0, "b": 1.0}
    assert min_max({"a": score}) == {"a": 1.0}


def test_no_scores_stay_none():
    assert min_max({}) == {}
    assert fuse([]) == {}
    assert fuse([({}, 0.5), ({}, 0.5)]) == {}


@given(lists=st.lists(st.tuples(scores, weights), max_size=3))
def test_fused_scores_lie_in_zero_to_one_and_hold_whatever_a_weighted_list_has(
    lists: list[tuple[dict[int, float], float]],
):
    fused = fuse(lists)
    assert fused.keys() == {key for given, weight in lists if weight > 0 for key in given}
    assert all(0 <= score <= 1 + 1e-9 for score in fused.values())


@given(given=scores, weight=st.floats(0.01, 5))
def test_an_empty_list_contributes_nothing_and_costs_nothing(
    given: dict[int, float], weight: float
):
    assert fuse([(given, weight), ({}, 3.0)]) == pytest.approx(min_max(given))


@given(first=scores, second=scores)
def test_a_list_without_weight_is_as_if_it_were_not_there(
    first: dict[int, float], second: dict[int, float]
):
    assert fuse([(first, 1.0), (second, 0.0)]) == pytest.approx(min_max(first))


def test_what_is_best_in_all_lists_has_a_score_of_one():
    assert fuse([({"a": 3.0, "b": 1.0}, 0.7), ({"a": 0.9, "c": 0.1}, 0.3)]) == pytest.approx(
        {"a": 1.0, "b": 0.0, "c": 0.0}
    )


def test_fusion_is_the_weighted_sum_of_the_stretched_lists():
    dense = {"a": 0.9, "b": 0.5, "c": 0.1}
    keyword = {"b": 12.0, "c": 6.0, "d": 2.0}
    assert fuse([(dense, 3.0), (keyword, 1.0)]) == pytest.approx(
        {"a": 0.75, "b": 0.375 + 0.25, "c": 0.4 * 0.25, "d": 0.0}
    )


def test_reciprocal_ranks_are_added_with_their_weights():
    dense = {"a": 0.9, "b": 0.5, "c": 0.1}
    keyword = {"b": 12.0, "d": 2.0}
    assert reciprocal_rank_fusion([(dense, 3.0), (keyword, 1.0)]) == pytest.approx(
        {"a": 3 / 61, "b": 3 / 62 + 1 / 61, "c": 3 / 63, "d": 1 / 62}
    )


def test_a_small_k_makes_the_first_rank_stand_out():
    assert reciprocal_rank_fusion([({"a": 2.0, "b": 1.0}, 1.0)], k=0) == {"a": 1.0, "b": 0.5}


def test_equal_scores_share_the_better_reciprocal_rank():
    fused = reciprocal_rank_fusion([({"a": 1.0, "b": 1.0, "c": 0.0}, 1.0)])
    assert fused == pytest.approx({"a": 1 / 61, "b": 1 / 61, "c": 1 / 63})


@given(lists=st.lists(st.tuples(scores, weights), max_size=3))
def test_reciprocal_rank_fusion_sees_only_the_order_of_scores(
    lists: list[tuple[dict[int, float], float]],
):
    # Doubling is exact in floating point, so that it makes no ties.
    doubled = [({key: 2 * score for key, score in given.items()}, w) for given, w in lists]
    fused = reciprocal_rank_fusion(lists)
    assert fused == reciprocal_rank_fusion(doubled)
    assert fused.keys() == {key for given, weight in lists if weight > 0 for key in given}
