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
from contextlib import suppress
from dataclasses import dataclass, field
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
# Always as many, with and without slow clients in turn: what else the machine does meets both.
# Of each kind, the round in the middle counts, so that a moment in which all stood still does not;
# and where even that is not quick enough, all is measured anew. Long ones outlast each limit that
# throws a client out.
ROUNDS = 3 if IS_LONG else 5
MOST_TIMES_MEASURED = 3
ROUND_SECONDS = 40.0 if IS_LONG else 3.0
# The slow clients come with the first search of a round; by then, all of them are there.
ARRIVAL_SECONDS = 1.0
# For what the server does at once, on a machine that may be ten times as busy as usual.
WAIT_SECONDS = 60
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


@dataclass(slots=True)
class Measured:
    """The searches of each round, without slow clients and with them, and the memory they took."""

    base: list[list[Wait]] = field(default_factory=list)
    loaded: list[list[Wait]] = field(default_factory=list)
    grown: int = 0

    @property
    def normal(self) -> float:
        return _usual(self.base)

    @property
    def slowed(self) -> float:
        return _usual(self.loaded)

    @property
    def arriving(self) -> float:
        """Of the second in which the slow clients come."""
        return percentile_99([w for waits in self.loaded for w in waits if w.at < ARRIVAL_SECONDS])

    def is_good(self) -> bool:
        return self.slowed < MOST_TIMES * self.normal and self.grown < 200 * _MEBIBYTE


def _usual(rounds: list[list[Wait]]) -> float:
    counted = [[wait for wait in waits if wait.at >= FROM_SECONDS] for waits in rounds]
    return statistics.median(percentile_99(waits) for waits in counted)


async def measure(address: Address, kinds: tuple[Kind, ...], process: psutil.Process) -> Measured:
    found = Measured()
    own = process.memory_info().rss
    for turn in range(ROUNDS):
        found.base.append(await searches(address))
        with slow_clients(address.host, address.port, SLOW_CLIENTS, kinds, SEED + turn) as held:
            found.loaded.append(await searches(address))
            found.grown = max(found.grown, process.memory_info().rss - own)
        assert held.most_open == SLOW_CLIENTS
        await asyncio.sleep(0.5)
    return found


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
        for _ in range(MOST_TIMES_MEASURED):
            found = await measure(address, kinds, process)
            if found.is_good():
                break
    sys.stdout.write(
        f"\n{SLOW_CLIENTS} slow clients beside {USERS} users: p99 {found.normal:.0f} ms without, "
        f"{found.slowed:.0f} ms with them from {FROM_SECONDS:.0f} s after their arrival on "
        f"({sum(map(len, found.base))} and {sum(map(len, found.loaded))} searches), "
        f"{found.arriving:.0f} ms in the second of their arrival alone, "
        f"{found.grown / _MEBIBYTE:.0f} MiB more memory (seed {SEED})\n"
    )
    assert found.is_good()


@pytest.mark.parametrize("start", [b"", b"GET /doc", b"GET / HTTP/1.1\r\nHost: a\r\n"])
async def test_a_head_that_does_not_come_ends_the_connection(
    services: Services, start: bytes
) -> None:
    async with server_with(services) as app, on_loopback(app, request_seconds=0.5) as server:
        client = await server.connect()
        client.send(start)
        answer = await client.read(WAIT_SECONDS)
        assert answer.status == (408 if start else 0)
        client.close()


async def test_a_head_that_dribbles_ends_the_connection(services: Services) -> None:
    async with server_with(services) as app, on_loopback(app, request_seconds=0.5) as server:
        # The second request of a connection is no different from the first.
        client = await server.connect()
        client.send(head("GET", "/health/live", None))
        await client.read_head()
        await client.reader.readexactly(len(b'{"status":"alive"}'))
        reading = asyncio.ensure_future(client.read(WAIT_SECONDS))
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
        async with asyncio.timeout(WAIT_SECONDS):
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
    async with asyncio.timeout(WAIT_SECONDS):
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
        # Nobody is steady on a machine that stands still.
        for _ in range(5):
            received = await read_slowly(server, head("GET", "/documents/long/content", tenant.key))
            if received > len(LONG):
                break
        assert received > len(LONG)


async def read_slowly(server: Loopback, request: bytes) -> int:
    """Ask, and read piece by piece until the end; how much came."""
    client = await server.connect()
    client.send(request.replace(b"Host:", b"Connection: close\r\nHost:"))
    received = 0
    with suppress(ConnectionError):
        while piece := await client.reader.read(1 << 17):
            received += len(piece)
            await asyncio.sleep(0.02)
    client.close()
    return received


async def test_one_address_cannot_take_all_connections(services: Services) -> None:
    async with server_with(services) as app, on_loopback(app, most=20) as server:
        of_one = [await server.connect("127.0.0.2") for _ in range(11)]
        assert b"too_many_connections" in (await of_one[-1].read(WAIT_SECONDS)).body
        other = await server.connect("127.0.0.3")
        other.send(head("GET", "/health/live", None))
        assert (await other.read_head()).startswith(b"HTTP/1.1 200")


async def test_connections_that_rest_give_way_to_new_ones(services: Services) -> None:
    async with server_with(services) as app, on_loopback(app, most=20) as server:
        resting = [await server.connect(f"127.0.0.{2 + n % 4}") for n in range(20)]
        async with asyncio.timeout(WAIT_SECONDS):
            while len(server.server.server_state.connections) < 20:  # noqa: ASYNC110 - uvicorn's set
                await asyncio.sleep(0.01)
        newest = await server.connect("127.0.0.9")
        newest.send(head("GET", "/health/live", None))
        assert (await newest.read_head()).startswith(b"HTTP/1.1 200")
        assert (await resting[0].read(WAIT_SECONDS)).raw == b""
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
        async with asyncio.timeout(WAIT_SECONDS):
            while is_busy(server.server.server_state):  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.02)
        listed = (await tenant.http.get("/documents")).json()
        assert listed["documents"] == []
        # Fewer, where others' documents came to their end meanwhile.
        assert await stored_blobs(services) <= before
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
