"""Clients that hold the server without using it: what they cost the others, and when they go."""

from __future__ import annotations

import asyncio
import fcntl
import random
import resource
import statistics
import sys
import termios
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from tests.apps.loopback import Loopback, head, on_loopback
from tests.apps.people import server_with
from tests.chaos.slow_clients import Kind, slow_clients
from tests.conftest import Tenant, finished, upload
from tests.e2e.running import RunningServer, running, wait_until_indexed
from tests.seeds import IS_LONG, SEED
from uvicorn.server import ServerState

from groundwell.services import Services
from groundwell.web.connection import Connection
from groundwell.web.connections import Connections

_MEBIBYTE = 1 << 20
SLOW_CLIENTS = 1000 if IS_LONG else 200
USERS = 50
# Always as many, with and without slow clients in turn, and the searches of all of them count: what
# else the machine does meets both alike. Long ones outlast each limit that throws a client out.
ROUNDS = 2 if IS_LONG else 5
ROUND_SECONDS = 40.0 if IS_LONG else 3.0
# The slow clients come with the first search of a round; by then, all of them are there.
ARRIVAL_SECONDS = 1.0
# Rounds of three seconds would be arrivals for a third: what counts there is what comes after.
FROM_SECONDS = 0.0 if IS_LONG else ARRIVAL_SECONDS
MOST_TIMES = 2
BREAKS = 100 if IS_LONG else 20
# A user's pause between two searches: together they ask about 50 times a second.
THINK_SECONDS = 1.0
# Long to send, short to read: the tests are not about indexing.
LONG = b"The badger" + b" " * (4 * _MEBIBYTE) + b"sleeps."


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server listens, and a key for it."""

    host: str
    port: int
    key: str

    @classmethod
    def of(cls, server: RunningServer) -> Address:
        parts = urlsplit(server.url)
        assert parts.hostname is not None
        assert parts.port is not None
        return cls(parts.hostname, parts.port, server.key)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self.host, self.port)


def kinds_of_slow_clients(key: str) -> tuple[Kind, ...]:
    """Heads and bodies that dribble, readers who read nothing, and those who say nothing."""
    lines = ("Content-Type: application/json", "Content-Length: 100000")
    return (
        Kind(b"GET /documents HTTP/1.1\r\nX-Long: ", dribbles=True),
        Kind(head("POST", "/api/v1/search", key, *lines), dribbles=True),
        # They ask for a long file again and again.
        Kind(head("GET", "/documents/long/content", key) * 20, dribbles=False),
        Kind(b"", dribbles=False),
    )


@dataclass(frozen=True, slots=True)
class Wait:
    """A search: when it was sent, in seconds since its round began, and how long it took."""

    at: float
    milliseconds: float


async def search_for(address: Address, seconds: float, number: int) -> list[Wait]:
    """A normal user: searches with pauses."""
    rng = random.Random(SEED + number)
    start = time.perf_counter()
    reader, writer = await address.connect()
    body = b'{"query": "document %d", "limit": 5}' % number
    lines = ("Content-Type: application/json", f"Content-Length: {len(body)}")
    request = head("POST", "/api/v1/search", address.key, "Cache-Control: no-cache", *lines) + body
    waits = []
    await asyncio.sleep(rng.random() * THINK_SECONDS)
    while time.perf_counter() < start + seconds:
        begun = time.perf_counter()
        writer.write(request)
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200"), answer
        length = next(line for line in answer.lower().split(b"\r\n") if b"content-length" in line)
        await reader.readexactly(int(length.split(b":")[1]))
        waits.append(Wait(begun - start, (time.perf_counter() - begun) * 1000))
        pause = rng.expovariate(1 / THINK_SECONDS)
        await asyncio.sleep(min(pause, max(0.0, start + seconds - time.perf_counter())))
    writer.close()
    return waits


async def searches(address: Address) -> list[Wait]:
    """What fifty users do in a round."""
    of_each = await asyncio.gather(
        *(search_for(address, ROUND_SECONDS, number) for number in range(USERS))
    )
    return [wait for of_one in of_each for wait in of_one]


def percentile_99(waits: list[Wait]) -> float:
    """The milliseconds that one search in a hundred exceeds."""
    return statistics.quantiles((wait.milliseconds for wait in waits), n=100)[98]


@pytest.fixture
def enough_files() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * SLOW_CLIENTS + 500
    if hard < wanted:
        pytest.skip("the system allows too few open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(wanted, 1024), hard))


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.usefixtures("enough_files")
async def test_slow_clients_do_not_slow_the_others_down(tmp_path: Path) -> None:
    base: list[Wait] = []
    loaded: list[Wait] = []
    with running(tmp_path / "data") as server:
        address = Address.of(server)
        with server.client() as client:
            texts = [{"text": f"Document {n} tells of badger {n}."} for n in range(200)]
            client.post("/documents/batch", json=texts)
            client.post("/documents", files={"file": ("a.txt", LONG)}, data={"document_id": "long"})
            wait_until_indexed(client)
        kinds = kinds_of_slow_clients(address.key)
        await searches(address)
        process = psutil.Process(server.process.pid)
        own = process.memory_info().rss
        grown = 0
        for turn in range(ROUNDS):
            base += await searches(address)
            with slow_clients(address.host, address.port, SLOW_CLIENTS, kinds, SEED + turn) as held:
                loaded += await searches(address)
                grown = max(grown, process.memory_info().rss - own)
            assert held.most_open == SLOW_CLIENTS
            await asyncio.sleep(0.5)
    normal, slowed = (
        percentile_99([wait for wait in waits if wait.at >= FROM_SECONDS])
        for waits in (base, loaded)
    )
    arriving = percentile_99([wait for wait in loaded if wait.at < ARRIVAL_SECONDS])
    sys.stdout.write(
        f"\n{SLOW_CLIENTS} slow clients beside {USERS} users: p99 {normal:.0f} ms without, "
        f"{slowed:.0f} ms with them from {FROM_SECONDS:.0f} s after their arrival on "
        f"({len(base)} and {len(loaded)} searches), "
        f"{arriving:.0f} ms in the second of their arrival alone, "
        f"{grown / _MEBIBYTE:.0f} MiB more memory (seed {SEED})\n"
    )
    assert slowed < MOST_TIMES * normal
    assert grown < 200 * _MEBIBYTE


@pytest.mark.parametrize("start", [b"", b"GET /doc", b"GET / HTTP/1.1\r\nHost: a\r\n"])
async def test_a_head_that_does_not_come_ends_the_connection(
    services: Services, start: bytes
) -> None:
    async with server_with(services) as app, on_loopback(app, request_seconds=0.5) as server:
        client = await server.connect()
        client.send(start)
        answer = await client.read(5)
        assert answer.status == (408 if start else 0)
        client.close()


async def test_a_head_that_dribbles_ends_the_connection(services: Services) -> None:
    async with server_with(services) as app, on_loopback(app, request_seconds=0.5) as server:
        # The second request of a connection is no different from the first.
        client = await server.connect()
        client.send(head("GET", "/health/live", None))
        await client.read_head()
        await client.reader.readexactly(len(b'{"status":"alive"}'))
        reading = asyncio.ensure_future(client.read(5))
        while not reading.done():
            client.send(b"\r\n")
            await asyncio.sleep(0.1)
        assert (await reading).status == 408
        client.close()


async def test_a_reader_that_does_not_read_is_given_up(services: Services, tenant: Tenant) -> None:
    async with server_with(services) as app, on_loopback(app, request_seconds=0.5) as server:
        await upload(tenant, "long.txt", LONG, document_id="long")
        client = await server.connect()
        client.writer.transport.pause_reading()
        for _ in range(30):
            client.send(head("GET", "/documents/long/content", tenant.key))
        async with asyncio.timeout(10):
            while not server.server.server_state.connections:  # noqa: ASYNC110 - uvicorn's set
                await asyncio.sleep(0.05)
            while server.server.server_state.connections:  # noqa: ASYNC110 - uvicorn's set
                await asyncio.sleep(0.05)
        client.close()


async def test_the_kernel_keeps_little_for_a_reader_that_does_not_read(
    services: Services, tenant: Tenant
) -> None:
    async with server_with(services) as app, on_loopback(app) as server:
        await upload(tenant, "long.txt", LONG, document_id="long")
        client = await server.connect()
        client.writer.transport.pause_reading()
        client.send(head("GET", "/documents/long/content", tenant.key))
        (connection,) = await connections_that_wait(server)
        descriptor = connection.transport.get_extra_info("socket").fileno()
        queued = fcntl.ioctl(descriptor, termios.TIOCOUTQ, bytes(4))
        assert int.from_bytes(queued, sys.byteorder) < _MEBIBYTE
        client.close()


async def connections_that_wait(server: Loopback) -> list[Connection]:
    """The server's connections, once something waits for their readers."""
    async with asyncio.timeout(10):
        while True:
            found = [c for c in server.server.server_state.connections if isinstance(c, Connection)]
            if found and all(c.outlet.unsent_bytes for c in found):
                return found
            await asyncio.sleep(0.02)


