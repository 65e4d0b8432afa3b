"""What workers have counted, for the monitor that asks a server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from datetime import timedelta

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from groundwell.ports.metrics import Sample, WorkerSamples
from groundwell.store.database import Row

_SILENT = timedelta(seconds=60)


async def report_samples(
    connection: AsyncConnection[Row], process: str, samples: Sequence[Sample]
) -> None:
    """Replace what the process reported before; forget processes that are silent."""
    await connection.execute(
        "INSERT INTO worker_metrics (process, samples) VALUES (%s, %s) ON CONFLICT (process)"
        " DO UPDATE SET samples = excluded.samples, reported_at = now()",
        (process, Jsonb([astuple(sample) for sample in samples])),
    )
    await connection.execute(
        "DELETE FROM worker_metrics WHERE reported_at < now() - %s", (_SILENT,)
    )


async def forget_process(connection: AsyncConnection[Row], process: str) -> None:
    """Remove what a process reported, because it ends."""
    await connection.execute("DELETE FROM worker_metrics WHERE process = %s", (process,))


async def read_samples(connection: AsyncConnection[Row]) -> list[WorkerSamples]:
    """What all workers reported that are not silent, by the names of their processes."""
    cursor = await connection.execute(
        "SELECT process, samples FROM worker_metrics WHERE reported_at >= now() - %s"
        " ORDER BY process",
        (_SILENT,),
    )
    return [
        WorkerSamples(process, tuple(Sample(*sample) for sample in samples))
        for process, samples in await cursor.fetchall()
    ]
