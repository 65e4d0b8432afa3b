"""Evaluating retrieval: what is judged, what was found, how two runs differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NewType, TypeAlias
from uuid import UUID

EvalSetId = NewType("EvalSetId", UUID)
EvalRunId = NewType("EvalRunId", UUID)

Grades: TypeAlias = Mapping[str, int]
"""Document id to grade. A grade above 0 means relevant; larger means more so."""

Measures: TypeAlias = Mapping[str, float]
"""One of `MEASURES` to its value in [0, 1]."""

Configuration: TypeAlias = Mapping[str, Any]
"""Options of a search request. What is not named has the server's default."""

MEASURES = ("ndcg@10", "mrr@10", "recall@5", "recall@10", "recall@100", "precision@5")

# Search returns passages. Recall@100 counts documents, so that as many are asked for as one
# request may bring.
PASSAGES_ASKED = 200
DOCUMENTS_RANKED = 100

# Latency is what a user sees: ten results, one query at a time.
TIMED_LIMIT = 10
MOST_TIMED_QUERIES = 200

# Every run fixes these itself.
FIXED_OPTIONS = frozenset({"query", "collection", "limit", "explain"})


@dataclass(frozen=True, slots=True)
class JudgedQuery:
    """A query and what is known of the documents that answer it."""

    id: str
    text: str
    grades: Grades

    @property
    def has_relevant(self) -> bool:
        """Whether any document is relevant; without one nothing can be measured."""
        return any(grade > 0 for grade in self.grades.values())


@dataclass(frozen=True, slots=True)
class QueryResult:
    """One query's outcome: the documents found, best first, and how good they are."""

    query: JudgedQuery
    ranking: tuple[str, ...]
    measures: Measures
    degraded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Milliseconds that half, and 95 %, of the requests stay under."""

    p50: float
    p95: float


@dataclass(frozen=True, slots=True)
class MeasureDifference:
    """One measure of a run against a baseline, over the queries that both have.

    `difference` is `mean - baseline`. `p_value` belongs to the hypothesis that the two do not
    differ. `better`, `worse` and `equal` count queries.
    """

    measure: str
    baseline: float
    mean: float
    difference: float
    p_value: float
    better: int
    worse: int
    equal: int


@dataclass(frozen=True, slots=True)
class QueryChange:
    """How one query's nDCG@10 differs from the baseline's."""

    query_id: str
    baseline: float
    value: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """A run against a baseline. `changes` has the queries that differ, the largest change first."""

    queries: int
    differences: tuple[MeasureDifference, ...]
    changes: tuple[QueryChange, ...]


class RunStatus(StrEnum):
    """Where a run stands."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETE = "complete"
    FAILED = "failed"

    @property
    def is_terminal(self) -> bool:
        """Whether nothing more will happen."""
        return self in (RunStatus.COMPLETE, RunStatus.FAILED)


@dataclass(frozen=True, slots=True)
class EvalSet:
    """Judged queries over one collection, stored under a name. `judgements` counts documents."""

    id: EvalSetId
    name: str
    collection: str
    queries: int
    judgements: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class EvalRun:
    """One evaluation of a stored set under one configuration.

    `done` of `queries` are answered. `documents` counts the collection when the run began,
    `missing_documents` the judged ones that it lacked. `measures` and `latency_ms` are empty until
    the run is complete.
    """

    id: EvalRunId
    eval_set: EvalSet
    config: Configuration
    compare_with: EvalRunId | None
    status: RunStatus
    done: int
    queries: int
    documents: int | None
    missing_documents: int | None
    created_at: datetime
    finished_at: datetime | None
    measures: Measures = field(default_factory=dict)
    latency_ms: Mapping[str, Quantiles] = field(default_factory=dict)
    error_code: str | None = None
    error_message: str | None = None


def rank_documents(document_ids: Iterable[str]) -> tuple[str, ...]:
    """The documents of passages in rank order: each stands where its best passage stands."""
    return tuple(dict.fromkeys(document_ids))[:DOCUMENTS_RANKED]


def choose_timed(queries: Sequence[JudgedQuery]) -> list[JudgedQuery]:
    """At most MOST_TIMED_QUERIES queries, spread evenly over all of them."""
    step = max(1, -(-len(queries) // MOST_TIMED_QUERIES))
    return list(queries[::step])
