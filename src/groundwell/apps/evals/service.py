"""What evaluations decide."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from groundwell.apps.evals.schemas import UNGRADED, JudgementIn, Order, RunIn, SetIn
from groundwell.domain.documents import TenantId
from groundwell.domain.errors import ConflictError, InvalidInputError, QuotaExceededError
from groundwell.domain.evaluation import (
    Comparison,
    EvalRun,
    EvalRunId,
    EvalSet,
    EvalSetId,
    JudgedQuery,
    Measures,
    QueryResult,
    RunStatus,
)
from groundwell.domain.filters import parse_filter
from groundwell.domain.identity import Principal
from groundwell.domain.search import SearchType
from groundwell.learning.significance import compare_runs
from groundwell.services import Services
from groundwell.store import eval_runs, eval_sets
from groundwell.store.collections import get_collection

_MOST_UNFINISHED_RUNS = 20


async def create_set(services: Services, caller: Principal, wanted: SetIn) -> EvalSet:
    """Store judged queries over a collection that exists."""
    # Sets hold up to half a million judgements; nobody else should have to wait for them.
    queries = await asyncio.to_thread(_judged, wanted.judgements)
    async with services.database.transaction(caller.tenant) as connection:
        await get_collection(connection, wanted.collection)
        return await eval_sets.insert_set(
            connection, caller.tenant, wanted.name, wanted.collection, queries, caller.user_id
        )


async def list_sets(services: Services, tenant: TenantId) -> list[EvalSet]:
    """All sets."""
    async with services.database.transaction(tenant) as connection:
        return await eval_sets.list_sets(connection)


async def read_set(
    services: Services, tenant: TenantId, identity: EvalSetId, limit: int, offset: int
) -> tuple[EvalSet, list[JudgedQuery]]:
    """A set, and a page of its queries."""
    async with services.database.transaction(tenant) as connection:
        found = await eval_sets.get_set(connection, identity)
        queries = await eval_sets.load_queries(connection, identity, limit=limit, offset=offset)
    return found, queries


async def delete_set(services: Services, tenant: TenantId, identity: EvalSetId) -> None:
    """Delete a set; its runs go with it, and those that still run stop."""
    async with services.database.transaction(tenant) as connection:
        await eval_sets.delete_set(connection, identity)


async def create_run(services: Services, tenant: TenantId, wanted: RunIn) -> EvalRun:
    """Queue a run; it and its job are stored together.

    Raises InvalidInputError for a configuration that every search of the run would refuse, and
    QuotaExceededError when many of the tenant's runs wait.
    """
    options = wanted.config.options()
    parse_filter(options.get("filter", {}))
    services.fusion.wanted_by(
        wanted.config.switches(), wanted.config.search_type or SearchType.HYBRID
    )
    compare_with = None if wanted.compare_with is None else EvalRunId(wanted.compare_with)
    async with services.database.transaction(tenant) as connection:
        found = await eval_sets.get_set_by_name(connection, wanted.set)
        if compare_with is not None:
            other = await eval_runs.get_run(connection, compare_with)
            _require_same_set(found, other)
        # Two requests at once may make one too many, which harms nobody: tenants take turns.
        unfinished = await eval_runs.count_unfinished(connection)
        if unfinished >= _MOST_UNFINISHED_RUNS:
            raise QuotaExceededError("evaluations", _MOST_UNFINISHED_RUNS, unfinished)
        run = await eval_runs.insert_run(connection, tenant, found.id, options, compare_with)
        await services.evaluations.defer(connection, tenant, run.id)
    return run


async def list_runs(services: Services, tenant: TenantId, limit: int, offset: int) -> list[EvalRun]:
    """Runs, newest first."""
    async with services.database.transaction(tenant) as connection:
        return await eval_runs.list_runs(connection, limit, offset)


async def read_run(
    services: Services, tenant: TenantId, identity: EvalRunId, compare_with: EvalRunId | None
) -> tuple[EvalRun, Comparison | None]:
    """A run, and how it compares with another one once both are complete."""
    async with services.database.transaction(tenant) as connection:
        run = await eval_runs.get_run(connection, identity)
        baseline = compare_with or run.compare_with
        if baseline is None:
            return run, None
        other = await eval_runs.get_run(connection, baseline)
        _require_same_set(run.eval_set, other)
        if not (run.status == other.status == RunStatus.COMPLETE):
            return run, None
        measured = _by_query(await eval_runs.load_results(connection, run.id))
        before = _by_query(await eval_runs.load_results(connection, other.id))
    # Ten thousand permutations take a while on large sets.
    return run, await asyncio.to_thread(compare_runs, before, measured)


async def read_results(
    services: Services,
    tenant: TenantId,
    identity: EvalRunId,
    order: Order,
    limit: int,
    offset: int,
) -> tuple[list[QueryResult], int]:
    """A page of a run's results, and how many there are."""
    async with services.database.transaction(tenant) as connection:
        run = await eval_runs.get_run(connection, identity)
        found = await eval_runs.load_results(
            connection, identity, worst_first=order == "worst", limit=limit, offset=offset
        )
    return found, run.done


async def delete_run(services: Services, tenant: TenantId, identity: EvalRunId) -> None:
    """Delete a run; one that still runs stops within some queries."""
    async with services.database.transaction(tenant) as connection:
        await eval_runs.delete_run(connection, identity)


def _judged(judgements: Sequence[JudgementIn]) -> list[JudgedQuery]:
    queries = []
    for number, judgement in enumerate(judgements, start=1):
        grades = {item["document_id"]: item.get("grade", UNGRADED) for item in judgement.relevant}
        if len(grades) < len(judgement.relevant):
            raise InvalidInputError(
                f"Judgement {number} names a document twice.", code="invalid_judgements"
            )
        query = JudgedQuery(str(number), judgement.query, grades)
        if not query.has_relevant:
            raise InvalidInputError(
                f"Judgement {number} has no document with a grade above 0.",
                code="invalid_judgements",
            )
        queries.append(query)
    return queries


def _require_same_set(found: EvalSet, other: EvalRun) -> None:
    if other.eval_set.id != found.id:
        raise ConflictError(
            f"The run to compare with is of the set '{other.eval_set.name}', not of "
            f"'{found.name}'.",
            code="eval_sets_differ",
        )


def _by_query(results: Sequence[QueryResult]) -> dict[str, Measures]:
    return {result.query.id: result.measures for result in results}
