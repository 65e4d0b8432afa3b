"""A server that is told to stop while it is busy, and another one that takes over."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.apps.loopback import head, on_loopback
from tests.apps.people import server_with
from tests.conftest import Tenant, finished
from tests.e2e.running import (
    RunningServer,
    command_of,
    processes_of,
    running,
    start,
    wait_until_indexed,
)
from tests.seeds import IS_LONG, SEED

from groundwell.services import Services

TEXTS = 300
REQUESTS_A_SECOND = 50
REQUESTS_PER_UPLOAD = 10
SECONDS_BEFORE, SECONDS_AFTER = (5.0, 20.0) if IS_LONG else (1.0, 4.0)
POLL_SECONDS = 0.2
STOP_SECONDS = 30.0
# A balancer that stands still for longer does not see in time that a server is about to stop, which
# takes requests for a second after the last one. It is no balancer then, and another one is tried.
STANDSTILL_SECONDS = 0.5
MOST_TIMES = 3


@dataclass
class Balancer:
    """Sends every request to the first server that says it is ready, as a load balancer does."""

    http: httpx.AsyncClient
    urls: list[str]
    is_first_ready: bool = True
    uploads: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    longest_standstill: float = 0.0

    def shows_something(self) -> bool:
        """Whether both servers were asked, and what failed if anything did is their own fault."""
        was_awake = self.longest_standstill < STANDSTILL_SECONDS
        has_asked_both = min(self.answers[url] for url in self.urls) > 10
        return has_asked_both and (was_awake or not self.failures)

    async def stay_awake(self) -> None:
        while True:
            begun = time.monotonic()
            await asyncio.sleep(0.01)
            self.longest_standstill = max(self.longest_standstill, time.monotonic() - begun)

    async def watch(self) -> None:
        while self.is_first_ready:
            try:
                answer = await self.http.get(f"{self.urls[0]}/health/ready")
                self.is_first_ready = answer.status_code == 200
            except httpx.TransportError:
                self.is_first_ready = False
            await asyncio.sleep(POLL_SECONDS)

    async def ask(self, number: int) -> None:
        """A search, and now and then an upload instead."""
        if number % REQUESTS_PER_UPLOAD == 0:
            self.uploads += 1
            file = (f"{self.uploads}.txt", f"The otter {self.uploads} swims.".encode())
            await self._send("/documents", 202, files={"file": file})
        else:
            query = {"query": f"badger {number}", "limit": 3}
            await self._send("/api/v1/search", 200, json=query)

    async def _send(self, path: str, status: int, **body: Any) -> None:  # noqa: ANN401 - as httpx takes it
        url = self.urls[0] if self.is_first_ready else self.urls[1]
        try:
            answer = await self.http.post(f"{url}{path}", **body)
            self.answers[url] += 1
            if answer.status_code != status:
                self.failures.append(f"{answer.status_code} {answer.text}")
        except httpx.TransportError as error:
            self.failures.append(f"{url} {error!r}")


def address_of(server: RunningServer) -> str:
    found = re.search(r"is ready at\s+(http://[\d.:]+)", server.said.read_text())
    assert found is not None
    return found.group(1)


@pytest.mark.slow
async def test_another_server_takes_over_without_a_failed_request(tmp_path: Path) -> None:
    for number in range(MOST_TIMES):
        folder = tmp_path / f"data-{number}"
        balancer, seconds = await replace_a_server(folder)
        if balancer.shows_something() and seconds < STOP_SECONDS:
            break
    sys.stdout.write(
        f"\n{balancer.answers.total()} requests at {REQUESTS_A_SECOND} a second,"
        f" {balancer.uploads} of them "
        f"uploads, while one server replaced another: {len(balancer.failures)} failed; "
        f"the old one stopped after {seconds:.1f} s (seed {SEED})\n"
    )
    assert balancer.failures == []
    assert min(balancer.answers[url] for url in balancer.urls) > 10
    assert seconds < STOP_SECONDS
    with running(folder) as again, again.client() as client:
        assert wait_until_indexed(client)["complete"] == TEXTS + balancer.uploads


async def replace_a_server(folder: Path) -> tuple[Balancer, float]:
    """What a balancer saw, and the seconds that the old server took to stop."""
    with running(folder) as first:
        second = await asyncio.to_thread(start, folder, "--no-worker")
        headers = {"Authorization": f"Bearer {first.key}", "Cache-Control": "no-cache"}
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=200)
        async with httpx.AsyncClient(
            headers=headers, limits=limits, timeout=120, trust_env=False
        ) as http:
            balancer = Balancer(http, [address_of(first), address_of(second)])
            texts = [{"text": f"Document {n} tells of badger {n}."} for n in range(TEXTS)]
            await http.post(f"{balancer.urls[0]}/documents/batch", json=texts)
            awake = asyncio.ensure_future(balancer.stay_awake())
            watching = asyncio.ensure_future(balancer.watch())
            asked = await ask_at_a_steady_rate(balancer, SECONDS_BEFORE)
            # The jobs are not done: the worker is stopped in the middle of them.
            stopping = asyncio.ensure_future(asyncio.to_thread(first.stop, signal.SIGTERM))
            asked += await ask_at_a_steady_rate(balancer, SECONDS_AFTER)
            await asyncio.gather(*asked, watching)
            seconds = await stopping
            awake.cancel()
        assert first.process.returncode == 0
        assert not [p for p in processes_of(folder) if " work " in command_of(p)]
        second.stop()
        assert second.process.returncode == 0
    return balancer, seconds


async def ask_at_a_steady_rate(balancer: Balancer, seconds: float) -> list[asyncio.Task[None]]:
    asked = []
    begun = time.perf_counter()
    for number in range(int(seconds * REQUESTS_A_SECOND)):
        await asyncio.sleep(max(0.0, begun + number / REQUESTS_A_SECOND - time.perf_counter()))
        asked.append(asyncio.ensure_future(balancer.ask(number)))
    return asked


async def test_a_stream_is_told_that_the_server_stops_and_other_requests_are_finished(
    services: Services, tenant: Tenant
) -> None:
    async with (
        server_with(services) as app,
        on_loopback(
            app, request_seconds=600, stream_seconds=1.0, closing=app.state.closing
        ) as server,
    ):
        identity = await unfinished_document(services, tenant)
        stream = await server.connect()
        stream.send(head("GET", f"/documents/{identity}/events", tenant.key))
        assert (await stream.read_head()).startswith(b"HTTP/1.1 200")
        half = await server.connect()
        body = b'{"query": "anything"}'
        lines = ("Content-Type: application/json", f"Content-Length: {len(body)}")
        half.send(head("POST", "/api/v1/search", tenant.key, *lines) + body[:5])
        never = await server.connect()
        never.send(head("POST", "/api/v1/search", tenant.key, *lines) + body[:5])
        resting = await server.connect()

        begun = time.monotonic()
        server.server.handle_exit(signal.SIGTERM, None)
        # A signal that was handled would be passed on when the server has stopped.
        server.server._captured_signals.clear()
        ready = await server.ask(head("GET", "/health/ready", None, "Connection: close"))
        assert (ready.status, b"shutting_down" in ready.body) == (503, True)
        half.send(body[5:])
        answer = await half.read()
        assert answer.status == 200
        assert b"connection: close" in answer.raw.lower()
        events = (await stream.read()).raw
        assert b"event: error\n" in events
        assert b'"code":"shutting_down"' in events
        assert b"event: done\n" in events
        await server.stopped
        seconds = time.monotonic() - begun
        # A slow sender is not waited for.
        assert 1.0 <= seconds < 120
        assert (await never.read()).raw == b""
        assert (await resting.read()).raw == b""
        with pytest.raises(ConnectionRefusedError):
            await server.connect()
    sys.stdout.write(f"\nwith a stream and a slow sender: stopped {seconds:.1f} s after SIGTERM\n")


async def unfinished_document(services: Services, tenant: Tenant) -> str:
    """A document that stays pending, because its job is done already."""
    made = await tenant.http.post(
        "/documents/batch", json=[{"id": "waiting", "text": "Some text."}]
    )
    assert made.status_code == 202
    await finished(tenant, "waiting")
    async with services.database.transaction(tenant.id) as connection:
        await connection.execute("UPDATE documents SET status = 'pending' WHERE id = 'waiting'")
    return "waiting"
