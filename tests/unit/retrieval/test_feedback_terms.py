from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwell.retrieval.feedback_terms import (
    FeedbackOptions,
    FeedbackPassage,
    Statistics,
    rm3,
)

STATISTICS = Statistics(1000, {"squat": 50, "knee": 20, "depth": 10, "hip": 30, "common": 900})
PASSAGES = [
    FeedbackPassage({"squat": 2, "knee": 1, "common": 5}, 3.0),
    FeedbackPassage({"squat": 1, "knee": 2, "depth": 1}, 1.0),
]


def weights_of(expanded: tuple) -> dict[str, float]:
    return {each.term: each.weight for each in expanded}


def test_rm3_weighs_terms_by_their_share_of_passages_and_scores():
    expanded = weights_of(rm3(["squat"], PASSAGES, STATISTICS, FeedbackOptions(10, 0.5)))
    squat, knee = 0.75 * 2 / 8 + 0.25 * 1 / 4, 0.75 * 1 / 8 + 0.25 * 2 / 4
    assert expanded == pytest.approx(
        {"squat": 0.5 + 0.5 * squat / (squat + knee), "knee": 0.5 * knee / (squat + knee)}
    )


def test_terms_that_are_everywhere_or_in_one_passage_only_do_not_join():
    assert set(weights_of(rm3(["hip"], PASSAGES, STATISTICS))) == {"hip", "squat", "knee"}
    alone = rm3(["hip"], PASSAGES[1:], STATISTICS)
    assert set(weights_of(alone)) == {"hip", "squat", "knee", "depth"}


def test_only_the_heaviest_terms_join():
    expanded = rm3(["hip"], PASSAGES, STATISTICS, FeedbackOptions(added_terms=1))
    assert len(expanded) == 2


def test_without_passages_the_query_stays_alone():
    assert weights_of(rm3(["a", "b", "a"], [], STATISTICS)) == pytest.approx(
        {"a": 2 / 3, "b": 1 / 3}
    )
    assert rm3([], PASSAGES, STATISTICS) == ()


def test_passages_without_a_score_count_alike():
    even = [FeedbackPassage(passage.terms, 0.0) for passage in PASSAGES]
    ones = [FeedbackPassage(passage.terms, 1.0) for passage in PASSAGES]
    assert rm3(["hip"], even, STATISTICS) == rm3(["hip"], ones, STATISTICS)


terms = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 9), max_size=6)
passages = st.lists(st.builds(FeedbackPassage, terms, st.floats(0, 50)), max_size=5)


@given(
    query=st.lists(st.sampled_from("abcxyz"), min_size=1, max_size=5),
    given_passages=passages,
    frequencies=terms,
    share=st.floats(0.1, 0.9),
)
def test_weights_add_up_to_one_and_the_query_keeps_its_share(
    query: list[str],
    given_passages: list[FeedbackPassage],
    frequencies: dict[str, int],
    share: float,
):
    options = FeedbackOptions(4, share, 1)
    expanded = rm3(query, given_passages, Statistics(500, frequencies), options)
    weights = weights_of(expanded)
    assert sum(weights.values()) == pytest.approx(1)
    assert sum(weights[term] for term in set(query)) >= share - 1e-9
    assert all(0 < weight <= 1 + 1e-9 for weight in weights.values())
    assert len(weights) <= len(set(query)) + 4
    assert [e.weight for e in expanded] == sorted((e.weight for e in expanded), reverse=True)
