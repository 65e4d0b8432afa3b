"""A gateway that says who is asking, and a server on loopback that asks nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from ipaddress import ip_network

import httpx
import pytest
from fastapi import FastAPI
from tests.apps.people import client_of, server_with
from tests.apps.problems import problem_in
from tests.conftest import MakeTenant, Tenant

from groundwell.bootstrap.limits import make_limit_table
from groundwell.domain.access import AccessMode, AccessRules
from groundwell.domain.identity import Role
from groundwell.domain.proxies import TrustedProxies
from groundwell.services import Services
from groundwell.settings.limit_table import LimitTableSettings
from groundwell.store.database import Database
from groundwell.store.identity import insert_owner

ME = "/api/v1/users/me"
SECRET = "the-gateway-s-secret-of-32-bytes-or-more"
Headers = list[tuple[str, str | bytes]]


def said(tenant: Tenant, *more: tuple[str, str | bytes], secret: str | bytes = SECRET) -> Headers:
    return [
        ("X-Groundwell-Gateway-Secret", secret),
        ("X-Groundwell-User", "ann"),
        ("X-Groundwell-Tenant", str(tenant.id)),
        *more,
    ]


@pytest.fixture
async def client(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server behind a gateway, without a credential of its own."""
    access = AccessRules(AccessMode.GATEWAY, SECRET.encode(), Role.MEMBER)
    async with server_with(services, access=access) as server, client_of(server) as client:
        yield client


async def test_the_gateway_s_word_is_taken(client: httpx.AsyncClient, tenant: Tenant) -> None:
    me = (await client.get(ME, headers=said(tenant))).json()
    assert (me["tenant"], me["role"]) == (str(tenant.id), "member")
    raised = await client.get(ME, headers=said(tenant, ("X-Groundwell-Role", "admin")))
    assert (raised.json()["id"], raised.json()["role"]) == (me["id"], "admin")


@pytest.mark.parametrize(
    "secret", ["", "x", SECRET[:-1], SECRET + "x", SECRET.upper(), b"\xe4" * 32]
)
async def test_a_wrong_secret_is_refused(
    client: httpx.AsyncClient, tenant: Tenant, secret: str | bytes
) -> None:
    problem = problem_in(await client.get(ME, headers=said(tenant, secret=secret)), 401)
    assert problem["detail"] == "The gateway's secret is not valid."


async def test_without_the_secret_the_headers_are_not_looked_at(
    client: httpx.AsyncClient, tenant: Tenant, make_tenant: MakeTenant
) -> None:
    problem_in(await client.get(ME, headers=said(tenant)[1:]), 401)
    other = await make_tenant()
    headers = [("X-API-Key", other.key), *said(tenant)[1:]]
    assert (await client.get(ME, headers=headers)).json()["tenant"] == str(other.id)


async def test_other_servers_ignore_the_headers_even_with_the_secret(
    services: Services, tenant: Tenant
) -> None:
    for access in (AccessRules(), AccessRules(AccessMode.JWT)):
        async with server_with(services, access=access) as server, client_of(server) as client:
            problem_in(await client.get(ME, headers=said(tenant)), 401)


@pytest.mark.parametrize(
    "second",
    [
        ("X-Groundwell-Gateway-Secret", SECRET),
        ("X-Groundwell-User", "bob"),
        ("X-Groundwell-Tenant", "00000000-0000-4000-8000-000000000000"),
        ("Authorization", "Bearer x"),
        ("X-API-Key", "x"),
    ],
)
async def test_a_second_word_is_refused(
    client: httpx.AsyncClient, tenant: Tenant, second: tuple[str, str]
) -> None:
    problem_in(await client.get(ME, headers=said(tenant, second)), 401)


@pytest.mark.parametrize("user", [None, "", "a b", "x" * 256, b"\xe4", "a\tb"])
async def test_a_gateway_must_name_a_user(
    client: httpx.AsyncClient, tenant: Tenant, user: str | bytes | None
) -> None:
    headers = [item for item in said(tenant) if item[0] != "X-Groundwell-User"]
    if user is not None:
        headers.append(("X-Groundwell-User", user))
    problem_in(await client.get(ME, headers=headers), 401)


async def test_a_gateway_names_tenants_and_roles_that_there_are(
    client: httpx.AsyncClient, tenant: Tenant
) -> None:
    for role in ("owner", "Admin", "root", ""):
        answer = await client.get(ME, headers=said(tenant, ("X-Groundwell-Role", role)))
        assert problem_in(answer, 403)["code"] == "unknown_role"
    for name in ("00000000-0000-4000-8000-000000000000", "acme", ""):
        headers = [*said(tenant)[:2], ("X-Groundwell-Tenant", name)]
        assert problem_in(await client.get(ME, headers=headers), 403)["code"] == "unknown_tenant"


