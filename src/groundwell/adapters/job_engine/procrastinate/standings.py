"""Where a job stands, for whoever waits for it."""

from __future__ import annotations

from datetime import timedelta

from psycopg import AsyncConnection

from groundwell.ports.job_engine import JobStanding
from groundwell.store.database import Row

REASON = "reason"
"""The argument of a job that keeps why it was not done at the last try."""
# Whoever asks may only count jobs of his own: those with the same value of `owner`.
_READ = """
    WITH live AS (
        SELECT id FROM procrastinate_workers WHERE last_heartbeat > now() - %(lease)s
    ), found AS (
        SELECT * FROM procrastinate_jobs
        WHERE status IN ('todo', 'doing') AND strpos(args ->> %(argument)s, %(word)s) > 0
        ORDER BY status = 'doing' AND worker_id IN (SELECT id FROM live) DESC, id DESC LIMIT 1
    )
    SELECT EXISTS (SELECT FROM live), f.id IS NOT NULL, coalesce(f.status = 'doing', false),
           CASE WHEN f.scheduled_at > now() THEN f.scheduled_at END, f.args ->> 'reason',
           (SELECT count(*) FROM procrastinate_jobs o
            WHERE f.status = 'todo' AND o.status = 'todo' AND o.id <> f.id
              AND o.queue_name = f.queue_name
              AND (o.scheduled_at IS NULL OR o.scheduled_at <= now())
              AND o.args ->> %(owner)s = f.args ->> %(owner)s
              AND (-o.priority, o.id) < (-f.priority, f.id))
    FROM (SELECT) AS always LEFT JOIN found f ON true
"""


async def read_standing(
    connection: AsyncConnection[Row], argument: str, word: str, owner: str, lease_seconds: float
) -> JobStanding:
    """Look for the job, and for a worker that has shown itself within a lease."""
    cursor = await connection.execute(
        _READ,
        {
            "argument": argument,
            "word": word,
            "owner": owner,
            "lease": timedelta(seconds=lease_seconds),
        },
    )
    row = await cursor.fetchone()
    assert row is not None, "there is a row, with or without a job"
    return JobStanding(*row)
