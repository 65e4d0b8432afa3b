"""Evaluation runs as jobs: they go on where they were cut off, and end when they are deleted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest
from psycopg import AsyncConnection

from groundwell.domain.documents import TenantId
from groundwell.domain.errors import UnavailableError
from groundwell.domain.evaluation import (
    PASSAGES_ASKED,
    TIMED_LIMIT,
    EvalRun,
    JudgedQuery,
    RunStatus,
)
from groundwell.domain.search import SearchRequest, SearchResponse, SearchResult, SearchType
from groundwell.domain.spending import Purse, current_purse, paid_by
from groundwell.learning.jobs import EvaluationJobs
from groundwell.ports.job_engine import Attempt, JobArguments, JobKind, Turn
from groundwell.store.collections import ensure_collection
from groundwell.store.database import Database, Row
from groundwell.store.eval_runs import delete_run, find_run, get_run, insert_run, load_results
from groundwell.store.eval_sets import insert_set
from groundwell.store.identity import insert_owner

QUERIES = 50


class Engine:
    """Keeps kinds of jobs and runs them when told."""

    def __init__(self) -> None:
        self.kind: JobKind | None = None
        self.deferred: list[JobArguments] = []

    def register(self, kind: JobKind) -> None:
        self.kind = kind

    async def defer(
        self,
        connection: AsyncConnection[Row],
        name: str,
        arguments: JobArguments,
        *,
        unique: str | None = None,
        turn: Turn | None = None,
    ) -> None:
        del connection, name, unique, turn
        self.deferred.append(arguments)

    async def run(self) -> None:
        """Run the newest one, and what it queues of itself when its turn is over."""
        assert self.kind is not None
        known = 0
        while known < len(self.deferred):
            known = len(self.deferred)
            await self.kind.run(self.deferred[-1], Attempt(0, 1))

    async def give_up(self, reason: str) -> None:
        assert self.kind is not None
        await self.kind.give_up(self.deferred[-1], Attempt(0, 1), reason)


class Finder:
    """A search that finds the document of the query's number, twice, and can be disturbed."""

    def __init__(self) -> None:
        self.asked: list[SearchRequest] = []
        self.disturb: Callable[[int], Awaitable[None]] | None = None

    async def search(self, request: SearchRequest) -> SearchResponse:
        self.asked.append(request)
        if self.disturb is not None:
            await self.disturb(len(self.asked))
        document = request.query.rpartition(" ")[2]
        results = tuple(_passage(name) for name in ("other", document, document))
        return SearchResponse(results, {"total": 2.0})

    def queries(self, limit: int) -> list[str]:
        return [request.query for request in self.asked if request.limit == limit]


def _passage(document: str) -> SearchResult:
    return SearchResult("chunk", document, 1, "a.txt", None, "text", 0.5, None, 0, 4)


class Setting:
    """A stored run with its jobs."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.tenant = TenantId(uuid4())
        self.engine = Engine()
        self.finder = Finder()
        self.jobs = EvaluationJobs(database, self.engine, self.finder.search)

    async def begin(self, **config: object) -> EvalRun:
        queries = [JudgedQuery(str(n), f"query {n}", {str(n): 1}) for n in range(1, QUERIES + 1)]
        async with self.database.transaction(self.tenant) as connection:
            await insert_owner(connection, self.tenant, "test")
            await ensure_collection(connection, self.tenant, "default", "passage")
            stored = await insert_set(connection, self.tenant, "set", "default", queries)
            run = await insert_run(connection, self.tenant, stored.id, config, None)
            await self.jobs.defer(connection, self.tenant, run.id)
        return run

    async def read(self, run: EvalRun) -> EvalRun:
        async with self.database.transaction(self.tenant) as connection:
            return await get_run(connection, run.id)


@pytest.fixture
async def setting(database: Database) -> Setting:
    return Setting(database)


async def test_every_query_is_asked_once_and_then_timed(setting: Setting) -> None:
    run = await setting.begin(search_type="keyword", rerank=False)
    await setting.engine.run()
    found = await setting.read(run)
    assert (found.status, found.done) == (RunStatus.COMPLETE, QUERIES)
    # The right document stands second, behind another one.
    assert found.measures["mrr@10"] == 0.5
    assert found.latency_ms["total"].p95 == 2.0
    asked = setting.finder.queries(PASSAGES_ASKED)
    assert sorted(asked) == sorted(f"query {n}" for n in range(1, QUERIES + 1))
    assert set(setting.finder.queries(TIMED_LIMIT)) == set(asked)
    assert {request.search_type for request in setting.finder.asked} == {SearchType.KEYWORD}
    assert not any(request.rerank for request in setting.finder.asked)


async def test_who_asked_for_a_run_pays_for_it_in_every_turn(setting: Setting) -> None:
    payers: list[Purse | None] = []

    async def note_payer(count: int) -> None:
        assert count
        payers.append(current_purse())

    setting.finder.disturb = note_payer
    purse = Purse(setting.tenant, uuid4(), "free", 200_000)
    with paid_by(purse):
        run = await setting.begin()
    await setting.engine.run()
    assert payers == [purse] * len(setting.finder.asked)
    # What is left of a run is queued by the job itself.
    with paid_by(purse):
        async with setting.database.transaction(setting.tenant) as connection:
            await setting.jobs.defer(connection, setting.tenant, run.id)
    assert setting.engine.deferred[0] == setting.engine.deferred[1]
    assert current_purse() is None


async def test_a_run_that_was_cut_off_goes_on_where_it_stopped(setting: Setting) -> None:
    async def fail_late(count: int) -> None:
        if count > 30:
            raise UnavailableError("The database is away.")

    run = await setting.begin()
    setting.finder.disturb = fail_late
    with pytest.raises(UnavailableError):
        await setting.engine.run()
    halfway = await setting.read(run)
    assert (halfway.status, halfway.done) == (RunStatus.RUNNING, 20)
    setting.finder.disturb = None
    setting.finder.asked.clear()
    await setting.engine.run()
    assert len(setting.finder.queries(PASSAGES_ASKED)) == QUERIES - 20
    assert (await setting.read(run)).done == QUERIES


async def test_a_complete_run_is_not_done_again(setting: Setting) -> None:
    await setting.begin()
    await setting.engine.run()
    setting.finder.asked.clear()
    await setting.engine.run()
    assert setting.finder.asked == []


async def test_a_deleted_run_stops(setting: Setting) -> None:
    run = await setting.begin()

    async def delete(count: int) -> None:
        if count == 25:
            async with setting.database.transaction(setting.tenant) as connection:
                await delete_run(connection, run.id)

    setting.finder.disturb = delete
    await setting.engine.run()
    assert len(setting.finder.asked) == 40
    async with setting.database.transaction(setting.tenant) as connection:
        assert await find_run(connection, run.id) is None
        assert await load_results(connection, run.id) == []


async def test_a_run_that_is_given_up_says_why(setting: Setting) -> None:
    run = await setting.begin()
    await setting.engine.give_up("The worker died.")
    found = await setting.read(run)
    assert (found.status, found.error_code) == (RunStatus.FAILED, "evaluation_failed")
    assert found.error_message == "The worker died."
