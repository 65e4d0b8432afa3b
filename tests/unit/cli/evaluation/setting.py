"""A made-up evaluation."""

from __future__ import annotations

from pathlib import Path

from groundwell.cli.evaluation.configuration import NamedConfiguration
from groundwell.cli.evaluation.folder import TestCollection
from groundwell.cli.evaluation.results import Evaluation, Run
from groundwell.domain.evaluation import JudgedQuery, Quantiles
from groundwell.learning.measures import judge, mean_measures
from groundwell.learning.significance import compare_runs

QUERIES = (
    JudgedQuery("q1", "first & <foremost>", {"a": 2, "b": 1}),
    JudgedQuery("q2", "second", {"c": 1}),
)


def make_run(name: str, rankings: dict[str, tuple[str, ...]], factor: float = 1.0) -> Run:
    results = tuple(judge(query, rankings[query.id]) for query in QUERIES)
    latency = {"total": Quantiles(2.0 * factor, 4.0), "http": Quantiles(3.0 * factor, 5.0)}
    configuration = NamedConfiguration(name, {"search_type": name})
    return Run(configuration, results, mean_measures(results), latency)


GOOD = {"q1": ("a", "b", "x"), "q2": ("x", "c")}
BAD = {"q1": ("x", "y", "a"), "q2": ()}


def make_evaluation(folder: Path, *runs: Run) -> Evaluation:
    collection = TestCollection(folder.name, folder, "test", QUERIES, 5, 3, 4, 0, 1, "digest")
    comparison = None
    if len(runs) > 1:
        comparison = compare_runs(runs[0].by_query(), runs[1].by_query())
    return Evaluation(
        version="1",
        collection=collection,
        documents=5,
        failed_documents=0,
        ingest_docs_per_s=12.5,
        runs=runs,
        baseline=None if comparison is None else runs[0].configuration.name,
        comparison=comparison,
    )
