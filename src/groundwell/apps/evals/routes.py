"""HTTP: evaluations."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from groundwell.apps.evals import service
from groundwell.apps.evals.schemas import (
    ComparisonOut,
    JudgementOut,
    Order,
    QueryResultOut,
    ResultPage,
    RunDetail,
    RunIn,
    RunList,
    RunOut,
    SetDetail,
    SetIn,
    SetList,
    SetOut,
)
from groundwell.domain.evaluation import EvalRunId, EvalSetId
from groundwell.web.deps import App, Reader, Writer
from groundwell.web.json_body import StrictJsonRoute

_MOST_CHANGES = 100

router = APIRouter(prefix="/evals", tags=["evaluations"], route_class=StrictJsonRoute)


@router.post("/sets", status_code=201, summary="Store judged queries")
async def create_eval_set(app: App, caller: Writer, body: SetIn) -> SetOut:
    """Queries with the documents that answer them. Documents that do not exist yet may be named."""
    return SetOut.of(await service.create_set(app, caller, body))


@router.get("/sets", summary="List stored sets")
async def list_eval_sets(app: App, caller: Reader) -> SetList:
    """All sets, by name."""
    found = await service.list_sets(app, caller.tenant)
    return SetList(sets=[SetOut.of(item) for item in found])


@router.get("/sets/{set_id}", response_model=SetDetail, summary="Read a set")
async def read_eval_set(
    app: App,
    caller: Reader,
    set_id: UUID,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    offset: Annotated[int, Query(ge=0, le=100_000)] = 0,
) -> Response:
    """The set with some of its queries, in their order, as they were stored."""
    found, queries = await service.read_set(app, caller.tenant, EvalSetId(set_id), limit, offset)
    return await _page(SetOut.of(found).model_dump_json(), "judged", map(JudgementOut.of, queries))


@router.delete("/sets/{set_id}", status_code=204, summary="Delete a set")
async def delete_eval_set(app: App, caller: Writer, set_id: UUID) -> None:
    """Remove the set with its runs; a run in progress stops."""
    await service.delete_set(app, caller.tenant, EvalSetId(set_id))


@router.post("/runs", status_code=202, summary="Start a run")
async def create_eval_run(app: App, caller: Writer, body: RunIn) -> RunOut:
    """Queue a run over a stored set. A worker does it, and does it again where it was cut off."""
    return RunOut.of(await service.create_run(app, caller.tenant, body))


@router.get("/runs", summary="List runs")
async def list_eval_runs(
    app: App,
    caller: Reader,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    offset: Annotated[int, Query(ge=0, le=100_000)] = 0,
) -> RunList:
    """Runs, newest first."""
    found = await service.list_runs(app, caller.tenant, limit, offset)
    return RunList(runs=[RunOut.of(run) for run in found])


@router.get("/runs/{run_id}", summary="Read a run")
async def read_eval_run(
    app: App,
    caller: Reader,
    run_id: UUID,
    compare_with: Annotated[
        UUID | None, Query(description="Another run of the set, if not the run's own.")
    ] = None,
) -> RunDetail:
    """Where the run stands, what it measured, and how that compares with another run."""
    other = None if compare_with is None else EvalRunId(compare_with)
    run, comparison = await service.read_run(app, caller.tenant, EvalRunId(run_id), other)
    compared = None if comparison is None else ComparisonOut.of(comparison, _MOST_CHANGES)
    return RunDetail(**RunOut.of(run).model_dump(), comparison=compared)


@router.get("/runs/{run_id}/results", response_model=ResultPage, summary="Read a run's results")
async def read_eval_results(
    app: App,
    caller: Reader,
    run_id: UUID,
    order: Annotated[Order, Query(description="`worst` begins with the lowest nDCG@10.")] = "set",
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    offset: Annotated[int, Query(ge=0, le=100_000)] = 0,
) -> Response:
    """What each query found, as far as the run has come."""
    found, total = await service.read_results(
        app, caller.tenant, EvalRunId(run_id), order, limit, offset
    )
    return await _page(f'{{"total":{total}}}', "results", map(QueryResultOut.of, found))


@router.delete("/runs/{run_id}", status_code=204, summary="Cancel or delete a run")
async def delete_eval_run(app: App, caller: Writer, run_id: UUID) -> None:
    """Remove the run with its results; one in progress stops."""
    await service.delete_run(app, caller.tenant, EvalRunId(run_id))


async def _page(head: str, name: str, items: Iterable[BaseModel]) -> Response:
    """An object with one more field, a list. Each item may have ten thousand documents.

    So each is written on its own, and others have a turn.
    """

    def write() -> bytes:
        written = b",".join(item.model_dump_json().encode() for item in items)
        return b'%b,"%b":[%b]}' % (head[:-1].encode(), name.encode(), written)

    return Response(await asyncio.to_thread(write), media_type="application/json")
