"""Who gets in, and that nobody else costs the server any work."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from tests.apps.operations import PUBLIC, operations
from tests.apps.problems import problem_type_of
from tests.conftest import Tenant

from groundwell.domain.api_keys import make_api_key


@pytest.fixture
async def nobody(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://groundwell.test") as client:
        yield client


async def test_every_operation_but_the_public_ones_asks_for_a_credential(
    app: FastAPI, nobody: httpx.AsyncClient
) -> None:
    for operation in operations(app):
        response = await nobody.request(operation.method, operation.path)
        if operation.path in PUBLIC:
            assert response.status_code == 200, operation.name
            continue
        assert response.status_code == 401, operation.name
        assert response.headers["www-authenticate"] == "Bearer"
        assert response.headers["content-type"] == problem_type_of(operation.path)
        assert response.json()["code"] == "unauthenticated"


async def test_documentation_is_public_and_unknown_addresses_are_not(
    nobody: httpx.AsyncClient,
) -> None:
    for path in ("/docs", "/openapi.json"):
        assert (await nobody.get(path)).status_code == 200
    for path in ("/", "/nothing", "/health/", "/health/../documents", "//health"):
        assert (await nobody.get(path)).status_code in (401, 404)


def mistyped(key: str) -> str:
    """The key with two neighbouring digits of its secret exchanged."""
    place = next(i for i in range(30, 80) if key[i] != key[i + 1])
    return key[:place] + key[place + 1] + key[place] + key[place + 2 :]


async def test_every_wrong_key_is_refused_in_the_same_words(
    tenant: Tenant, nobody: httpx.AsyncClient
) -> None:
    wrong = [
        make_api_key().text,
        mistyped(tenant.key),
        tenant.key[:-1],
        tenant.key + "0",
        tenant.key.upper(),
        "x",
        "",
        "' OR 1=1 --",
        "gw_" + "x" * 30_000,
        str(uuid4()),
    ]
    bodies = set()
    for key in wrong:
        response = await nobody.get("/documents", headers={"X-API-Key": key})
        assert response.status_code == 401, key[:50]
        problem = response.json()
        problem.pop("instance")
        bodies.add(str(problem))
        assert not key or key not in response.text or key == "x"
    assert len(bodies) == 1


@pytest.mark.parametrize("scheme", ["Basic", "Token", "", "BearerX"])
async def test_a_good_key_in_a_wrong_scheme_is_refused(
    tenant: Tenant, nobody: httpx.AsyncClient, scheme: str
) -> None:
    headers = {"Authorization": f"{scheme} {tenant.key}".strip()}
    assert (await nobody.get("/documents", headers=headers)).status_code == 401


@pytest.mark.parametrize("name", ["X-API-Key", "x-api-key"])
async def test_a_key_may_come_in_its_own_header(
    tenant: Tenant, nobody: httpx.AsyncClient, name: str
) -> None:
    assert (await nobody.get("/documents", headers={name: tenant.key})).status_code == 200


async def test_the_scheme_may_be_written_in_any_case(
    tenant: Tenant, nobody: httpx.AsyncClient
) -> None:
    headers = {"Authorization": f"bEaReR {tenant.key}"}
    assert (await nobody.get("/documents", headers=headers)).status_code == 200


@pytest.mark.parametrize("second", ["Authorization", "X-API-Key"])
async def test_two_credentials_are_refused_even_when_both_are_good(
    tenant: Tenant, nobody: httpx.AsyncClient, second: str
) -> None:
    value = f"Bearer {tenant.key}" if second == "Authorization" else tenant.key
    headers = [("Authorization", f"Bearer {tenant.key}"), (second, value)]
    response = await nobody.get("/documents", headers=headers)
    assert response.status_code == 401
    assert response.json()["detail"] == "Send one credential, not several."


async def test_a_key_in_the_address_is_no_credential(
    tenant: Tenant, nobody: httpx.AsyncClient
) -> None:
    for name in ("key", "api_key", "access_token", "X-API-Key"):
        response = await nobody.get("/documents", params={name: tenant.key})
        assert response.status_code == 401


@pytest.mark.parametrize("path", ["/documents", "/documents/batch", "/api/v1/search", "/query"])
async def test_the_body_of_a_stranger_is_not_read(nobody: httpx.AsyncClient, path: str) -> None:
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(50):
            read += 1
            yield b"x" * (1 << 20)

    response = await nobody.post(path, content=body())
    assert response.status_code == 401
    assert read == 0


async def test_a_revoked_key_is_refused_within_seconds(tenant: Tenant, app: FastAPI) -> None:
    assert (await tenant.http.get("/documents")).status_code == 200
    services = app.state.services
    async with services.database.transaction(tenant.id) as connection:
        await connection.execute("UPDATE api_keys SET revoked_at = now()")
    app.state.authenticator._remembered.clear()
    assert (await tenant.http.get("/documents")).status_code == 401


async def test_a_good_request_id_is_echoed_and_a_strange_one_replaced(
    tenant: Tenant, nobody: httpx.AsyncClient
) -> None:
    good = "order-66-" + "a" * 55
    answered = await tenant.http.get("/nothing", headers={"X-Request-ID": good})
    assert answered.headers["x-request-id"] == answered.json()["instance"] == good
    for strange in ("", "a b", "<script>", "x" * 65, "a\u00e4".encode().decode("latin-1"), "{}"):
        headers = {"X-Request-ID": strange.encode("latin-1")}
        response = await nobody.get("/health/live", headers=headers)
        assert response.headers["x-request-id"] != strange
        assert len(response.headers["x-request-id"]) == 32


async def test_every_answer_says_not_to_guess_its_type(
    tenant: Tenant, nobody: httpx.AsyncClient
) -> None:
    for response in (
        await nobody.get("/health"),
        await nobody.get("/documents"),
        await tenant.http.get("/documents"),
        await tenant.http.get("/docs"),
        await tenant.http.get("/nothing"),
    ):
        assert response.headers["x-content-type-options"] == "nosniff"
