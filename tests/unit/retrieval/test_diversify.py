from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwell.domain.chunks import Floats
from groundwell.retrieval.diversify import cap_per_document, maximal_marginal_relevance, share_out

angles = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 6.28)), max_size=12)


def unit_vectors(given_angles: list[float]) -> Floats:
    return np.array([[np.cos(a), np.sin(a)] for a in given_angles], dtype=np.float32).reshape(-1, 2)


def test_a_near_copy_gives_way_to_something_else():
    vectors = unit_vectors([0.0, 0.01, 1.5])
    assert maximal_marginal_relevance([0.9, 0.89, 0.6], vectors, 3, 0.5) == [0, 2, 1]
    assert maximal_marginal_relevance([0.9, 0.89, 0.6], vectors, 2, 0.95) == [0, 1]


def test_equal_items_keep_their_order():
    vectors = unit_vectors([0.3] * 4)
    assert maximal_marginal_relevance([0.5] * 4, vectors, 4) == [0, 1, 2, 3]


@pytest.mark.parametrize("limit", [0, -1])
def test_nothing_is_taken_without_a_limit_or_items(limit: int):
    assert maximal_marginal_relevance([0.5], unit_vectors([0.0]), limit) == []
    assert maximal_marginal_relevance([], unit_vectors([]), 5) == []


@given(items=angles, limit=st.integers(0, 15), share=st.floats(0, 1))
def test_the_best_item_comes_first_and_none_twice(
    items: list[tuple[float, float]], limit: int, share: float
):
    scores = [score for score, _ in items]
    vectors = unit_vectors([angle for _, angle in items])
    taken = maximal_marginal_relevance(scores, vectors, limit, share)
    assert len(taken) == len(set(taken)) == min(limit, len(items))
    assert taken == maximal_marginal_relevance(scores, vectors, limit, share)
    if taken:
        assert scores[taken[0]] == max(scores)
        assert taken[:-1] == maximal_marginal_relevance(scores, vectors, limit - 1, share) or (
            limit > len(items)
        )


@given(items=angles)
def test_relevance_alone_sorts_by_score(items: list[tuple[float, float]]):
    scores = [score for score, _ in items]
    vectors = unit_vectors([angle for _, angle in items])
    order = sorted(range(len(scores)), key=lambda index: -scores[index])
    assert maximal_marginal_relevance(scores, vectors, len(scores), 1.0) == order


@given(items=angles.filter(lambda found: len(found) > 1), share=st.floats(0, 1))
def test_each_step_takes_the_item_of_the_largest_marginal_relevance(
    items: list[tuple[float, float]], share: float
):
    scores = [score for score, _ in items]
    vectors = unit_vectors([angle for _, angle in items])
    taken = maximal_marginal_relevance(scores, vectors, len(items), share)

    def marginal(index: int, before: list[int]) -> float:
        nearest = max(float(vectors[index] @ vectors[other]) for other in before)
        return share * scores[index] - (1 - share) * nearest

    for step in range(1, len(taken)):
        best = max(marginal(index, taken[:step]) for index in taken[step:])
        assert marginal(taken[step], taken[:step]) == pytest.approx(best, abs=1e-5)


def test_a_document_fills_no_more_than_its_share():
    ranking = ["a1", "a2", "b1", "a3", "b2", "c1"]
    documents = [name[0] for name in ranking]
    assert cap_per_document(ranking, documents, 1) == ["a1", "b1", "c1"]
    assert cap_per_document(ranking, documents, 2) == ["a1", "a2", "b1", "b2", "c1"]
    assert cap_per_document(ranking, documents, 0) == []


@given(documents=st.lists(st.integers(0, 4), max_size=20), most=st.integers(0, 6))
def test_the_cap_keeps_the_first_items_in_order(documents: list[int], most: int):
    kept = cap_per_document(range(len(documents)), documents, most)
    assert kept == sorted(kept)
    expected = {doc: min(count, most) for doc, count in Counter(documents).items() if most}
    assert Counter(documents[index] for index in kept) == expected


def test_each_item_needs_its_document():
    with pytest.raises(ValueError, match="zip"):
        cap_per_document(["a"], [], 1)


def test_what_a_document_has_beyond_its_share_gives_way_to_others_about_as_good():
    documents = ["a", "a", "a", "a", "b", "b", "c"]
    scores = [0.9, 0.8, 0.8, 0.8, 0.8, 0.75, 0.75]
    assert share_out(scores, documents, 4, 2, 0.9) == [0, 1, 4, 5]


def test_what_is_worse_takes_no_place_away():
    assert share_out([0.9, 0.9, 0.9, 0.8], ["a", "a", "a", "b"], 3, 2, 0.9) == [0, 1, 2]


def test_whoever_takes_a_place_has_no_more_than_a_share_either():
    documents = ["a", "a", "a", "b", "b", "c"]
    assert share_out([1.0] * 6, documents, 3, 1, 0.9) == [0, 3, 5]


def test_a_document_that_is_alone_keeps_all_places():
    assert share_out([0.9, 0.8, 0.7], ["a"] * 3, 2, 1, 0.9) == [0, 1]
    assert share_out([], [], 2, 1, 0.9) == []
