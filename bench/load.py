"""A load generator that is light enough not to be what is measured."""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

SEARCH = "/api/v1/search"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run of load gave. Latencies are in milliseconds."""

    requests: int
    errors: int
    seconds: float
    p50: float
    p95: float
    p99: float

    @property
    def per_second(self) -> float:
        """Requests answered in a second."""
        return self.requests / self.seconds

    def line(self, name: str) -> str:
        """The outcome as one line of a table."""
        return (
            f"{name:<34} {self.requests:>6} requests  {self.per_second:>6.1f}/s  "
            f"p50 {self.p50:>6.1f}  p95 {self.p95:>6.1f}  p99 {self.p99:>6.1f} ms  "
            f"{self.errors} errors"
        )


class Connection:
    """One kept-alive HTTP/1.1 connection."""

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._key = key
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, body: bytes) -> int:
        """Send a JSON body and return the status of the answer, read to its end."""
        if self._streams is not None and self._streams[0].at_eof():
            # The server closes a connection that was idle for long; any client opens another.
            await self.close()
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        writer.write(
            f"POST {path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: application/json\r\n"
            # The searches are to be measured, not the caches before them.
            f"Authorization: Bearer {self._key}\r\nCache-Control: no-cache\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").lower().split("\r\n")
        length = next(line for line in lines if line.startswith("content-length:"))
        await reader.readexactly(int(length.partition(":")[2]))
        return int(lines[0].split()[1])

    async def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def closed_loop(
    url: str, key: str, queries: Sequence[str], clients: int, seconds: float
) -> Outcome:
    """Clients that send the next search as soon as they have the answer to the last."""
    return await closed_posts(url, key, SEARCH, search_bodies(queries), clients, seconds)


async def closed_posts(
    url: str, key: str, path: str, bodies: Sequence[bytes], clients: int, seconds: float
) -> Outcome:
    """Clients that post one body after the other to an address, without a pause."""
    return await _run(url, key, path, bodies, clients, seconds, think_seconds=0.0)


async def thinking_users(
    url: str, key: str, queries: Sequence[str], users: int, seconds: float, think_seconds: float
) -> Outcome:
    """Users who think, for a random time of the given mean, between two searches."""
    bodies = search_bodies(queries)
    return await thinking_posts(url, key, SEARCH, bodies, users, seconds, think_seconds)


async def thinking_posts(
    url: str,
    key: str,
    path: str,
    bodies: Sequence[bytes],
    users: int,
    seconds: float,
    think_seconds: float,
) -> Outcome:
    """Users who think between two posts to an address."""
    return await _run(url, key, path, bodies, users, seconds, think_seconds=think_seconds)


def search_bodies(queries: Sequence[str], **options: object) -> list[bytes]:
    """Requests for the ten best passages, with further options of a search."""
    return [json.dumps({"query": query, "limit": 10, **options}).encode() for query in queries]


async def _run(
    url: str,
    key: str,
    path: str,
    bodies: Sequence[bytes],
    clients: int,
    seconds: float,
    think_seconds: float,
) -> Outcome:
    latencies: list[float] = []
    errors = 0
    end = time.perf_counter() + seconds

    async def client(number: int) -> None:
        nonlocal errors
        rng = random.Random(number)
        connection = Connection(url, key)
        if think_seconds:
            # The rest of a thought is as long as a whole one (the exponential distribution has no
            # memory): so the load is even from the first second on.
            await asyncio.sleep(min(rng.expovariate(1 / think_seconds), seconds))
        # Every client has its own place in the list, so that no query is asked twice at once.
        position = number * len(bodies) // clients
        while time.perf_counter() < end:
            body = bodies[position % len(bodies)]
            position += 1
            begun = time.perf_counter()
            try:
                status = await connection.post(path, body)
            except (OSError, asyncio.IncompleteReadError):
                status = 0
            latencies.append((time.perf_counter() - begun) * 1000)
            errors += status != 200
            if think_seconds:
                thinks = rng.expovariate(1 / think_seconds)
                await asyncio.sleep(min(thinks, max(0.0, end - time.perf_counter())))
        await connection.close()

    started = time.perf_counter()
    await asyncio.gather(*(client(number) for number in range(clients)))
    took = time.perf_counter() - started
    cuts = statistics.quantiles(latencies, n=100)
    return Outcome(len(latencies), errors, took, cuts[49], cuts[94], cuts[98])
