"""The story of an evaluation: check the folder, ingest, ask, time, compare, report."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.progress import Progress

from groundwell import __version__
from groundwell.cli.client import Client, ServerError, connect
from groundwell.cli.evaluation.ask import ask_all, check_configuration, time_searches
from groundwell.cli.evaluation.configuration import NamedConfiguration
from groundwell.cli.evaluation.folder import TestCollection
from groundwell.cli.evaluation.results import Baseline, Evaluation, Run
from groundwell.cli.evaluation.temporary_server import server_environment, temporary_server
from groundwell.cli.evaluation.work_folder import WorkFolder, open_work_folder
from groundwell.cli.ingest import IngestRun, make_progress
from groundwell.domain.errors import InvalidInputError
from groundwell.domain.evaluation import choose_timed
from groundwell.learning.measures import judge, mean_measures
from groundwell.learning.significance import compare_runs

_DIGEST_CHARACTERS = 8
_NAME_CHARACTERS = 40


@dataclass(frozen=True, slots=True)
class Place:
    """Where the evaluation happens: at `url`, or on a temporary server if it is None.

    `collection` None means one of the evaluation's own. `work` None means a folder in the cache.
    """

    url: str | None
    key: str | None
    data_dir: Path | None
    collection: str | None
    work: Path | None
    concurrency: int


def evaluate(
    judged: TestCollection,
    configurations: tuple[NamedConfiguration, ...],
    baseline: Baseline | None,
    place: Place,
) -> Evaluation:
    """Measure every configuration; compare the last with the first, or with `baseline`."""
    collection = place.collection or _collection_name(judged)
    identity = _identity(judged, place, collection)
    with (
        open_work_folder(place.work, identity) as work,
        _server(place, work) as client,
        make_progress() as progress,
    ):
        for configuration in configurations:
            check_configuration(client, collection, configuration)
        work.has_begun = True
        intake = _ingest(client, collection, judged, progress)
        runs = _measure(client, collection, judged, configurations, place, work, progress)
    if baseline is None and len(runs) > 1:
        baseline = Baseline(runs[0].configuration.name, runs[0].by_query())
    comparison = None
    if baseline is not None:
        comparison = compare_runs(baseline.by_query, runs[-1].by_query())
        if comparison is None:
            raise InvalidInputError(f"{baseline.name} has no query in common with this split.")
    return Evaluation(
        version=__version__,
        collection=judged,
        documents=intake.documents,
        failed_documents=intake.failed,
        ingest_docs_per_s=intake.per_second,
        runs=runs,
        baseline=None if baseline is None else baseline.name,
        comparison=comparison,
    )


@contextmanager
def _server(place: Place, work: WorkFolder) -> Iterator[Client]:
    if place.url is None:
        work.has_begun = work.server_folder.exists()
        with temporary_server(work.server_folder) as client:
            yield client
    else:
        with connect(place.data_dir, place.url, place.key) as client:
            yield client


@dataclass(frozen=True, slots=True)
class _Intake:
    documents: int
    failed: int
    per_second: float | None


def _ingest(client: Client, collection: str, judged: TestCollection, progress: Progress) -> _Intake:
    there = _count_documents(client, collection)
    begun = time.monotonic()
    run = IngestRun(client, collection, progress)
    run.send_corpus(judged.folder)
    run.wait()
    seconds = time.monotonic() - begun
    documents = _count_documents(client, collection)
    failed = len(run.summary(seconds)["failed"])
    return _Intake(documents, failed, (documents - there) / seconds if documents > there else None)


def _count_documents(client: Client, collection: str) -> int:
    try:
        listed = client.get("/api/v1/documents", collection=collection, limit=1)
    except ServerError as error:
        if error.code == "collection_not_found":
            return 0
        raise
    complete: int = listed["counts"]["complete"]
    return complete


def _measure(
    client: Client,
    collection: str,
    judged: TestCollection,
    configurations: tuple[NamedConfiguration, ...],
    place: Place,
    work: WorkFolder,
    progress: Progress,
) -> tuple[Run, ...]:
    queries = judged.queries
    answers = []
    for configuration in configurations:
        task = progress.add_task(f"Asking ({configuration.name})", total=len(queries))
        answers.append(
            ask_all(
                client,
                collection,
                configuration.options,
                queries,
                work.answers(configuration.options),
                concurrency=place.concurrency,
                advance=partial(progress.advance, task),
            )
        )
    timing = progress.add_task("Timing", total=len(choose_timed(queries)))
    options = [configuration.options for configuration in configurations]
    latencies = time_searches(
        client, collection, options, queries, partial(progress.advance, timing)
    )
    runs = []
    for configuration, found, latency in zip(configurations, answers, latencies, strict=True):
        results = tuple(
            judge(query, found[query.id].ranking, found[query.id].degraded) for query in queries
        )
        runs.append(Run(configuration, results, mean_measures(results), latency))
    return tuple(runs)


def _collection_name(judged: TestCollection) -> str:
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", judged.folder.resolve().name)[:_NAME_CHARACTERS]
    return f"eval-{name}-{judged.digest[:_DIGEST_CHARACTERS]}"


def _identity(judged: TestCollection, place: Place, collection: str) -> list[object]:
    """What answers depend on besides the configuration: change it, and they are asked anew."""
    settings: list[tuple[str, str]] = []
    if place.url is None:
        variables = server_environment(os.environ)
        settings = sorted(item for item in variables.items() if item[0].startswith("GROUNDWELL_"))
    return [__version__, judged.digest, place.url, collection, settings]
