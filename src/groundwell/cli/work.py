"""`groundwell work`: a process that ingests."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from typing import Annotated

import typer

from groundwell.bootstrap import open_services
from groundwell.cli.console import DataDir
from groundwell.cli.logs import configure_logging
from groundwell.settings import Settings, load_settings

_PARENT_POLL_SECONDS = 1.0


def work(
    data_dir: DataDir = None,
    *,
    with_parent: Annotated[
        bool, typer.Option(hidden=True, help="Stop when the process that started this one ends.")
    ] = False,
) -> None:
    """Ingest documents. `serve` starts a worker by itself; more can run beside it, or elsewhere."""
    settings = load_settings(data_dir=data_dir)
    configure_logging(settings.log_level)
    asyncio.run(_run(settings, with_parent=with_parent))


async def _run(settings: Settings, *, with_parent: bool) -> None:
    async with open_services(settings) as services:
        working = asyncio.ensure_future(services.jobs.run())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, working.cancel)
        watching = asyncio.ensure_future(_stop_with_parent(working)) if with_parent else None
        with suppress(asyncio.CancelledError):
            await working
        if watching is not None:
            watching.cancel()


async def _stop_with_parent(working: asyncio.Future[None]) -> None:
    """A server that was killed cannot stop its worker: the worker notices by itself."""
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 - no event tells of a parent's death
        await asyncio.sleep(_PARENT_POLL_SECONDS)
    working.cancel()