@pytest.fixture
async def open_door(
    services: Services, database: Database, tenant: Tenant
) -> AsyncIterator[FastAPI]:
    """A server that asks nobody, with one tenant and its owner."""
    async with database.transaction(tenant.id) as connection:
        await insert_owner(connection, tenant.id, "owner")
    access = AccessRules(AccessMode.OFF)
    async with server_with(services, access=access, database=database) as server:
        yield server


async def ask(server: FastAPI, host: str, headers: dict[str, str]) -> httpx.Response:
    async with client_of(server) as client:
        return await client.get(ME, headers={"Host": host, **headers})


@pytest.mark.parametrize(
    ("host", "headers"),
    [
        ("127.0.0.1:8765", {}),
        ("localhost", {}),
        ("[::1]:8765", {"Origin": "http://localhost:3000"}),
        ("127.0.0.1", {"Sec-Fetch-Site": "none"}),
    ],
)
async def test_who_comes_from_here_may_do_what_a_member_may(
    open_door: FastAPI, tenant: Tenant, host: str, headers: dict[str, str]
) -> None:
    me = (await ask(open_door, host, headers)).json()
    assert (me["tenant"], me["role"], me["scopes"]) == (str(tenant.id), "member", ["read", "write"])


@pytest.mark.parametrize(
    ("host", "headers"),
    [
        ("evil.example", {}),
        ("localhost.evil.example", {}),
        ("127.0.0.1.evil.example", {}),
        ("", {}),
        ("[", {}),
        ("192.168.0.7:8765", {}),
        ("localhost", {"Origin": "https://evil.example"}),
        ("localhost", {"Origin": "null"}),
        ("localhost", {"Sec-Fetch-Site": "cross-site"}),
        ("localhost", {"X-Forwarded-For": "10.0.0.1"}),
        ("localhost", {"Forwarded": "for=10.0.0.1"}),
    ],
)
async def test_web_sites_and_proxies_are_not_from_here(
    open_door: FastAPI, host: str, headers: dict[str, str]
) -> None:
    problem_in(await ask(open_door, host, headers), 401)


@pytest.mark.usefixtures("open_door")
async def test_who_is_alone_has_the_limits_of_whoever_runs_the_server(
    services: Services, database: Database
) -> None:
    limits = {"premium": {"requests": "2/minute"}, "admin": {"documents": 7}}
    table = make_limit_table(LimitTableSettings.model_validate(limits))
    access = AccessRules(AccessMode.OFF)
    allowances = replace(services.allowances, table=table)
    changes = {"access": access, "database": database, "allowances": allowances}
    async with server_with(services, **changes) as server:
        answers = [await ask(server, "localhost", {}) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200] * 5
        assert "RateLimit" not in answers[0].headers
        async with client_of(server) as client:
            usage = (await client.get("/api/v1/usage", headers={"Host": "localhost"})).json()
        assert usage["documents"]["limit"] == 7


@pytest.mark.usefixtures("open_door")
async def test_without_authentication_a_trusted_proxy_is_refused_like_any_other(
    services: Services, database: Database
) -> None:
    proxies = TrustedProxies((ip_network("127.0.0.0/8"),))
    access = AccessRules(AccessMode.OFF, trusted_proxies=proxies)
    async with server_with(services, access=access, database=database) as server:
        assert (await ask(server, "localhost", {})).status_code == 200
        for client in ("192.0.2.7", "127.0.0.1"):
            problem_in(await ask(server, "localhost", {"X-Forwarded-For": client}), 401)


@pytest.mark.parametrize("mode", [AccessMode.API_KEY, AccessMode.JWT, AccessMode.GATEWAY])
async def test_a_page_that_lets_its_name_point_here_has_no_credential_to_bring(
    services: Services, tenant: Tenant, mode: AccessMode
) -> None:
    secret = SECRET.encode() if mode is AccessMode.GATEWAY else None
    rebound = {"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"}
    # Whatever a browser adds of its own accord counts for nothing.
    carried = {"Cookie": f"authorization=Bearer {tenant.key}; x-api-key={tenant.key}"}
    async with server_with(services, access=AccessRules(mode, secret)) as server:
        for headers in ({}, rebound, {**rebound, **carried}):
            answer = await ask(server, "evil.example", headers)
            problem_in(answer, 401)
            assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_a_wrong_key_is_worse_than_none(open_door: FastAPI) -> None:
    problem_in(await ask(open_door, "localhost", {"X-API-Key": "x"}), 401)
