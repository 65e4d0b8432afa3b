"""Limits that hold over several processes on one database."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import httpx
import pytest
from tests.conftest import fresh_database
from tests.e2e.running import RunningServer, running
from tests.seeds import IS_LONG, SEED

from groundwell.domain.api_keys import make_api_key
from groundwell.store.embedded import EmbeddedPostgres

PROCESSES = 4 if IS_LONG else 2
REQUESTS = 500
ROOM = 17
# By the hour: however slow the machine, no room is made for more while the requests come.
LIMITS = {
    "free": {"requests": "100/hour"},
    "premium": {"requests": "1000/minute", "documents": ROOM},
    "failed_authentications": "20/hour",
}


@dataclass(frozen=True)
class Servers:
    """Servers of one database, and the addresses and the owner's key of each."""

    all: list[RunningServer]

    def client(self, number: int, key: str | None = None) -> httpx.AsyncClient:
        server = self.all[number % len(self.all)]
        return httpx.AsyncClient(
            base_url=server.url,
            headers={"Authorization": f"Bearer {key or server.key}"},
            limits=httpx.Limits(max_connections=None),
            timeout=180,
            trust_env=False,
        )

    async def key_of_new_user(self, **user: str) -> str:
        async with self.client(0) as owner:
            made = await owner.post("/api/v1/users", json={"name": "Ann", **user})
            body = {"name": "k", "user_id": made.json()["id"], "scopes": ["read", "write"]}
            key = await owner.post("/api/v1/keys", json=body)
            return str(key.json()["key"])


@pytest.fixture(scope="module")
def servers(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Servers]:
    variables = {"GROUNDWELL_LIMITS": json.dumps(LIMITS), "GROUNDWELL_SECRET_KEY": "s" * 64}
    with ExitStack() as stack:
        url = stack.enter_context(fresh_database(postgres))
        folder = tmp_path_factory.mktemp("servers")
        yield Servers(
            [
                stack.enter_context(
                    running(folder / str(n), "--no-worker", DATABASE_URL=url, **variables)
                )
                for n in range(PROCESSES)
            ]
        )


async def test_parallel_requests_at_several_processes_keep_one_limit(servers: Servers) -> None:
    key = await servers.key_of_new_user(role="member")
    clients = [servers.client(number, key) for number in range(PROCESSES)]
    order = [number % PROCESSES for number in range(REQUESTS)]
    random.Random(SEED).shuffle(order)
    answers = await asyncio.gather(*(clients[n].get("/api/v1/users/me") for n in order))
    seen = Counter(answer.status_code for answer in answers)
    sys.stdout.write(
        f"{REQUESTS} parallel requests, {PROCESSES} processes, 100/h: "
        f"{seen[200]} accepted (seed {SEED})\n"
    )
    assert 100 <= seen[200] <= 101
    assert seen[200] + seen[429] == REQUESTS
    for client in clients:
        assert (await client.get("/api/v1/users/me")).status_code == 429
        await client.aclose()


async def test_parallel_uploads_at_several_processes_fill_a_quota_exactly(
    servers: Servers,
) -> None:
    key = await servers.key_of_new_user(role="member", tier="premium")
    clients = [servers.client(number, key) for number in range(PROCESSES)]
    answers = await asyncio.gather(
        *(
            clients[number % PROCESSES].post(
                "/api/v1/documents/batch", json=[{"id": f"d{number}", "text": "Some text."}]
            )
            for number in range(3 * ROOM)
        )
    )
    seen = Counter(answer.status_code for answer in answers)
    sys.stdout.write(
        f"{3 * ROOM} parallel uploads, {PROCESSES} processes, room for {ROOM}: "
        f"{seen[202]} accepted (seed {SEED})\n"
    )
    assert seen == {202: ROOM, 429: 2 * ROOM}
    use = (await clients[0].get("/api/v1/usage")).json()
    assert use["documents"] == {"used": ROOM, "limit": ROOM}
    for client in clients:
        await client.aclose()


async def test_guesses_of_keys_under_forged_addresses_are_slowed_down(servers: Servers) -> None:
    source = random.Random(SEED)
    seen: Counter[int] = Counter()
    async with servers.client(0) as owner:
        assert (await owner.get("/api/v1/users/me")).status_code == 200
        for _ in range(60):
            forged = ".".join(str(source.randrange(1, 255)) for _ in range(4))
            answer = await owner.get(
                "/api/v1/users/me",
                headers={
                    "Authorization": f"Bearer {make_api_key().text}",
                    "X-Forwarded-For": forged,
                    "Forwarded": f"for={forged}",
                    "X-Real-IP": forged,
                },
            )
            seen[answer.status_code] += 1
        sys.stdout.write(
            f"60 wrong keys under forged addresses: {seen[401]} looked up (seed {SEED})\n"
        )
        assert 20 <= seen[401] <= 30
        assert seen[401] + seen[429] == 60
        assert answer.headers["Retry-After"].isdecimal()
        assert (await owner.get("/api/v1/users/me")).status_code == 200
