"""Asking the server: once for what it finds, once for how long it takes."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

from groundwell.cli.client import Client, ServerError
from groundwell.cli.evaluation.configuration import NamedConfiguration
from groundwell.cli.evaluation.work_folder import Answer, AnswerFile
from groundwell.domain.evaluation import (
    PASSAGES_ASKED,
    TIMED_LIMIT,
    Configuration,
    JudgedQuery,
    Quantiles,
    choose_timed,
    rank_documents,
)
from groundwell.learning.measures import quantiles

_SEARCH = "/api/v1/search"
_WARMING_QUERIES = 5
ROUND_TRIP = "http"


def check_configuration(client: Client, collection: str, configuration: NamedConfiguration) -> None:
    """Let the server look at the options before anything is ingested.

    Raises ServerError with the server's own words if it does not take them.
    """
    body = {**configuration.options, "query": "x", "collection": collection, "limit": 1}
    try:
        client.post(_SEARCH, body)
    except ServerError as error:
        if error.code == "validation_failed":
            raise ServerError(
                f"'{configuration.name}' is not a configuration of searches: {error.detail}",
                code=error.code,
            ) from error
        if error.code != "collection_not_found":
            raise


def find_documents(
    client: Client, collection: str, options: Configuration, query: JudgedQuery
) -> Answer:
    """The documents that a search ranks for the query: the one place that decides how to ask."""
    body = {**options, "query": query.text, "collection": collection, "limit": PASSAGES_ASKED}
    found = client.post_uncached(_SEARCH, body)
    ranking = rank_documents(result["document_id"] for result in found["results"])
    return Answer(query.id, ranking, tuple(found["degraded"]))


def ask_all(
    client: Client,
    collection: str,
    options: Configuration,
    queries: Sequence[JudgedQuery],
    kept: AnswerFile,
    *,
    concurrency: int,
    advance: Callable[[int], object],
) -> dict[str, Answer]:
    """The answers to all queries, by query; what `kept` has is not asked again."""
    answers = kept.read()
    advance(len(answers))
    missing = [query for query in queries if query.id not in answers]
    with ThreadPoolExecutor(concurrency) as pool:
        asking = [
            pool.submit(find_documents, client, collection, options, query) for query in missing
        ]
        try:
            for finished in as_completed(asking):
                answer = finished.result()
                kept.append(answer)
                answers[answer.query_id] = answer
                advance(1)
        finally:
            pool.shutdown(cancel_futures=True)
    return answers


def time_searches(
    client: Client,
    collection: str,
    configurations: Sequence[Configuration],
    queries: Sequence[JudgedQuery],
    advance: Callable[[int], object],
) -> list[dict[str, Quantiles]]:
    """Milliseconds of each stage and of the whole round trip, for each configuration.

    One query at a time with ten results, at most 200 queries; the configurations take turns, so
    that a busy machine disturbs all alike.
    """
    chosen = choose_timed(queries)
    for query in chosen[:_WARMING_QUERIES]:
        for options in configurations:
            _time_one(client, collection, options, query)
    taken: list[defaultdict[str, list[float]]] = [defaultdict(list) for _ in configurations]
    for query in chosen:
        for options, times in zip(configurations, taken, strict=True):
            for stage, milliseconds in _time_one(client, collection, options, query).items():
                times[stage].append(milliseconds)
        advance(1)
    return [{stage: quantiles(values) for stage, values in times.items()} for times in taken]


def _time_one(
    client: Client, collection: str, options: Configuration, query: JudgedQuery
) -> Mapping[str, float]:
    body = {**options, "query": query.text, "collection": collection, "limit": TIMED_LIMIT}
    begun = time.perf_counter()
    found: dict[str, Any] = client.post_uncached(_SEARCH, body)
    round_trip = (time.perf_counter() - begun) * 1000
    return {**found["timings_ms"], ROUND_TRIP: round_trip}
