"""What has become of jobs. Workers count it in the database, where any server can read it."""

from __future__ import annotations

import logging

import procrastinate
from procrastinate.exceptions import ConnectorException
from psycopg import AsyncConnection

from groundwell.ports.job_engine import JobOutcome, QueueDepth
from groundwell.store.database import Row

_log = logging.getLogger(__name__)


async def count_outcome(app: procrastinate.App, kind: str, outcome: str, seconds: float) -> None:
    """Count the end of an attempt. A count that cannot be written is missing: no job fails for it.

    Successful jobs leave no row of their own behind that could be counted later.
    """
    try:
        await app.connector.execute_query_async(
            "INSERT INTO job_outcomes AS o (kind, outcome, jobs, seconds)"
            " VALUES (%(kind)s, %(outcome)s, 1, %(seconds)s) ON CONFLICT (kind, outcome)"
            " DO UPDATE SET jobs = o.jobs + 1, seconds = o.seconds + excluded.seconds",
            kind=kind,
            outcome=outcome,
            seconds=seconds,
        )
    except ConnectorException:
        _log.warning("the outcome of a job could not be counted")


async def read_outcomes(connection: AsyncConnection[Row]) -> list[JobOutcome]:
    """All counts."""
    cursor = await connection.execute(
        "SELECT kind, outcome, jobs, seconds FROM job_outcomes ORDER BY kind, outcome"
    )
    return [JobOutcome(*row) for row in await cursor.fetchall()]


async def read_depths(connection: AsyncConnection[Row]) -> list[QueueDepth]:
    """How many jobs of each queue wait, run and have failed."""
    cursor = await connection.execute(
        "SELECT queue_name, CASE status WHEN 'todo' THEN 'waiting' WHEN 'doing' THEN 'running'"
        " ELSE 'failed' END, count(*) FROM procrastinate_jobs"
        " WHERE status IN ('todo', 'doing', 'failed') GROUP BY queue_name, status"
    )
    return [QueueDepth(*row) for row in await cursor.fetchall()]
