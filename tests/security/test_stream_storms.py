"""Streams of events, opened by the thousand and left: how many are held, and what stays of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import psutil
import pytest
from tests.apps.loopback import Client, Loopback, head, on_loopback
from tests.apps.people import make_key, make_user, server_with
from tests.apps.test_jobs import put_waiting
from tests.conftest import Tenant
from tests.security.seed import IS_LONG, dice, tell

from groundwell.services import Services

STORM = 10_000 if IS_LONG else 300
WAVE = 50
OF_ONE = 10
OF_ALL = 4 * OF_ONE
# Half of all connections may come from one address.
CONNECTIONS = 400
_MEBIBYTE = 1 << 20


@asynccontextmanager
async def opened(
    server: Loopback, key: str, count: int
) -> AsyncIterator[tuple[Counter[int], list[Client]]]:
    """So many streams at once of a document that is never finished; yields the answers' states."""
    follow = head("GET", "/documents/endless/events", key)
    clients = await asyncio.gather(*(server.connect() for _ in range(count)))
    for client in clients:
        client.send(follow)
    heads = await asyncio.gather(*(client.read_head() for client in clients))
    try:
        yield Counter(int(each.split(b" ", 2)[1]) for each in heads), clients
    finally:
        for client in clients:
            client.close()


@pytest.fixture
async def server(services: Services, tenant: Tenant) -> AsyncIterator[Loopback]:
    await put_waiting(services, tenant, "endless", "A text that no worker knows of.")
    limits = replace(services.limits, in_flight=OF_ONE)
    async with (
        server_with(services, limits=limits) as app,
        on_loopback(app, most=CONNECTIONS) as running,
    ):
        yield running


async def until_all_may_be_opened(server: Loopback, key: str, seconds: float = 120) -> None:
    """The server hears of those that left a moment later."""
    async with asyncio.timeout(seconds):
        while True:
            async with opened(server, key, OF_ONE) as (states, _):
                if states == {200: OF_ONE}:
                    return
            await asyncio.sleep(0.05)


async def test_streams_have_a_bound_for_each_user_and_one_for_all(
    server: Loopback, tenant: Tenant
) -> None:
    keys = [tenant.key]
    for _ in range(4):
        user = await make_user(tenant)
        keys.append((await make_key(tenant, user_id=user["id"], scopes=["read"]))["key"])
    async with opened(server, keys[0], 3 * OF_ONE) as (states, _):
        assert states == {200: OF_ONE, 429: 2 * OF_ONE}
        async with (
            opened(server, keys[1], OF_ONE) as (second, _),
            opened(server, keys[2], OF_ONE) as (third, _),
            opened(server, keys[3], OF_ONE) as (fourth, _),
        ):
            assert second + third + fourth == {200: 3 * OF_ONE}
            async with opened(server, keys[4], OF_ONE) as (too_many, _):
                assert too_many == {503: OF_ONE}
    tell(f"places for {OF_ONE} streams of a user and {OF_ALL} of all: {OF_ONE}, {OF_ALL} held")


@pytest.mark.slow
async def test_a_storm_of_streams_that_are_left_leaves_nothing_behind(
    server: Loopback, tenant: Tenant
) -> None:
    chance = dice("storm of streams")
    process = psutil.Process()
    async with opened(server, tenant.key, WAVE):
        pass
    await until_all_may_be_opened(server, tenant.key)
    before, most = process.memory_info().rss, 0
    seen: Counter[int] = Counter()
    for _ in range(STORM // WAVE):
        async with opened(server, tenant.key, WAVE) as (states, clients):
            seen += states
            # Some leave without a word, in any order, the others when the block ends.
            for client in chance.sample(clients, chance.randint(0, WAVE)):
                client.close()
            server.clients.clear()
        most = max(most, process.memory_info().rss - before)
    await until_all_may_be_opened(server, tenant.key)
    tell(
        f"{STORM} streams opened and left: states {dict(sorted(seen.items()))}, "
        f"{most / _MEBIBYTE:.1f} MiB more memory at most"
    )
    assert set(seen) == {200, 429}
    assert seen.total() == STORM
    assert most < 50 * _MEBIBYTE