async def test_requests_sent_in_one_breath_are_answered_in_their_order(
    services: Services, tenant: Tenant
) -> None:
    async with server_with(services) as app, on_loopback(app) as server:
        # Lines that end nothing: they are in a body.
        body = b'{"query":\r\n\r\n"badger",\r\n\r\n"limit": 1}'
        lines = ("Content-Type: application/json", f"Content-Length: {len(body)}")
        search = head("POST", "/api/v1/search", tenant.key, *lines) + body
        none = head("GET", "/documents/none", tenant.key)
        last = head("GET", "/health/live", None, "Connection: close")
        breath = search + none + search + search + none + none + last
        whole = await server.ask(breath)
        statuses = [int(part[:3]) for part in whole.raw.split(b"HTTP/1.1 ")[1:]]
        assert statuses == [200, 404, 200, 200, 404, 404, 200]
        # With the end of a head in one piece with the beginning of the next one.
        client = await server.connect()
        heads = none + none + last
        client.send(heads[: len(none) - 2])
        await asyncio.sleep(0.05)
        client.send(heads[len(none) - 2 : len(none) + 2])
        await asyncio.sleep(0.05)
        client.send(heads[len(none) + 2 :])
        assert len((await client.read()).raw.split(b"HTTP/1.1 ")) == 1 + 3
        client.close()
        # Wherever it was cut on its way.
        client = await server.connect()
        for start in range(0, len(breath), 7):
            client.send(breath[start : start + 7])
            await asyncio.sleep(0)
        assert len((await client.read()).raw.split(b"HTTP/1.1 ")) == 1 + len(statuses)
        client.close()


