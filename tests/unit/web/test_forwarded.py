"""The client in the place of its proxy."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from ipaddress import ip_network

from starlette.types import Scope
from tests.waiting import slowness

from groundwell.domain.proxies import TrustedProxies
from groundwell.web.connections import Connections
from groundwell.web.forwarded import Forwarded

PROXY = "10.0.0.1"
PROXIES = TrustedProxies((ip_network(f"{PROXY}/32"),))


async def seen_behind(
    proxies: TrustedProxies, client: tuple[str, int] | None, *forwarded_for: bytes
) -> Scope:
    """What the application sees of a request."""
    scope = {
        "type": "http",
        "client": client,
        "headers": [(b"x-forwarded-for", value) for value in forwarded_for],
    }
    seen: list[Scope] = []

    async def app(scope: Scope, *_: object) -> None:
        seen.append(scope)

    async def nothing(*_: object) -> None:
        raise AssertionError("the middleware reads and sends nothing")

    await Forwarded(app, lambda _: proxies)(scope, nothing, nothing)
    return seen[0]


async def test_a_trusted_proxy_is_replaced_by_its_client_and_the_header_stays():
    seen = await seen_behind(PROXIES, (PROXY, 4711), b"203.0.113.9", b"192.0.2.7")
    assert seen["client"] == ("192.0.2.7", 0)
    assert len(seen["headers"]) == 2


async def test_nobody_else_is_believed():
    for proxies, client in (
        (PROXIES, ("10.0.0.2", 1)),
        (TrustedProxies(()), (PROXY, 1)),
        (PROXIES, None),
    ):
        assert (await seen_behind(proxies, client, b"192.0.2.7"))["client"] == client


async def test_bytes_that_are_no_text_are_no_address():
    assert (await seen_behind(PROXIES, (PROXY, 1), b"\xff\xfe"))["client"] == (PROXY, 0)


async def test_the_longest_header_that_a_head_may_have_is_no_work():
    longest = b"10.0.0.1," * (32 * 1024 // 9)
    begun = time.thread_time()
    for _ in range(20):
        await seen_behind(PROXIES, (PROXY, 1), longest)
    milliseconds = (time.thread_time() - begun) * 1000 / 20
    sys.stdout.write(f"X-Forwarded-For of {len(longest)} bytes: {milliseconds:.2f} ms\n")
    assert milliseconds < 5 * slowness()


@dataclass(eq=False)
class Peer:
    """A connection from an address."""

    address: str


def test_a_trusted_proxy_may_have_all_connections_and_nobody_else_more_than_half():
    connections = Connections(10, PROXIES)
    assert all(connections.let_in(Peer(PROXY)) for _ in range(8))
    others = Connections(10, PROXIES)
    assert [others.let_in(Peer("192.0.2.7")) for _ in range(6)] == [True] * 5 + [False]
