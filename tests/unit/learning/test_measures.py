"""Measures of rankings."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from groundwell.domain.evaluation import (
    MEASURES,
    MOST_TIMED_QUERIES,
    JudgedQuery,
    choose_timed,
    rank_documents,
)
from groundwell.learning.measures import judge, mean_measures, quantiles

GOLDEN = json.loads(
    (Path(__file__).parents[2] / "golden" / "measures" / "expected.json").read_text("utf-8")
)


def query(**grades: int) -> JudgedQuery:
    return JudgedQuery("q", "anything", grades)


@pytest.mark.parametrize("case", GOLDEN)
def test_measures_equal_those_of_ir_measures(case: dict) -> None:
    result = judge(query(**case["grades"]), tuple(case["ranking"]))
    assert result.measures == pytest.approx(case["expected"], abs=1e-9)


def test_a_graded_ranking_equals_what_one_computes_by_hand() -> None:
    result = judge(query(a=3, b=1, c=2), ("x", "c", "a", "y", "z", "b"))
    gained = 2 / math.log2(3) + 3 / 2 + 1 / math.log2(7)
    ideal = 3 + 2 / math.log2(3) + 1 / 2
    assert result.measures == pytest.approx(
        {
            "ndcg@10": gained / ideal,
            "mrr@10": 1 / 2,
            "recall@5": 2 / 3,
            "recall@10": 1,
            "recall@100": 1,
            "precision@5": 2 / 5,
        }
    )


def test_a_query_without_results_scores_zero() -> None:
    assert set(judge(query(a=1), ()).measures.values()) == {0.0}


def test_what_lies_below_the_depth_does_not_count() -> None:
    ranking = tuple(f"x{n}" for n in range(10))
    measures = judge(query(a=1), (*ranking, "a")).measures
    assert measures["recall@100"] == 1
    assert all(measures[name] == 0 for name in MEASURES if name != "recall@100")


def test_grades_of_zero_and_below_are_not_relevant() -> None:
    assert not query(a=0, b=-1).has_relevant
    assert query(a=0, b=1).has_relevant
    assert judge(query(a=0, b=-2, c=1), ("a", "b", "c")).measures["mrr@10"] == pytest.approx(1 / 3)


def test_the_mean_counts_every_query_the_same() -> None:
    found = judge(query(a=1), ("a",))
    missed = judge(query(a=1, b=1, c=1), ("x",))
    assert mean_measures([found, missed])["ndcg@10"] == 0.5


def test_a_document_stands_where_its_best_passage_stands() -> None:
    assert rank_documents(["b", "a", "b", "c", "a"]) == ("b", "a", "c")


def test_passages_with_equal_scores_keep_the_order_of_the_server() -> None:
    tied = [("b", 0.5), ("a", 0.5), ("c", 0.5)]
    ranking = rank_documents(document for document, _ in tied)
    assert judge(query(a=1), ranking).measures["mrr@10"] == 0.5


def test_no_more_than_a_hundred_documents_are_ranked() -> None:
    assert len(rank_documents(str(number) for number in range(200))) == 100


def test_quantiles_lie_between_neighbours() -> None:
    found = quantiles([4.0, 1.0, 3.0, 2.0])
    assert (found.p50, found.p95) == (pytest.approx(2.5), pytest.approx(3.85))
    assert quantiles([7.0]).p95 == 7.0


@pytest.mark.parametrize("count", [1, 200, 201, 399, 1000])
def test_timed_queries_are_spread_over_all_of_them(count: int) -> None:
    queries = [JudgedQuery(str(number), "x", {}) for number in range(count)]
    timed = choose_timed(queries)
    assert len(timed) <= MOST_TIMED_QUERIES
    assert len(timed) >= min(count, MOST_TIMED_QUERIES // 2)
    assert int(timed[-1].id) >= count - count / len(timed) - 1
