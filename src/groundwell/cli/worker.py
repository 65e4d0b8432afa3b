"""The process that ingests."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psycopg

from groundwell.bootstrap import open_services
from groundwell.cli.logs import configure_logging
from groundwell.cli.parent import wait_until_orphaned
from groundwell.domain.errors import GroundwellError, UnavailableError
from groundwell.domain.pauses import pause
from groundwell.services import Services
from groundwell.settings import Settings, load_settings
from groundwell.store.recovery.mend import mend
from groundwell.store.recovery.survey import find_stuck
from groundwell.store.worker_metrics import forget_process, report_samples

_LOOK_SECONDS = 5.0
_LOOK_EVERY_SECONDS = 60.0
_REPORT_EVERY_SECONDS = 10.0
_log = logging.getLogger(__name__)


def run_worker(
    data_dir: Path | None, parent: int | None, queues: Sequence[str] | None = None
) -> None:
    """Work until a signal comes, or the process `parent` is no longer the one that started this."""
    settings = load_settings(data_dir=data_dir)
    configure_logging(settings)
    asyncio.run(_run(settings, parent, queues))


async def _put_in_step(services: Services) -> None:
    """Queue documents that wait for nothing. A start never fails, nor waits long, for this."""
    try:
        async with asyncio.timeout(_LOOK_SECONDS):
            found = await find_stuck(services.database)
            done = await mend(services.database, services.blobs, services.ingestion.defer, found)
    except (TimeoutError, GroundwellError, psycopg.Error) as error:
        _log.warning("could not look for documents that wait for nothing: %s", error)
        return
    for sentence in done:
        _log.warning("%s", sentence)


async def _keep_in_step(services: Services) -> None:
    """Look again now and then: a job's end may be lost while the database comes and goes."""
    while True:
        await pause(_LOOK_EVERY_SECONDS)
        await _put_in_step(services)


async def _report(services: Services, process: str) -> None:
    """Write what is counted here where servers can tell it.

    One that cannot be written is not missed: the next one has the same counts, and newer ones.
    """
    while True:
        with suppress(GroundwellError, psycopg.Error):
            async with services.database.anonymous_transaction() as connection:
                await report_samples(connection, process, services.metrics.list_samples())
        await pause(_REPORT_EVERY_SECONDS)


@asynccontextmanager
async def _reporting(services: Services) -> AsyncIterator[None]:
    process = f"{socket.gethostname()}:{os.getpid()}"
    reporting = asyncio.ensure_future(_report(services, process))
    try:
        yield
    finally:
        reporting.cancel()
        # Its last report must not come after it is forgotten.
        with suppress(asyncio.CancelledError):
            await reporting
        with suppress(GroundwellError, psycopg.Error):
            async with services.database.anonymous_transaction() as connection:
                await forget_process(connection, process)


async def _run(settings: Settings, parent: int | None, queues: Sequence[str] | None) -> None:
    async with open_services(settings, for_worker=True) as services:
        await _put_in_step(services)
        with suppress(UnavailableError):
            await services.reconciliation.defer()
        looking = asyncio.ensure_future(_keep_in_step(services))
        working = asyncio.ensure_future(services.jobs.run(queues))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, working.cancel)
        watching = None
        if parent is not None:
            watching = asyncio.ensure_future(_stop_with_parent(working, parent))
        async with _reporting(services):
            with suppress(asyncio.CancelledError):
                await working
        looking.cancel()
        if watching is not None:
            watching.cancel()


async def _stop_with_parent(working: asyncio.Future[None], parent: int) -> None:
    await wait_until_orphaned(parent)
    working.cancel()
