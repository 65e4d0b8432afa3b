"""The process that ingests."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path

from groundwell.bootstrap import open_services
from groundwell.cli.logs import configure_logging
from groundwell.settings import Settings, load_settings

_PARENT_POLL_SECONDS = 1.0


def run_worker(data_dir: Path | None, parent: int | None) -> None:
    """Work until a signal comes, or the process `parent` is no longer the one that started this."""
    settings = load_settings(data_dir=data_dir)
    configure_logging(settings.log_level)
    asyncio.run(_run(settings, parent))


async def _run(settings: Settings, parent: int | None) -> None:
    async with open_services(settings, for_worker=True) as services:
        working = asyncio.ensure_future(services.jobs.run())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, working.cancel)
        watching = None
        if parent is not None:
            watching = asyncio.ensure_future(_stop_with_parent(working, parent))
        with suppress(asyncio.CancelledError):
            await working
        if watching is not None:
            watching.cancel()


async def _stop_with_parent(working: asyncio.Future[None], parent: int) -> None:
    """A server that was killed cannot stop its worker: the worker notices by itself."""
    while os.getppid() == parent:  # noqa: ASYNC110 - no event tells of a parent's death
        await asyncio.sleep(_PARENT_POLL_SECONDS)
    working.cancel()
