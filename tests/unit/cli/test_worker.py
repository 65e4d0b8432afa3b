"""A worker beside a database that comes and goes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from tests.waiting import patience, until

from groundwell.adapters.metrics.prometheus import PrometheusMetrics
from groundwell.cli.worker import _put_in_step, _reporting
from groundwell.domain.errors import UnavailableError
from groundwell.store.database import Database
from groundwell.store.worker_metrics import read_samples


@dataclass
class AwayDatabase:
    """Opens no transaction."""

    fail: Callable[[], Awaitable[None]]
    asked: int = 0

    @asynccontextmanager
    async def anonymous_transaction(self) -> AsyncIterator[Any]:
        self.asked += 1
        await self.fail()
        yield

    survey_transaction = anonymous_transaction


@dataclass
class Parts:
    """What of the services the worker's own tasks use."""

    database: AwayDatabase | Database
    metrics: PrometheusMetrics


async def refuse() -> None:
    raise UnavailableError("The database does not answer.")


async def break_off() -> None:
    raise psycopg.OperationalError("the connection is lost")


async def say_nothing() -> None:
    await asyncio.sleep(60)


@pytest.mark.parametrize("fail", [refuse, break_off])
async def test_a_start_does_not_fail_because_nobody_can_look_for_lost_documents(
    fail: Callable[[], Awaitable[None]], caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.WARNING):
        await _put_in_step(Parts(AwayDatabase(fail), PrometheusMetrics()))
    assert "could not look for documents that wait for nothing" in caplog.text


async def test_a_start_does_not_wait_long_for_that_look():
    begun = time.monotonic()
    await _put_in_step(Parts(AwayDatabase(say_nothing), PrometheusMetrics()))
    assert time.monotonic() - begun < 30


async def test_reports_that_cannot_be_written_stop_nothing():
    database = AwayDatabase(break_off)
    async with _reporting(Parts(database, PrometheusMetrics())):
        await until(lambda: database.asked)
    # One report, and the attempt to take it back.
    assert database.asked == 2


async def test_a_worker_reports_at_once_and_takes_its_report_back_when_it_ends(database: Database):
    metrics = PrometheusMetrics()
    metrics.observe_provider_call("embedder", "ok", 0.1)

    async def reported() -> set[str]:
        async with database.anonymous_transaction() as connection:
            found = await read_samples(connection)
        return {sample.name for worker in found for sample in worker.samples}

    async with _reporting(Parts(database, metrics)):
        async with patience():
            while not (names := await reported()):  # noqa: ASYNC110 - the database gives no event
                await asyncio.sleep(0.02)
        assert "groundwell_provider_calls_total" in names
    assert await reported() == set()
