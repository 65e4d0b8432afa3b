"""`groundwell work`: a process that ingests."""

from __future__ import annotations

from typing import Annotated

import typer

from groundwell.cli.console import DataDir
from groundwell.domain.queues import Queue
from groundwell.imports import lasting_imports


def work(
    data_dir: DataDir = None,
    *,
    queue: Annotated[
        list[Queue] | None,
        typer.Option(help="Take jobs of this queue only; may be given several times."),
    ] = None,
    parent: Annotated[
        int | None, typer.Option(hidden=True, help="Stop when the process of this id ends.")
    ] = None,
) -> None:
    """Ingest documents. `serve` starts a worker by itself; more can run beside it, or elsewhere."""
    # The model runtime takes a second to import; other commands do not need it.
    with lasting_imports():
        from groundwell.cli.worker import run_worker  # noqa: PLC0415 - slow, see above

    run_worker(data_dir, parent, queue)
