"""Turns: start-time fair queueing over the queue's priorities.

Goyal, Vin and Cheng, "Start-time Fair Queuing" (1996): each job gets a tag, the job with the lowest
tag is next. A share's tags follow each other, and begin at the tag of the job in service, so that a
share that comes late is neither behind the others nor ahead of what they had before. Procrastinate
takes the highest priority first: a priority is a negative tag.

What is urgent takes the first of its own share's tags, and each of the share's less urgent jobs
takes the tag of the next one. So it costs other shares nothing.
"""

from __future__ import annotations

from psycopg import AsyncConnection

from groundwell.ports.job_engine import LEAST_URGENT, Turn
from groundwell.store.database import Row

SHARE = "share"
"""The argument of a job that names its share."""
RANK = "rank"
"""The argument of a job that says how many kinds of its share's jobs are more urgent."""


async def find_place(connection: AsyncConnection[Row], queue: str, turn: Turn) -> int:
    """The priority of a job that is queued now."""
    last = await _find_last(connection, queue, turn.share)
    if turn.rank == LEAST_URGENT:
        return last
    cursor = await connection.execute(
        """
        WITH later AS (
            SELECT id, priority FROM procrastinate_jobs
            WHERE status = 'todo' AND queue_name = %(queue)s AND args ->> 'share' = %(share)s
              AND (args ->> 'rank')::int > %(rank)s
            ORDER BY id FOR UPDATE
        ), places AS (
            SELECT id, priority,
                   lead(priority, 1, %(last)s) OVER (ORDER BY priority DESC, id) AS next
            FROM later
        ), moved AS (
            UPDATE procrastinate_jobs j SET priority = p.next FROM places p WHERE j.id = p.id
        )
        SELECT max(priority) FROM places
        """,
        {"queue": queue, "share": turn.share, "rank": turn.rank, "last": last},
    )
    row = await cursor.fetchone()
    assert row is not None, "an aggregate has one row"
    return last if row[0] is None else int(row[0])


async def _find_last(connection: AsyncConnection[Row], queue: str, share: str) -> int:
    """The priority behind all that the share has in the queue."""
    cursor = await connection.execute(
        """
        SELECT greatest(
            coalesce(
                (SELECT max(-priority) FROM procrastinate_jobs
                 WHERE status = 'doing' AND queue_name = %(queue)s AND worker_id IS NOT NULL
                   AND priority < 0),
                (SELECT -max(priority) FROM procrastinate_jobs
                 WHERE status = 'todo' AND queue_name = %(queue)s AND priority < 0),
                0
            ),
            (SELECT -min(priority) FROM procrastinate_jobs
             WHERE status = 'todo' AND queue_name = %(queue)s AND args ->> 'share' = %(share)s)
        )
        """,
        {"queue": queue, "share": share},
    )
    row = await cursor.fetchone()
    assert row is not None, "a query without FROM has one row"
    return -(int(row[0]) + 1)
