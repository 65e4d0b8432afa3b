"""Runs over stored sets, and their results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import LiteralString
from uuid import uuid4

from psycopg import AsyncConnection
from psycopg.types.json import Json

from groundwell.domain.documents import TenantId
from groundwell.domain.errors import NotFoundError
from groundwell.domain.evaluation import (
    Configuration,
    EvalRun,
    EvalRunId,
    EvalSet,
    EvalSetId,
    JudgedQuery,
    Measures,
    Quantiles,
    QueryResult,
    RunStatus,
)
from groundwell.store.database import Row
from groundwell.store.large_results import rows_of

_COLUMNS: LiteralString = """
    SELECT r.id, r.config, r.compare_with, r.status, r.document_count, r.missing_documents,
           r.created_at, r.finished_at, r.measures, r.latency_ms, r.error_code, r.error_message,
           (SELECT count(*) FROM eval_results e WHERE e.run_id = r.id),
           s.id, s.name, s.collection, s.query_count, s.judgement_count, s.created_at
    FROM eval_runs r JOIN eval_sets s ON s.id = r.set_id
"""
_RESULTS: LiteralString = """
    SELECT e.ordinal, j.query, j.grades, e.ranking, e.measures, e.degraded
    FROM eval_results e JOIN eval_runs r ON r.id = e.run_id
    JOIN eval_judgements j ON j.set_id = r.set_id AND j.ordinal = e.ordinal
    WHERE e.run_id = %(run)s
    ORDER BY CASE WHEN %(worst_first)s THEN (e.measures->>'ndcg@10')::float8 END, e.ordinal
    LIMIT %(limit)s OFFSET %(offset)s
"""


async def insert_run(
    connection: AsyncConnection[Row],
    tenant: TenantId,
    eval_set: EvalSetId,
    config: Configuration,
    compare_with: EvalRunId | None,
) -> EvalRun:
    """A run that waits for a worker."""
    identity = EvalRunId(uuid4())
    await connection.execute(
        "INSERT INTO eval_runs (id, tenant_id, set_id, config, compare_with, status)"
        " VALUES (%s, %s, %s, %s, %s, 'pending')",
        (identity, tenant, eval_set, Json(dict(config)), compare_with),
    )
    return await get_run(connection, identity)


async def find_run(connection: AsyncConnection[Row], identity: EvalRunId) -> EvalRun | None:
    """The run of that id."""
    cursor = await connection.execute(f"{_COLUMNS} WHERE r.id = %s", (identity,))
    row = await cursor.fetchone()
    return None if row is None else _run(row)


async def get_run(connection: AsyncConnection[Row], identity: EvalRunId) -> EvalRun:
    """The run of that id; NotFoundError when there is none."""
    run = await find_run(connection, identity)
    if run is None:
        raise NotFoundError("There is no run with that id.", code="eval_run_not_found")
    return run


async def list_runs(connection: AsyncConnection[Row], limit: int, offset: int) -> list[EvalRun]:
    """The tenant's runs, newest first."""
    cursor = await connection.execute(
        f"{_COLUMNS} ORDER BY r.created_at DESC, r.id LIMIT %s OFFSET %s", (limit, offset)
    )
    return [_run(row) for row in await cursor.fetchall()]


async def count_unfinished(connection: AsyncConnection[Row]) -> int:
    """How many of the tenant's runs wait for a worker or are being done."""
    cursor = await connection.execute(
        "SELECT count(*) FROM eval_runs WHERE status IN ('pending', 'running')"
    )
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


async def delete_run(connection: AsyncConnection[Row], identity: EvalRunId) -> None:
    """Delete a run with its results; NotFoundError when there is none."""
    cursor = await connection.execute("DELETE FROM eval_runs WHERE id = %s", (identity,))
    if cursor.rowcount == 0:
        raise NotFoundError("There is no run with that id.", code="eval_run_not_found")


async def start_run(
    connection: AsyncConnection[Row], identity: EvalRunId, documents: int, missing: int
) -> None:
    """Mark the run as begun, over so many documents."""
    await connection.execute(
        "UPDATE eval_runs SET status = 'running', document_count = %s, missing_documents = %s"
        " WHERE id = %s",
        (documents, missing, identity),
    )


async def append_results(
    connection: AsyncConnection[Row],
    tenant: TenantId,
    identity: EvalRunId,
    results: Sequence[QueryResult],
) -> bool:
    """Add results; those that are there stay. False when the run was deleted meanwhile."""
    cursor = await connection.execute(
        "SELECT FROM eval_runs WHERE id = %s FOR KEY SHARE", (identity,)
    )
    if await cursor.fetchone() is None:
        return False
    async with connection.cursor() as writing:
        await writing.executemany(
            "INSERT INTO eval_results (run_id, ordinal, tenant_id, ranking, measures, degraded)"
            " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [
                (
                    identity,
                    int(result.query.id),
                    tenant,
                    list(result.ranking),
                    Json(dict(result.measures)),
                    list(result.degraded),
                )
                for result in results
            ],
        )
    return True


async def finish_run(
    connection: AsyncConnection[Row],
    identity: EvalRunId,
    measures: Measures,
    latency_ms: Mapping[str, Quantiles],
) -> None:
    """Store what the whole run reached."""
    latency = {stage: [found.p50, found.p95] for stage, found in latency_ms.items()}
    await connection.execute(
        "UPDATE eval_runs SET status = 'complete', measures = %s, latency_ms = %s,"
        " finished_at = now() WHERE id = %s",
        (Json(dict(measures)), Json(latency), identity),
    )


async def fail_run(
    connection: AsyncConnection[Row], identity: EvalRunId, code: str, message: str
) -> None:
    """Mark a run that is not finished as failed, and say why."""
    await connection.execute(
        "UPDATE eval_runs SET status = 'failed', error_code = %s, error_message = %s,"
        " finished_at = now() WHERE id = %s AND status IN ('pending', 'running')",
        (code, message, identity),
    )


async def read_newest_accuracy(connection: AsyncConnection[Row]) -> float | None:
    """The nDCG@10 of the newest evaluation that is complete, whoever's it is. Needs no tenant."""
    cursor = await connection.execute("SELECT newest_accuracy()")
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def load_results(
    connection: AsyncConnection[Row],
    identity: EvalRunId,
    *,
    worst_first: bool = False,
    limit: int | None = None,
    offset: int = 0,
) -> list[QueryResult]:
    """The results so far in the order of the set, or the lowest nDCG@10 first."""
    cursor = await connection.execute(
        _RESULTS,
        {"run": identity, "worst_first": worst_first, "limit": limit, "offset": offset},
    )
    return [
        QueryResult(JudgedQuery(str(row[0]), row[1], row[2]), tuple(row[3]), row[4], tuple(row[5]))
        async for row in rows_of(cursor)
    ]


def _run(row: Row) -> EvalRun:
    latency = {stage: Quantiles(*pair) for stage, pair in row[9].items()}
    eval_set = EvalSet(EvalSetId(row[13]), row[14], row[15], row[16], row[17], row[18])
    return EvalRun(
        id=EvalRunId(row[0]),
        eval_set=eval_set,
        config=row[1],
        compare_with=None if row[2] is None else EvalRunId(row[2]),
        status=RunStatus(row[3]),
        done=row[12],
        queries=eval_set.queries,
        documents=row[4],
        missing_documents=row[5],
        created_at=row[6],
        finished_at=row[7],
        measures=row[8],
        latency_ms=latency,
        error_code=row[10],
        error_message=row[11],
    )
