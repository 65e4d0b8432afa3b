"""Whether two runs differ by more than chance."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from groundwell.domain.evaluation import (
    MEASURES,
    Comparison,
    MeasureDifference,
    Measures,
    QueryChange,
)

_PERMUTATIONS = 10_000
_SEED = 20_251_121
_ROWS = 500
# Two queries whose measure differs by less differ by rounding only.
_TOLERANCE = 1e-9
_RANKED_BY = "ndcg@10"


def compare_runs(
    baseline: Mapping[str, Measures], measured: Mapping[str, Measures]
) -> Comparison | None:
    """Compare two runs over the queries that both have, by id; None without a common query."""
    common = [query for query in baseline if query in measured]
    if not common:
        return None
    before, after = _table(baseline, common), _table(measured, common)
    steps = after - before
    p_values = randomisation_test(steps)
    better = np.count_nonzero(steps > _TOLERANCE, axis=0)
    worse = np.count_nonzero(steps < -_TOLERANCE, axis=0)
    differences = tuple(
        MeasureDifference(
            measure=name,
            baseline=float(before[:, column].mean()),
            mean=float(after[:, column].mean()),
            difference=float(steps[:, column].mean()),
            p_value=float(p_values[column]),
            better=int(better[column]),
            worse=int(worse[column]),
            equal=len(common) - int(better[column]) - int(worse[column]),
        )
        for column, name in enumerate(MEASURES)
    )
    return Comparison(len(common), differences, _changes(common, before, after))


def randomisation_test(differences: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two-sided p-values of Fisher's paired randomisation test, one for each column.

    `differences` has a row for each query. If the runs were alike, each difference could as well
    have the other sign; p is the share of 10,000 random choices of signs whose mean lies at least
    as far from 0 as the observed one. The seed is fixed, so that the same runs give the same p.
    (Smucker, Allan and Carterette, CIKM 2007.)
    """
    observed = np.abs(differences.sum(axis=0)) - _TOLERANCE
    random = np.random.default_rng(_SEED)
    as_far = np.zeros(differences.shape[1], dtype=np.int64)
    for _ in range(0, _PERMUTATIONS, _ROWS):
        signs = random.integers(0, 2, size=(_ROWS, len(differences)), dtype=np.int8)
        sums = (signs.astype(np.float64) * 2 - 1) @ differences
        as_far += np.count_nonzero(np.abs(sums) >= observed, axis=0)
    # The observed signs are one of the possible choices, so that p is never 0.
    p_values: NDArray[np.float64] = (as_far + 1) / (_PERMUTATIONS + 1)
    return p_values


def _table(run: Mapping[str, Measures], queries: list[str]) -> NDArray[np.float64]:
    return np.array([[run[query][name] for name in MEASURES] for query in queries])


def _changes(
    queries: list[str], before: NDArray[np.float64], after: NDArray[np.float64]
) -> tuple[QueryChange, ...]:
    column = MEASURES.index(_RANKED_BY)
    pairs = zip(queries, before[:, column], after[:, column], strict=True)
    changes = [
        QueryChange(query, float(old), float(new))
        for query, old, new in pairs
        if abs(new - old) > _TOLERANCE
    ]
    return tuple(sorted(changes, key=lambda change: -abs(change.value - change.baseline)))
