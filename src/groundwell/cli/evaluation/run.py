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
from groundwell.cli.evaluation.interruption import interrupted_by_signals
from groundwell.cli.evaluation.results import Baseline, Evaluation, Run
from groundwell.cli.evaluation.search_settings import settings_that_count
from groundwell.cli.evaluation.temporary_server import (
    server_environment,
    server_settings,
    temporary_server,
)
from groundwell.cli.evaluation.work_folder import WorkFolder, cache_folder, open_work_folder
from groundwell.cli.ingest import IngestRun, make_progress
from groundwell.domain.evaluation import choose_timed
from groundwell.learning.measures import judge, mean_measures
from groundwell.learning.significance import compare_runs
from groundwell.settings import Settings, load_settings

_DIGEST_CHARACTERS = 8
_NAME_CHARACTERS = 40


@dataclass(frozen=True, slots=True)
class Place:
    """Where the evaluation happens.

    At `url`; else at the server of the data folder, where its `stored_set` of judgements is to be
    measured; else on a temporary server. `collection` None means one of the evaluation's own.
    `work` None means a folder in the cache.
    """

    url: str | None
    key_file: Path | None
    data_dir: Path | None
    collection: str | None
    work: Path | None
    concurrency: int
    stored_set: str | None = None

    @property
    def is_temporary(self) -> bool:
        """Whether a server is started for the evaluation."""
        return self.url is None and self.stored_set is None

    def settings(self) -> Settings:
        """What the server is set to: of one elsewhere, as far as this machine knows."""
        if self.is_temporary:
            return server_settings(self.work or cache_folder())
        return load_settings(data_dir=self.data_dir)


def evaluate(
    judged: TestCollection,
    configurations: tuple[NamedConfiguration, ...],
    baseline: Baseline | None,
    place: Place,
) -> Evaluation:
    """Measure every configuration; compare the last with the first, or with `baseline`."""
    settings = place.settings()
    collection = place.collection or _collection_name(judged)
    identity = _identity(judged, place, collection)
    with (
        interrupted_by_signals(),
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
    return Evaluation(
        version=__version__,
        collection=judged,
        documents=intake.documents,
        failed_documents=intake.failed,
        ingest_docs_per_s=intake.per_second,
        runs=runs,
        baseline=None if baseline is None else baseline.name,
        comparison=comparison,
        settings=settings_that_count(settings) if place.is_temporary else None,
    )


@contextmanager
def _server(place: Place, work: WorkFolder) -> Iterator[Client]:
    if place.is_temporary:
        work.has_begun = work.server_folder.exists()
        with temporary_server(work.server_folder) as client:
            yield client
    else:
        with connect(place.data_dir, place.url, place.key_file) as client:
            yield client


@dataclass(frozen=True, slots=True)
class _Intake:
    documents: int
    failed: int
    per_second: float | None


def _ingest(client: Client, collection: str, judged: TestCollection, progress: Progress) -> _Intake:
    there = _count_documents(client, collection)
    if judged.folder is None:
        return _Intake(there, 0, None)
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
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", judged.name)[:_NAME_CHARACTERS]
    return f"eval-{name}-{judged.digest[:_DIGEST_CHARACTERS]}"


def _identity(judged: TestCollection, place: Place, collection: str) -> list[object]:
    """What answers depend on besides the configuration: change it, and they are asked anew."""
    settings: list[tuple[str, str]] = []
    if place.is_temporary:
        variables = server_environment(os.environ)
        settings = sorted(item for item in variables.items() if item[0].startswith("GROUNDWELL_"))
    where = place.url if place.is_temporary else [place.url, str(place.data_dir)]
    return [__version__, judged.digest, where, collection, settings]
