"""Measures of one ranking, as trec_eval and the BEIR benchmark define them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from groundwell.domain.evaluation import (
    MEASURES,
    Grades,
    JudgedQuery,
    Measures,
    Quantiles,
    QueryResult,
)


def judge(
    query: JudgedQuery, ranking: tuple[str, ...], degraded: tuple[str, ...] = ()
) -> QueryResult:
    """The result of a query that found these documents, best first; none at all scores 0."""
    grades = query.grades
    measures = {
        "ndcg@10": ndcg(ranking, grades, 10),
        "mrr@10": reciprocal_rank(ranking, grades, 10),
        "recall@5": recall(ranking, grades, 5),
        "recall@10": recall(ranking, grades, 10),
        "recall@100": recall(ranking, grades, 100),
        "precision@5": _hits(ranking, grades, 5) / 5,
    }
    return QueryResult(query, ranking, measures, degraded)


def ndcg(ranking: Sequence[str], grades: Grades, depth: int) -> float:
    """Normalised discounted cumulative gain with the grade itself as gain.

    Järvelin and Kekäläinen 2002; discount log2(rank + 1), as trec_eval does it. 0 without a
    relevant document.
    """
    best = _gain(sorted(grades.values(), reverse=True)[:depth])
    found = _gain(grades.get(document, 0) for document in ranking[:depth])
    return found / best if best else 0.0


def reciprocal_rank(ranking: Sequence[str], grades: Grades, depth: int) -> float:
    """1 / rank of the first relevant document, 0 if none is among the first `depth`."""
    for rank, document in enumerate(ranking[:depth], start=1):
        if grades.get(document, 0) > 0:
            return 1 / rank
    return 0.0


def recall(ranking: Sequence[str], grades: Grades, depth: int) -> float:
    """The share of the relevant documents that is among the first `depth`."""
    relevant = sum(grade > 0 for grade in grades.values())
    return _hits(ranking, grades, depth) / relevant if relevant else 0.0


def mean_measures(results: Sequence[QueryResult]) -> Measures:
    """The mean of every measure over the queries; every query counts the same."""
    return {
        name: math.fsum(result.measures[name] for result in results) / len(results)
        for name in MEASURES
    }


def quantiles(milliseconds: Sequence[float]) -> Quantiles:
    """The median and the 95th percentile, interpolated between neighbours."""
    ordered = sorted(milliseconds)
    return Quantiles(_at(ordered, 0.5), _at(ordered, 0.95))


def _at(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def _gain(grades: Iterable[int]) -> float:
    return math.fsum(
        grade / math.log2(rank + 1) for rank, grade in enumerate(grades, start=1) if grade > 0
    )


def _hits(ranking: Sequence[str], grades: Grades, depth: int) -> int:
    return sum(grades.get(document, 0) > 0 for document in ranking[:depth])
