"""What an evaluation found out, and its form as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from groundwell.cli.evaluation.ask import ROUND_TRIP
from groundwell.cli.evaluation.configuration import NamedConfiguration
from groundwell.cli.evaluation.folder import TestCollection
from groundwell.domain.errors import InvalidInputError
from groundwell.domain.evaluation import (
    MEASURES,
    Comparison,
    Measures,
    Quantiles,
    QueryResult,
    choose_timed,
)

_DIGITS = 6
_SHOWN_DOCUMENTS = 10


@dataclass(frozen=True, slots=True)
class Run:
    """What one configuration reached."""

    configuration: NamedConfiguration
    results: tuple[QueryResult, ...]
    measures: Measures
    latency_ms: Mapping[str, Quantiles]

    def by_query(self) -> dict[str, Measures]:
        """The measures of each query."""
        return {result.query.id: result.measures for result in self.results}

    @property
    def degraded(self) -> int:
        """How many queries were answered without a part of the search."""
        return sum(bool(result.degraded) for result in self.results)


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a run is compared with."""

    name: str
    by_query: Mapping[str, Measures]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything about one call of the command.

    `documents` counts what was searched. `ingest_docs_per_s` is None when everything was there
    already. With a comparison, the last run is compared with `baseline`. `settings`: what was set
    for the server; None for one elsewhere, of which that is not known.
    """

    version: str
    collection: TestCollection
    documents: int
    failed_documents: int
    ingest_docs_per_s: float | None
    runs: tuple[Run, ...]
    baseline: str | None = None
    comparison: Comparison | None = None
    settings: Mapping[str, Any] | None = None

    @property
    def measured(self) -> Run:
        """The run that the figures are about: the last one."""
        return self.runs[-1]


def as_json(evaluation: Evaluation) -> dict[str, Any]:
    """The evaluation as it is written to a file."""
    collection = evaluation.collection
    found: dict[str, Any] = {
        "groundwell": evaluation.version,
        "dataset": collection.name,
        "split": collection.split,
        "digest": collection.digest,
        "queries": len(collection.queries),
        "documents": evaluation.documents,
        "failed_documents": evaluation.failed_documents,
        "missing_documents": collection.missing_documents,
        "unjudged_queries": collection.unjudged_queries,
        "unknown_queries": collection.unknown_queries,
        "ingest_docs_per_s": _rounded(evaluation.ingest_docs_per_s),
        "settings": None if evaluation.settings is None else dict(evaluation.settings),
        **_run(evaluation.measured, collection),
    }
    if evaluation.comparison is not None:
        found["baseline"] = evaluation.baseline
        found["comparison"] = asdict(evaluation.comparison)
        found["baseline_runs"] = [_run(run, collection) for run in evaluation.runs[:-1]]
    return found


def write_json(evaluation: Evaluation, path: Path) -> None:
    """Write the evaluation to a file."""
    text = json.dumps(as_json(evaluation), ensure_ascii=False, indent=2)
    path.write_text(text + "\n", encoding="utf-8")


def read_baseline(path: Path, judged: TestCollection) -> Baseline:
    """The run that an earlier evaluation wrote.

    Raises InvalidInputError if it is none, or not one of the same collection.
    """
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        by_query = {
            str(entry["query_id"]): {name: float(entry["measures"][name]) for name in MEASURES}
            for entry in written["per_query"]
        }
        digest = written["digest"]
        baseline = Baseline(f"{path.name} ({written['name']})", by_query)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInputError(
            f"{path} is not a file that `groundwell eval --json` wrote."
        ) from error
    if digest != judged.digest:
        raise InvalidInputError(
            f"{path} was measured on other data than {judged.title}: the checksums of "
            "corpus, queries and judgements differ."
        )
    if not by_query.keys() & {query.id for query in judged.queries}:
        raise InvalidInputError(f"{path} has no query in common with this split.")
    return baseline


def _run(run: Run, collection: TestCollection) -> dict[str, Any]:
    whole = run.latency_ms[ROUND_TRIP]
    return {
        "name": run.configuration.name,
        "config": dict(run.configuration.options),
        **{name: _rounded(run.measures[name]) for name in MEASURES},
        "latency_ms": {
            **_quantiles(whole),
            "queries": len(choose_timed(collection.queries)),
            "stages": {stage: _quantiles(found) for stage, found in run.latency_ms.items()},
        },
        "degraded_queries": run.degraded,
        "per_query": [_result(result) for result in run.results],
    }


def _result(result: QueryResult) -> dict[str, Any]:
    return {
        "query_id": result.query.id,
        "query": result.query.text,
        # Not rounded: a later comparison counts the queries that are exactly alike.
        "measures": dict(result.measures),
        "found": list(result.ranking[:_SHOWN_DOCUMENTS]),
        "relevant": {doc: grade for doc, grade in result.query.grades.items() if grade > 0},
    }


def _quantiles(found: Quantiles) -> dict[str, float]:
    return {"p50": round(found.p50, 3), "p95": round(found.p95, 3)}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)
