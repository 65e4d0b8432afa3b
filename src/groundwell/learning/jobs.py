"""Evaluation runs as jobs, as any job engine can run them."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias
from uuid import UUID

from psycopg import AsyncConnection

from groundwell.domain.documents import TenantId
from groundwell.domain.evaluation import (
    PASSAGES_ASKED,
    TIMED_LIMIT,
    EvalRun,
    EvalRunId,
    JudgedQuery,
    Quantiles,
    QueryResult,
    choose_timed,
    rank_documents,
)
from groundwell.domain.filters import parse_filter
from groundwell.domain.queues import Queue
from groundwell.domain.search import SearchRequest, SearchResponse, SearchType
from groundwell.domain.search_switches import SearchSwitches
from groundwell.domain.spending import Purse, current_purse, paid_by
from groundwell.learning.measures import judge, mean_measures, quantiles
from groundwell.ports.job_engine import Attempt, JobArguments, JobEngine, JobKind, Turn
from groundwell.store.database import Database, Row
from groundwell.store.eval_runs import (
    append_results,
    fail_run,
    find_run,
    finish_run,
    load_results,
    start_run,
)
from groundwell.store.eval_sets import count_missing, load_queries

EVALUATE_JOB = "evaluate"
_AT_ONCE = 4
# Results are stored in portions: a worker that dies loses no more than this.
_PORTION = 20
_WARMING_QUERIES = 5
# After this the rest of a run waits for its next turn.
_TURN_SECONDS = 3.0

Search: TypeAlias = Callable[[SearchRequest], Awaitable[SearchResponse]]


class EvaluationJobs:
    """Makes the job known to the engine, queues runs and does them.

    A worker searches with the same retriever that serves the HTTP endpoint: it knows no address of
    a server, and needs no key.
    """

    def __init__(self, database: Database, engine: JobEngine, search: Search) -> None:
        self._database = database
        self._engine = engine
        self._search = search
        engine.register(JobKind(EVALUATE_JOB, Queue.MAINTENANCE, self._evaluate, self._give_up))

    async def defer(
        self, connection: AsyncConnection[Row], tenant: TenantId, run: EvalRunId
    ) -> None:
        """Queue a run in the caller's transaction. Who pays for the caller's work pays for it."""
        purse = current_purse()
        arguments: JobArguments = {
            "tenant": str(tenant),
            "run": str(run),
            **({} if purse is None else _told(purse)),
        }
        await self._engine.defer(connection, EVALUATE_JOB, arguments, turn=Turn(str(tenant)))

    async def _evaluate(self, arguments: JobArguments, attempt: Attempt) -> None:
        """Go on with a run for some seconds, and queue it again for what is left.

        A run that was deleted ends quietly after its portion.
        """
        del attempt  # Results of a query are the same whoever stores them, and are stored once.
        with paid_by(_purse(arguments)):
            await self._go_on(*_names(arguments))

    async def _go_on(self, tenant: TenantId, identity: EvalRunId) -> None:
        begun = time.monotonic()
        async with self._database.transaction(tenant) as connection:
            run = await find_run(connection, identity)
            if run is None or run.status.is_terminal:
                return
            queries = await load_queries(connection, run.eval_set.id)
            collection = run.eval_set.collection
            documents, missing = await count_missing(connection, run.eval_set.id, collection)
            await start_run(connection, identity, documents, missing)
            answered = {result.query.id for result in await load_results(connection, identity)}
        left = [query for query in queries if query.id not in answered]
        for start in range(0, len(left), _PORTION):
            results = await self._ask(tenant, run, left[start : start + _PORTION])
            async with self._database.transaction(tenant) as connection:
                if not await append_results(connection, tenant, identity, results):
                    return
                if time.monotonic() - begun > _TURN_SECONDS:
                    await self.defer(connection, tenant, identity)
                    return
        latency = await self._time(tenant, run, choose_timed(queries))
        async with self._database.transaction(tenant) as connection:
            measures = mean_measures(await load_results(connection, identity))
            await finish_run(connection, identity, measures, latency)

    async def _ask(
        self, tenant: TenantId, run: EvalRun, queries: Sequence[JudgedQuery]
    ) -> list[QueryResult]:
        places = asyncio.Semaphore(_AT_ONCE)

        async def ask(query: JudgedQuery) -> QueryResult:
            async with places:
                found = await self._search(_request(tenant, run, query, PASSAGES_ASKED))
            ranking = rank_documents(result.document_id for result in found.results)
            return judge(query, ranking, found.degraded)

        return await asyncio.gather(*(ask(query) for query in queries))

    async def _time(
        self, tenant: TenantId, run: EvalRun, queries: Sequence[JudgedQuery]
    ) -> dict[str, Quantiles]:
        """Milliseconds of each stage, one query at a time, with as many results as users ask."""
        for query in queries[:_WARMING_QUERIES]:
            await self._search(_request(tenant, run, query, TIMED_LIMIT))
        taken: defaultdict[str, list[float]] = defaultdict(list)
        for query in queries:
            found = await self._search(_request(tenant, run, query, TIMED_LIMIT))
            for stage, milliseconds in found.timings_ms.items():
                taken[stage].append(milliseconds)
        return {stage: quantiles(values) for stage, values in taken.items()}

    async def _give_up(self, arguments: JobArguments, attempt: Attempt, reason: str) -> None:
        del attempt
        tenant, identity = _names(arguments)
        async with self._database.transaction(tenant) as connection:
            await fail_run(connection, identity, "evaluation_failed", reason)


def _request(tenant: TenantId, run: EvalRun, query: JudgedQuery, limit: int) -> SearchRequest:
    options = dict(run.config)
    return SearchRequest(
        tenant=tenant,
        collection=run.eval_set.collection,
        query=query.text,
        search_type=SearchType(options.get("search_type", SearchType.HYBRID)),
        limit=limit,
        threshold=options.get("threshold", 0.0),
        filter=parse_filter(options.get("filter", {})),
        rerank=options.get("rerank", True),
        switches=SearchSwitches.of(options),
    )


def _told(purse: Purse) -> JobArguments:
    return {"user": str(purse.user), "tier": purse.tier, "tokens_a_day": purse.tokens_a_day}


def _purse(arguments: JobArguments) -> Purse | None:
    if "user" not in arguments:
        return None
    tenant, _ = _names(arguments)
    user, tokens = UUID(str(arguments["user"])), int(str(arguments["tokens_a_day"]))
    return Purse(tenant, user, str(arguments["tier"]), tokens)


def _names(arguments: JobArguments) -> tuple[TenantId, EvalRunId]:
    return TenantId(UUID(str(arguments["tenant"]))), EvalRunId(UUID(str(arguments["run"])))
