"""A whole Groundwell in this process: services, worker and HTTP, on settings of the test's own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from tests.apps.people import client_of, server_with
from tests.conftest import running_services

from groundwell.first_start import ensure_owner
from groundwell.services import Services
from groundwell.settings import Settings


@dataclass(frozen=True, slots=True)
class Place:
    """The services, and a client with the owner's key."""

    services: Services
    http: httpx.AsyncClient

    async def upload(self, name: str, content: bytes, **headers: str) -> httpx.Response:
        return await self.http.post("/documents", files={"file": (name, content)}, headers=headers)

    async def search(self, query: str) -> httpx.Response:
        """A search that no cache answers."""
        return await self.http.post(
            "/api/v1/search", json={"query": query}, headers={"Cache-Control": "no-store"}
        )

    async def counts(self) -> dict[str, int]:
        answer = await self.http.get("/documents", params={"limit": 1})
        assert answer.status_code == 200, answer.text
        counts: dict[str, int] = answer.json()["counts"]
        return counts

    async def wait_until_finished(self, seconds: float = 300) -> dict[str, int]:
        """Wait until no document waits any more, and return how many are in each state."""
        async with asyncio.timeout(seconds):
            while True:
                counts = await self.counts()
                if not counts["pending"] + counts["indexing"]:
                    return counts
                await asyncio.sleep(0.1)

    async def seconds_until_search_works(self) -> float:
        begun = time.monotonic()
        async with asyncio.timeout(120):
            while (await self.search("bridge")).status_code != 200:  # noqa: ASYNC110 - nothing tells us
                await asyncio.sleep(0.05)
        return time.monotonic() - begun


@asynccontextmanager
async def place(settings: Settings, **changes: Any) -> AsyncIterator[Place]:  # noqa: ANN401 - the fields' own types
    """Everything for the length of the block; `changes` are made to what the server uses."""
    async with running_services(settings) as services:
        owner = await ensure_owner(services, settings.data_dir)
        key = owner.key_file.read_text().strip()
        async with server_with(services, **changes) as app, client_of(app, key) as client:
            client.timeout = httpx.Timeout(120)
            yield Place(services, client)


def is_refusal(answer: httpx.Response, status: int, code: str) -> bool:
    """Whether the answer is a problem of that kind, and says when to come again if it should."""
    return (
        answer.status_code == status
        and answer.headers["content-type"] == "application/problem+json"
        and answer.json()["code"] == code
        and (status != 503 or int(answer.headers["Retry-After"]) > 0)
    )
