"""How much the server takes on at once, and what becomes of work for clients that have left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import httpx
import pytest
from fastapi import FastAPI
from tests.apps.loopback import head, on_loopback
from tests.apps.people import client_of, server_with
from tests.apps.problems import problem_in
from tests.conftest import Tenant, finished
from tests.waiting import first_good, until

from groundwell.domain.search import SearchRequest, SearchResponse
from groundwell.services import Services

SEARCH = {"query": "anything"}


@dataclass
class HeldSearches:
    """Searches that wait until they are let go, and tell what became of them."""

    running: int = 0
    cancelled: int = 0
    most: int = 0
    let_go: asyncio.Event = field(default_factory=asyncio.Event)

    async def search(self, request: SearchRequest) -> SearchResponse:
        del request
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.let_go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        return SearchResponse(results=[], timings_ms={}, degraded=[])


@asynccontextmanager
async def held(services: Services, **limits: float) -> AsyncIterator[tuple[FastAPI, HeldSearches]]:
    """A server with other limits, in which every search waits."""
    searches = HeldSearches()
    changed = replace(services.limits, **limits)
    async with server_with(services, retriever=searches, limits=changed) as app:
        yield app, searches
        searches.let_go.set()


def search(client: httpx.AsyncClient) -> asyncio.Task[httpx.Response]:
    return asyncio.ensure_future(client.post("/api/v1/search", json=SEARCH))


async def test_no_more_requests_are_worked_on_than_there_are_places(
    services: Services, tenant: Tenant
) -> None:
    async with held(services, in_flight=2) as (app, searches), client_of(app, tenant.key) as http:
        asked = [search(http) for _ in range(20)]
        await until(lambda: app.state.admission.places.waiting == 18)
        assert searches.running == 2
        searches.let_go.set()
        answers = await asyncio.gather(*asked)
    assert [answer.status_code for answer in answers] == [200] * 20
    assert searches.most == 2


async def test_a_full_queue_refuses_at_once_and_says_when_to_come_back(
    services: Services, operator: Tenant
) -> None:
    async with held(services, in_flight=1) as (app, searches), client_of(app, operator.key) as http:
        asked = [search(http) for _ in range(11)]
        await until(lambda: searches.running == 1 and app.state.admission.places.waiting == 10)
        refused = await http.post("/api/v1/search", json=SEARCH)
        assert problem_in(refused, 503)["code"] == "overloaded"
        assert int(refused.headers["retry-after"]) > 0
        # Whoever watches over the server still sees it.
        for path in ("/health", "/health/live", "/health/ready", "/metrics"):
            assert (await http.get(path)).status_code == 200, path
        searches.let_go.set()
        assert [answer.text for answer in await asyncio.gather(*asked) if answer.is_error] == []


async def test_nobody_waits_for_a_place_longer_than_allowed(
    services: Services, tenant: Tenant
) -> None:
    limits = {"in_flight": 1, "queue_seconds": 0.1}
    async with held(services, **limits) as (app, searches), client_of(app, tenant.key) as http:
        first = search(http)
        await until(lambda: searches.running == 1)
        assert (
            problem_in(await http.post("/api/v1/search", json=SEARCH), 503)["code"] == "overloaded"
        )
        assert problem_in(await http.get("/documents"), 503)["code"] == "overloaded"
        searches.let_go.set()
        assert (await first).status_code == 200
        assert (await http.get("/documents")).status_code == 200


async def test_slow_senders_hold_no_place(services: Services, tenant: Tenant) -> None:
    async with held(services, in_flight=1) as (app, searches), on_loopback(app) as server:
        searches.let_go.set()
        slow = [await server.connect() for _ in range(20)]
        for client in slow:
            client.send(
                head("POST", "/api/v1/search", tenant.key, *JSON, "Content-Length: 21") + b"{"
            )
        quick = await server.ask(head("GET", "/documents", tenant.key, "Connection: close"))
        assert quick.status == 200
        slow[0].send(b'"query": "anything"}')
        assert (await slow[0].read_head()).startswith(b"HTTP/1.1 200")


async def test_a_body_that_does_not_come_is_not_waited_for(
    services: Services, tenant: Tenant
) -> None:
    limits = replace(services.limits, request_seconds=0.5)
    async with server_with(services, limits=limits) as app, on_loopback(app) as server:
        for path, kind in (
            ("/api/v1/search", "application/json"),
            ("/documents", "multipart/form-data; boundary=b"),
            ("/documents/batch", "application/json"),
        ):
            start = head("POST", path, tenant.key, f"Content-Type: {kind}", "Content-Length: 99")
            answer = await server.ask(start + b"--b\r\n")
            assert answer.status == 408
            assert b'"code":"request_timeout"' in answer.body
            assert answer.raw.count(b"HTTP/1.1") == 1
    assert (await tenant.http.get("/documents")).json()["documents"] == []


async def test_a_body_that_dribbles_is_given_up_but_a_steady_one_is_taken(
    services: Services, tenant: Tenant
) -> None:
    limits = replace(services.limits, request_seconds=0.5)
    async with server_with(services, limits=limits) as app, on_loopback(app) as server:
        start = head("POST", "/documents/batch", tenant.key, *JSON, "Content-Length: 60017")

        async def send(bytes_a_piece: int, seconds_a_piece: float) -> bytes:
            client = await server.connect()
            reading = asyncio.ensure_future(client.read_head())
            body = b'[{"text": "%s"}]' % (b"word " * 12_000)
            client.send(start.replace(b"60017", b"%d" % len(body)))
            for place in range(0, len(body), bytes_a_piece):
                client.send(body[place : place + bytes_a_piece])
                await asyncio.sleep(seconds_a_piece)
                if reading.done():
                    break
            answer = await reading
            client.close()
            return answer[:12]

        async def send_both() -> list[bytes]:
            return await asyncio.gather(send(10, 0.1), send(6000, 0.15))

        told = [b"HTTP/1.1 408", b"HTTP/1.1 202"]
        assert await first_good(send_both, lambda found: found == told) == told


JSON = ("Content-Type: application/json",)


@pytest.mark.parametrize("path", ["/api/v1/search", "/api/v1/ask", "/api/v1/context"])
async def test_work_for_a_client_that_left_is_stopped(
    services: Services, operator: Tenant, tenant: Tenant, path: str
) -> None:
    async with held(services) as (app, searches), on_loopback(app) as server:
        client = await server.connect()
        body = b'{"query": "anything"}'
        client.send(head("POST", path, tenant.key, *JSON, f"Content-Length: {len(body)}") + body)
        await until(lambda: searches.running == 1)
        client.close()
        await until(lambda: searches.cancelled == 1)
        assert searches.running == 0
        searches.let_go.set()
        metrics = await server.ask(head("GET", "/metrics", operator.key, "Connection: close"))
    assert b'status="499"' in metrics.body


async def test_a_client_that_leaves_the_queue_is_not_worked_for(
    services: Services, tenant: Tenant
) -> None:
    async with held(services, in_flight=1) as (app, searches), on_loopback(app) as server:
        clients = [await server.connect() for _ in range(3)]
        body = b'{"query": "anything"}'
        request = head("POST", "/api/v1/search", tenant.key, *JSON, f"Content-Length: {len(body)}")
        places = app.state.admission.places
        for number, client in enumerate(clients):
            client.send(request + body)
            await until(lambda: (searches.running, places.waiting) == (1, number))  # noqa: B023 - awaited here
        clients[1].close()
        await until(lambda: places.waiting == 1)
        searches.let_go.set()
        assert (await clients[2].read_head()).startswith(b"HTTP/1.1 200")
        assert searches.cancelled == 0


async def test_streams_of_one_user_are_bounded_and_count_until_they_are_closed(
    services: Services, tenant: Tenant
) -> None:
    from tests.conftest import upload

    limits = replace(services.limits, in_flight=3)
    async with server_with(services, limits=limits) as app, on_loopback(app) as server:
        # Nobody works on the jobs of this collection fast enough for three requests.
        accepted = await upload(tenant, "a.txt", b"Some text. " * 50)
        identity = accepted.json()["document_id"]
        await finished(tenant, identity)
        streams = app.state.admission.streams
        opened = [streams.open(tenant.user) for _ in range(3)]
        follow = head("GET", f"/documents/{identity}/events", tenant.key, "Connection: close")
        body = b'{"query": "anything", "stream": true}'
        ask = head(
            "POST", "/query", tenant.key, *JSON, f"Content-Length: {len(body)}", "Connection: close"
        )
        for request in (follow, ask + body):
            answer = await server.ask(request)
            assert answer.status == 429
            assert b'"code":"too_many_streams"' in answer.body
            assert b"retry-after" in answer.raw.lower()
        conversations = await tenant.http.get("/conversations")
        assert conversations.json()["conversations"] == []
        streams.close(opened.pop())
        for _ in range(3):
            assert (await server.ask(follow)).status == 200


async def test_a_server_about_to_stop_is_not_ready(services: Services) -> None:
    async with server_with(services) as app, client_of(app) as http:
        assert (await http.get("/health/ready")).json()["status"] == "ready"
        app.state.closing.begin()
        answer = await http.get("/health/ready")
        assert answer.status_code == 503
        assert answer.json()["status"] == "shutting_down"
        assert (await http.get("/health/live")).status_code == 200
