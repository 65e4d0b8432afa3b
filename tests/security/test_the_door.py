"""Credentials, addresses and headers as attackers send them, to a real web server."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from tests.apps.operations import operations
from tests.apps.people import server_with
from tests.conftest import Tenant
from tests.security.seed import IS_LONG, dice, tell
from tests.security.wire import Wire, on_the_wire, request

from groundwell.services import Services
from groundwell.store.database import Database
from groundwell.web.guard import PUBLIC

ME = b"/api/v1/users/me"


@pytest.fixture
async def wire(app: FastAPI) -> AsyncIterator[Wire]:
    async with on_the_wire(app) as wire:
        yield wire


async def test_a_good_key_gets_in_so_that_the_rest_shows_something(
    wire: Wire, tenant: Tenant
) -> None:
    key = tenant.key.encode()
    assert await wire.status(request(ME, b"X-API-Key: " + key)) == 200
    assert await wire.status(request(ME, b"Authorization: bEARER   " + key + b" ")) == 200


def spoilt(key: bytes) -> dict[str, list[bytes]]:
    """Headers that hold a good key, and are no credential all the same."""
    bearer = b"Authorization: Bearer "
    return {
        "twice": [b"X-API-Key: " + key] * 2,
        "in both headers": [b"X-API-Key: " + key, bearer + key],
        "twice as bearer": [bearer + key] * 2,
        "two in one header": [bearer + key + b", Bearer " + key],
        "a list": [b"X-API-Key: " + key + b"," + key],
        "folded": [b"X-API-Key:\r\n " + key + b"\r\n\tx"],
        "a line feed inside": [b"X-API-Key: " + key[:9] + b"\n" + key[9:]],
        "a carriage return inside": [b"X-API-Key: " + key[:9] + b"\r" + key[9:]],
        "NUL behind": [b"X-API-Key: " + key + b"\0"],
        "a quote behind": [b"X-API-Key: " + key + b"'"],
        "sql behind": [b"X-API-Key: " + key + b"' OR '1'='1"],
        "sql before": [b"X-API-Key: ' UNION SELECT '" + key],
        "a full-width digit": [b"X-API-Key: " + key[:-1] + "０".encode()],
        "bytes that are no text": [b"X-API-Key: " + key + b"\xff\xfe"],
        "a space in the header's name": [b"X-API-Key : " + key],
        "an underscore": [b"X_API_Key: " + key],
        "a cookie": [b"Cookie: X-API-Key=" + key],
        "basic": [b"Authorization: Basic " + key],
        "a proxy's": [b"Proxy-Authorization: Bearer " + key],
        "forwarded": [b"X-Forwarded-Authorization: Bearer " + key],
        "a megabyte": [b"X-API-Key: " + key * 10_000],
        "a megabyte of nothing": [b"X-API-Key: " + b"g" * (1 << 20)],
        "a trailer": [b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-API-Key: " + key],
    }


async def test_a_good_key_in_a_strange_place_or_form_is_none(wire: Wire, tenant: Tenant) -> None:
    seen: Counter[int] = Counter()
    attacks = spoilt(tenant.key.encode())
    for name, headers in attacks.items():
        begun = time.monotonic()
        status = await wire.status(request(ME, *headers))
        assert status in (0, 400, 401, 431), f"{name}: {status}"
        # Who waited for more of the request would do so for half a minute.
        assert time.monotonic() - begun < 20, name
        seen[status] += 1
    for place in (b"?X-API-Key=", b"?api_key=", b"?access_token=", b"?key=", b"#", b";key="):
        status = await wire.status(request(ME + place + tenant.key.encode()))
        assert status in (400, 401), place
        seen[status] += 1
    tell(f"{seen.total()} strange places and forms of a good key: 0 let in; statuses {dict(seen)}")


def confused(public: str, private: str) -> list[str]:
    """Targets that one reader could take for the public address, another for the private one."""
    return [
        f"{public}/..{private}",
        f"{public}/%2e%2e{private}",
        f"{public}%2f..{private}",
        f"{public};{private}",
        f"{public}%00{private}",
        f"{public}?{private}",
        f"{public}#{private}",
        f"{public}%3f/..{private}",
        f"{private}/..{public}",
        f"{private}?{public}",
        f"{private};{public}",
        f"{private}%23{public}",
        f"/{public}",
        f"{public}/",
        f"/.{private}",
        f"/{private}",
        f"\\{private}",
        f"{private}/",
        f"{private}%20",
        f"{private.upper()}",
        f"http://evil.example{private}",
        f"http://evil.example{public}/..{private}",
        f"//evil.example{private}",
    ]


HOSTS = ("evil", "evil/health", "evil/%2f..", "evil?", "127.0.0.1/health?", "localhost#", "a@b", "")
LIES = (
    "X-Forwarded-For: 127.0.0.1",
    "X-Forwarded-Host: localhost",
    "X-Forwarded-Prefix: /health",
    "X-Forwarded-User: owner",
    "X-Original-URL: /health",
    "X-Rewrite-URL: /health",
    "X-HTTP-Method-Override: OPTIONS",
    "X-Real-IP: 127.0.0.1",
    "X-Client-IP: 127.0.0.1",
    "Forwarded: for=127.0.0.1;host=localhost",
    "X-Groundwell-User: owner",
    "X-Groundwell-Role: owner",
    "Connection: X-API-Key",
    "Origin: http://localhost",
    "Referer: http://localhost/health",
)


async def test_no_address_host_or_header_is_a_way_round_the_credential(
    wire: Wire, app: FastAPI
) -> None:
    chance = dice("addresses")
    private = [o.address(**dict.fromkeys(NAMES, "x")) for o in operations(app)]
    private = [path for path in private if path not in PUBLIC]
    seen: Counter[int] = Counter()
    for _ in range(4000 if IS_LONG else 400):
        target = chance.choice(confused(chance.choice(sorted(PUBLIC)), chance.choice(private)))
        host, lie = chance.choice(HOSTS), chance.choice(LIES)
        sent = request(target.encode(), lie.encode(), host=host.encode())
        answer = await wire.send(sent)
        status = int(answer.split(b" ", 2)[1]) if answer else 0
        path = target.partition("?")[0].partition("#")[0]
        if status == 200:
            assert path in PUBLIC, f"{sent!r}: {answer[:300]!r}"
        else:
            assert status in (0, 400, 401, 404, 422), f"{sent!r}: {status}"
        seen[status] += 1
    tell(f"{seen.total()} confusing addresses, hosts and headers: statuses {dict(seen)}, 0 let in")


NAMES = (
    "document_id",
    "conversation_id",
    "name",
    "set_id",
    "run_id",
    "user_id",
    "key_id",
    "job_id",
    "upload_id",
)


async def test_a_stranger_is_answered_before_the_body_is_sent(wire: Wire, app: FastAPI) -> None:
    """Fifty megabytes are announced and never sent: whoever waited for them would wait for ever."""
    taking = [o for o in operations(app) if "requestBody" in o.spec]
    slowest = 0.0
    for operation in taking:
        address = operation.address(**dict.fromkeys(NAMES, "x")).encode()
        headers = [b"Content-Type: application/json", b"Content-Length: 52428800"]
        begun = time.monotonic()
        method = operation.method.upper().encode()
        assert await wire.status(request(address, *headers, method=method)) == 401, operation.name
        slowest = max(slowest, time.monotonic() - begun)
    tell(f"{len(taking)} routes with a body: 401 before it, after {1000 * slowest:.0f} ms at most")


async def test_a_crowd_of_wrong_keys_does_not_touch_the_database(
    services: Services, services_url: str, tenant: Tenant
) -> None:
    """The checksum of a key that was made up is wrong, so that no look at the database is spent."""
    chance = dice("made-up keys")
    keys = [f"gw_{chance.randbytes(8).hex()}_{chance.randbytes(36).hex()}" for _ in range(300)]
    # A pool of its own, where no worker beside looks for anything.
    database = Database(services_url, min_size=1, max_size=4)
    await database.open()
    try:
        async with server_with(services, database=database) as app, on_the_wire(app) as wire:
            before = looks_at(database)
            answers = await asyncio.gather(
                *(wire.status(request(ME, b"X-API-Key: " + key.encode())) for key in keys)
            )
            spent = looks_at(database) - before
            assert await wire.status(request(ME, b"X-API-Key: " + tenant.key.encode())) == 200
            assert looks_at(database) > before + spent, "a good key is looked up"
    finally:
        await database.close()
    assert set(answers) == {401}
    assert spent == 0
    tell(f"{len(keys)} made-up keys: {spent} looks at the database")


def looks_at(database: Database) -> int:
    return database.pool.get_stats().get("requests_num", 0)
