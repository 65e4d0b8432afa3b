"""What makes a server not ready, what only degrades it, and what it costs to ask."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from fastapi import FastAPI
from tests.apps.people import client_of, server_with

from groundwell.adapters.blob_store.obstore import ObstoreBlobStore
from groundwell.domain.circuit_breaker import CircuitBreaker, Circuits
from groundwell.domain.errors import UnavailableError
from groundwell.services import Services
from groundwell.store.database import Database
from groundwell.store.disk import DiskRoom
from groundwell.web.closing import Closing
from groundwell.web.readiness import Readiness


class NoRoom(DiskRoom):
    """A full disk."""

    async def is_enough(self, more_bytes: int = 0) -> bool:
        return more_bytes < 0


class CountedBlobs(ObstoreBlobStore):
    """A store that is there or not, and counts how often it was looked at."""

    looks = 0
    is_there = True

    async def is_available(self) -> bool:
        self.looks += 1
        await asyncio.sleep(0.01)
        return self.is_there


@pytest.fixture
def blobs(tmp_path: Path) -> CountedBlobs:
    return CountedBlobs.in_folder(tmp_path)  # type: ignore[return-value] - made by its own class


@pytest.fixture
async def server(services: Services, blobs: CountedBlobs) -> AsyncIterator[FastAPI]:
    async with server_with(services, blobs=blobs, circuits=Circuits()) as app:
        yield app


async def ready(app: FastAPI) -> tuple[int, dict[str, Any]]:
    """The answer to somebody without a key, more than a second after the last look."""
    app.state.readiness._seen = None
    async with client_of(app) as anybody:
        response = await anybody.get("/health/ready")
    return response.status_code, response.json()


async def test_a_file_store_that_is_away_degrades_the_server_and_no_more(
    server: FastAPI, blobs: CountedBlobs
) -> None:
    blobs.is_there = False
    status, body = await ready(server)
    assert (status, body["status"], body["blobs"]) == (200, "ready", "disconnected")
    assert body["degraded"] == ["blob_store"]


async def test_a_server_that_is_about_to_stop_is_not_ready_but_alive(server: FastAPI) -> None:
    assert (await ready(server))[0] == 200
    server.state.closing.begin()
    status, body = await ready(server)
    assert (status, body["status"]) == (503, "shutting_down")
    async with client_of(server) as anybody:
        assert (await anybody.get("/health/live")).json() == {"status": "alive"}


async def test_many_who_ask_at_once_cause_one_look_a_second(
    server: FastAPI, blobs: CountedBlobs
) -> None:
    moment = 50.0
    readiness = Readiness(server.state.services, Closing(), clock=lambda: moment)
    seen = await asyncio.gather(*(readiness.look() for _ in range(100)))
    assert all(each.is_ready for each in seen)
    assert blobs.looks == 1
    # And by the clock that the server has.
    async with client_of(server) as anybody:
        assert (await anybody.get("/health/ready")).status_code == 200
        assert blobs.looks == 2
        await asyncio.sleep(1.05)
        assert (await anybody.get("/health/ready")).status_code == 200
    assert blobs.looks == 3


async def test_a_database_that_is_away_is_noticed_quickly_and_told_without_details(
    services: Services,
) -> None:
    nowhere = Database("postgresql://someone:secret@127.0.0.1:1/x", min_size=0, max_size=1)
    await nowhere.pool.open()
    try:
        async with server_with(services, database=nowhere) as app:
            begun = time.monotonic()
            status, body = await ready(app)
            # Less than a request waits for a connection.
            assert time.monotonic() - begun < 9
            async with client_of(app) as anybody:
                assert (await anybody.get("/health/live")).status_code == 200
    finally:
        await nowhere.close()
    assert (status, body["status"], body["database"]) == (503, "not_ready", "disconnected")
    # Whether any is missing, nobody can tell.
    assert body["migrations"] == "unknown"
    assert "secret" not in str(body)


async def test_a_database_without_the_newest_migration_is_not_ready(
    services: Services, database: Database, database_url: str
) -> None:
    async with server_with(services, database=database) as app:
        assert (await ready(app))[0] == 200
        with psycopg.connect(database_url, options="-c search_path=groundwell") as owner:
            owner.execute(
                "DELETE FROM schema_migrations WHERE name = (SELECT max(name) FROM"
                " schema_migrations WHERE name LIKE '0%')"
            )
        status, body = await ready(app)
    assert (status, body["database"], body["migrations"]) == (503, "connected", "missing")


async def test_parts_whose_circuit_is_open_are_named_without_their_address(
    services: Services,
) -> None:
    circuits = Circuits()
    circuit = circuits.watch(CircuitBreaker("reranker", "secret-model at secret.host"))
    for _ in range(5):
        with pytest.raises(UnavailableError), circuit.call():
            raise UnavailableError("Away.")
    async with server_with(services, circuits=circuits) as app:
        status, body = await ready(app)
        async with client_of(app) as anybody:
            assert (await anybody.get("/health")).json()["status"] == "degraded"
    assert (status, body["degraded"]) == (200, ["reranker"])
    assert "secret" not in str(body)


async def test_a_server_whose_disk_is_full_is_not_ready(services: Services) -> None:
    async with server_with(services, room=NoRoom(())) as app:
        status, body = await ready(app)
    assert (status, body["disk"]) == (503, "low")


async def test_a_look_is_as_old_as_a_second_by_the_clock_that_only_grows(
    services: Services, blobs: CountedBlobs
) -> None:
    now = 50.0
    async with server_with(services, blobs=blobs) as app:
        readiness = Readiness(app.state.services, Closing(), clock=lambda: now)
        await readiness.look()
        now = 50.9
        await readiness.look()
        assert blobs.looks == 1
        now = 51.0
        await readiness.look()
        assert blobs.looks == 2
