from __future__ import annotations

import math
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwell.retrieval.fuse import as_given, fuse, min_max, reciprocal_rank_fusion

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


@pytest.mark.parametrize("alpha", [0.0, 0.25, 0.5, 1.0])
def test_two_lists_are_joined_by_alpha_and_a_passage_in_one_gets_that_part(alpha: float):
    semantic = {"both": 0.8, "semantic": 0.6, "weak": 0.2}
    keyword = {"both": 2.0, "keyword": 9.0, "last": 1.0}
    fused = fuse([(semantic, alpha), (keyword, 1 - alpha)])
    expected = {
        "both": alpha * 1.0 + (1 - alpha) * 0.125,
        "semantic": alpha * (0.4 / 0.6),
        "weak": 0.0,
        "keyword": (1 - alpha) * 1.0,
        "last": 0.0,
    }
    assert {key: fused.get(key, 0.0) for key in expected} == pytest.approx(expected)


def test_three_lists_are_joined_by_their_weights():
    vector, keyword, metadata = {"a": 1.0, "b": 0.0}, {"b": 3.0, "c": 1.0}, {"a": 0.5, "c": 0.2}
    fused = fuse([(min_max(vector), 0.7), (min_max(keyword), 0.2), (metadata, 0.1)], as_given)
    assert fused == pytest.approx({"a": 0.7 + 0.05, "b": 0.2, "c": 0.02})


def test_a_constant_list_gives_all_its_passages_its_whole_weight():
    fused = fuse([({"a": 2.0, "b": 2.0}, 0.5), ({"b": 1.0, "c": 0.0}, 0.5)])
    assert fused == {"a": 0.5, "b": 1.0, "c": 0.0}


def test_one_element_counts_as_the_best_of_its_list():
    assert fuse([({"a": -7.0}, 0.3), ({"b": 5.0}, 0.7)]) == pytest.approx({"a": 0.3, "b": 0.7})


def test_negative_scores_are_stretched_like_others():
    assert fuse([({"a": -1.0, "b": -2.0, "c": -3.0}, 1.0)]) == {"a": 1.0, "b": 0.5, "c": 0.0}


def test_without_any_weight_there_are_no_scores():
    assert fuse([({"a": 1.0}, 0.0), ({"b": 1.0}, 0.0)]) == {}
    assert reciprocal_rank_fusion([({"a": 1.0}, 0.0)]) == {}


weighted_lists = st.lists(st.tuples(scores, weights), max_size=3)
any_scores = st.dictionaries(st.integers(0, 9), st.floats(-3e38, 3e38), max_size=9)


@given(lists=st.lists(st.tuples(any_scores, weights), max_size=3))
def test_fused_scores_are_numbers_however_large_or_small_the_scores_are(
    lists: list[tuple[dict[int, float], float]],
):
    for fused in (fuse(lists), reciprocal_rank_fusion(lists)):
        assert all(math.isfinite(score) for score in fused.values())


@given(lists=weighted_lists)
def test_the_order_of_lists_and_of_passages_does_not_matter(
    lists: list[tuple[dict[int, float], float]],
):
    for join in (fuse, reciprocal_rank_fusion):
        expected = join(lists)
        for order in permutations(lists):
            turned = [(dict(reversed(given.items())), weight) for given, weight in order]
            assert join(turned) == pytest.approx(expected)


@given(lists=weighted_lists)
def test_what_is_no_better_in_any_list_is_no_better_in_the_whole(
    lists: list[tuple[dict[int, float], float]],
):
    lists = [(given, weight) for given, weight in lists if given]
    everywhere = set[int]().union(*(given for given, _ in lists))
    shared = [key for key in everywhere if all(key in given for given, _ in lists)]
    for join in (fuse, reciprocal_rank_fusion):
        fused = join(lists)
        for a in shared:
            for b in shared:
                if fused and all(given[a] <= given[b] for given, _ in lists):
                    assert fused[a] <= fused[b] + 1e-12


@given(first=scores, second=scores, weight=st.floats(0.01, 5))
def test_weights_of_empty_lists_change_the_scale_and_never_the_order(
    first: dict[int, float], second: dict[int, float], weight: float
):
    plain = fuse([(first, 0.7), (second, 0.2)])
    beside = fuse([(first, 0.7), (second, 0.2), ({}, weight)])
    assert plain == beside


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