async def test_a_slow_but_steady_reader_gets_everything(services: Services, tenant: Tenant) -> None:
    async with server_with(services) as app, on_loopback(app, request_seconds=0.5) as server:
        await upload(tenant, "long.txt", LONG, document_id="long")
        client = await server.connect()
        client.send(head("GET", "/documents/long/content", tenant.key, "Connection: close"))
        received = 0
        while piece := await client.reader.read(1 << 17):
            received += len(piece)
            await asyncio.sleep(0.02)
        assert received > len(LONG)
        client.close()


async def test_one_address_cannot_take_all_connections(services: Services) -> None:
    async with server_with(services) as app, on_loopback(app, most=20) as server:
        of_one = [await server.connect("127.0.0.2") for _ in range(11)]
        assert b"too_many_connections" in (await of_one[-1].read(5)).body
        other = await server.connect("127.0.0.3")
        other.send(head("GET", "/health/live", None))
        assert (await other.read_head()).startswith(b"HTTP/1.1 200")


async def test_connections_that_rest_give_way_to_new_ones(services: Services) -> None:
    async with server_with(services) as app, on_loopback(app, most=20) as server:
        resting = [await server.connect(f"127.0.0.{2 + n % 4}") for n in range(20)]
        await asyncio.sleep(0.1)
        newest = await server.connect("127.0.0.9")
        newest.send(head("GET", "/health/live", None))
        assert (await newest.read_head()).startswith(b"HTTP/1.1 200")
        assert (await resting[0].read(1)).raw == b""
        resting[1].send(head("GET", "/health/live", None))
        assert (await resting[1].read_head()).startswith(b"HTTP/1.1 200")


async def test_an_upload_that_breaks_off_leaves_nothing(services: Services, tenant: Tenant) -> None:
    rng = random.Random(SEED)
    unique = rng.randbytes(150_000).hex().encode()
    body = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
        + unique
        + b"\r\n--b--\r\n"
    )
    lines = ("Content-Type: multipart/form-data; boundary=b", f"Content-Length: {len(body)}")
    request = head("POST", "/documents", tenant.key, *lines) + body
    async with server_with(services) as app, on_loopback(app) as server:
        before = await stored_blobs(services)
        for _ in range(BREAKS):
            await break_off(server, request[: rng.randrange(len(request))])
        async with asyncio.timeout(30):
            while is_busy(server.server.server_state):  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.02)
        listed = (await tenant.http.get("/documents")).json()
        assert listed["documents"] == []
        assert await stored_blobs(services) == before
        # The whole of it is taken, so it was not for another reason that nothing was left.
        whole = request.replace(b"Host:", b"Connection: close\r\nHost:")
        assert (await server.ask(whole)).status == 202
        (accepted,) = (await tenant.http.get("/documents")).json()["documents"]
        await finished(tenant, accepted["document_id"])
    sys.stdout.write(f"\n{BREAKS} uploads broken off: no document, no file (seed {SEED})\n")


def is_busy(server: ServerState) -> bool:
    """Whether a connection is open, or a request in work or about to be."""
    assert isinstance(server, Connections)
    return bool(server.connections or server.tasks or len(server.turns))


async def break_off(server: Loopback, part: bytes) -> None:
    client = await server.connect()
    client.send(part)
    await client.writer.drain()
    await asyncio.sleep(0.005)
    client.close()


async def stored_blobs(services: Services) -> set[str]:
    return {key async for key, _ in services.blobs.entries()}
