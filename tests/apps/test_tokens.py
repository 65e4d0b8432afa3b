"""Access tokens at the door: tenants, roles, users at first sight."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from tests.apps.people import client_of, make_user, server_with
from tests.apps.problems import problem_in
from tests.conftest import MakeTenant, Tenant
from tests.fakes.identity_provider import AUDIENCE, ISSUER, IdentityProvider
from tests.waiting import first_good

from groundwell.adapters.rate_limiter.postgres import PostgresRateLimiter
from groundwell.adapters.token_verifier.pyjwt import ClaimRules, KeyFile, PyJwtVerifier
from groundwell.domain.access import AccessMode, AccessRules
from groundwell.domain.identity import Role
from groundwell.services import Services
from groundwell.store.database import Database

ME = "/api/v1/users/me"
USERS = "/api/v1/users"


@pytest.fixture(scope="module")
def provider() -> IdentityProvider:
    return IdentityProvider()


def verifier(provider: IdentityProvider, folder: Path, **claims: str) -> PyJwtVerifier:
    path = folder / "keys.json"
    path.write_bytes(provider.key_set)
    return PyJwtVerifier(KeyFile(path, "RS256"), ClaimRules("RS256", ISSUER, AUDIENCE, **claims))


@pytest.fixture
async def door(
    services: Services, provider: IdentityProvider, tmp_path: Path
) -> AsyncIterator[FastAPI]:
    """A server that takes tokens with a tenant."""
    tokens = verifier(provider, tmp_path, tenant_claim="tenant")
    access = AccessRules(AccessMode.JWT)
    async with server_with(services, access=access, tokens=tokens) as server:
        yield server


async def get(server: FastAPI, token: str, path: str = ME) -> httpx.Response:
    async with client_of(server, token) as client:
        return await client.get(path)


async def test_a_user_is_made_at_first_sight_and_found_again(
    door: FastAPI, provider: IdentityProvider, tenant: Tenant
) -> None:
    token = provider.token(tenant=str(tenant.id))
    first, *others = await asyncio.gather(*(get(door, token) for _ in range(8)))
    me = first.json()
    assert (me["tenant"], me["role"], me["tier"]) == (str(tenant.id), "reader", "free")
    assert me["scopes"] == ["read"]
    assert {answer.json()["id"] for answer in others} == {me["id"]}
    listed = (await tenant.http.get(USERS)).json()["users"]
    assert [(user["name"], user["subject"]) for user in listed[1:]] == [("Ann", "ann")]


async def test_a_user_who_was_made_before_keeps_role_and_tier(
    door: FastAPI, provider: IdentityProvider, tenant: Tenant
) -> None:
    user = await make_user(tenant, Role.ADMIN, tier="premium", subject="ann")
    me = (await get(door, provider.token(tenant=str(tenant.id)))).json()
    assert (me["id"], me["role"], me["tier"]) == (user["id"], "admin", "premium")


async def test_the_same_subject_of_two_tenants_is_two_users(
    door: FastAPI, provider: IdentityProvider, make_tenant: MakeTenant
) -> None:
    tenants = [str((await make_tenant()).id) for _ in range(2)]
    seen = [(await get(door, provider.token(tenant=one))).json() for one in tenants]
    assert [me["tenant"] for me in seen] == tenants
    assert seen[0]["id"] != seen[1]["id"]


@pytest.mark.parametrize("claim", [None, "", "acme", "9d3e5c1a-7b24-4f0e-8a61-2c5d9f1e7b30", 7])
async def test_an_unknown_tenant_is_answered_clearly(
    door: FastAPI, provider: IdentityProvider, claim: object
) -> None:
    problem = problem_in(await get(door, provider.token(tenant=claim)), 403)
    assert problem["code"] == "unknown_tenant"
    assert "tenant" in problem["detail"]


async def test_without_a_tenant_claim_there_must_be_one_tenant_only(
    services: Services,
    provider: IdentityProvider,
    make_tenant: MakeTenant,
    database: Database,
    tmp_path: Path,
) -> None:
    tenant, _ = await make_tenant(), await make_tenant()
    access, tokens = AccessRules(AccessMode.JWT), verifier(provider, tmp_path)
    async with server_with(services, access=access, tokens=tokens) as several:
        problem = problem_in(await get(several, provider.token(tenant=str(tenant.id))), 403)
        assert problem["code"] == "unknown_tenant"
    only = uuid4()
    async with database.transaction(only) as connection:
        await connection.execute("INSERT INTO tenants (id, name) VALUES (%s, 'only')", (only,))
    allowances = replace(services.allowances, limiter=PostgresRateLimiter(database))
    own = {"database": database, "allowances": allowances}
    async with server_with(services, access=access, tokens=tokens, **own) as single:
        assert (await get(single, provider.token())).json()["tenant"] == str(only)


async def test_a_role_that_the_token_tells_is_followed_but_makes_and_unmakes_no_owner(
    services: Services, provider: IdentityProvider, tenant: Tenant, tmp_path: Path
) -> None:
    tokens = verifier(provider, tmp_path, tenant_claim="tenant", role_claim="roles")
    access = AccessRules(AccessMode.JWT)
    await make_user(tenant, Role.OWNER, subject="boss")
    async with server_with(services, access=access, tokens=tokens) as server:

        async def role(subject: str, *names: str) -> str:
            token = provider.token(tenant=str(tenant.id), sub=subject, roles=list(names))
            told: str = (await get(server, token)).json()["role"]
            return told

        assert await role("ann", "member") == "member"
        assert await role("ann", "reader", "admin") == "admin"
        assert await role("boss", "reader") == "owner"
        token = provider.token(tenant=str(tenant.id), roles=["owner"])
        assert problem_in(await get(server, token), 403)["code"] == "unknown_role"
    roles = {u["subject"]: u["role"] for u in (await tenant.http.get(USERS)).json()["users"]}
    assert (roles["ann"], roles["boss"]) == ("admin", "owner")


async def test_a_disabled_user_is_refused_with_good_tokens_too(
    door: FastAPI, provider: IdentityProvider, tenant: Tenant
) -> None:
    user = await make_user(tenant, subject="ann")
    await tenant.http.patch(f"{USERS}/{user['id']}", json={"disabled": True})
    problem = problem_in(await get(door, provider.token(tenant=str(tenant.id))), 401)
    assert problem["code"] == "user_disabled"


async def test_a_token_that_runs_out_is_not_remembered_beyond_its_time(
    door: FastAPI, provider: IdentityProvider, tenant: Tenant
) -> None:
    async def seen_in_time() -> tuple[int, str, float]:
        ends = int(time.time()) + 2.0
        token = provider.token(tenant=str(tenant.id), iat=ends - 100, exp=ends - 60)
        first = await get(door, token)
        return first.status_code, token, ends

    # A busy machine may miss even the first of its two seconds.
    status, token, ends = await first_good(seen_in_time, lambda seen: seen[0] == 200)
    assert status == 200
    # Memory lasts four.
    await asyncio.sleep(max(0, ends + 0.1 - time.time()))
    assert problem_in(await get(door, token), 401)["code"] == "token_expired"


async def test_a_bad_token_is_refused_before_the_body_is_read(
    door: FastAPI, provider: IdentityProvider, tenant: Tenant
) -> None:
    async def body() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    token = provider.token(tenant=str(tenant.id), aud="another")
    async with client_of(door, token) as client:
        answer = await client.post("/documents", content=body())
    problem_in(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_keys_go_on_working_and_a_token_is_taken_as_a_bearer_only(
    door: FastAPI, provider: IdentityProvider, tenant: Tenant
) -> None:
    token = provider.token(tenant=str(tenant.id))
    assert (await get(door, tenant.key)).status_code == 200
    async with client_of(door) as client:
        problem_in(await client.get(ME, headers={"X-API-Key": token}), 401)
        problem_in(await client.get(ME, params={"access_token": token}), 401)
        both = {"X-API-Key": tenant.key, "Authorization": f"Bearer {token}"}
        problem_in(await client.get(ME, headers=both), 401)


async def test_a_server_without_tokens_refuses_good_ones_like_any_wrong_key(
    app: FastAPI, provider: IdentityProvider, tenant: Tenant
) -> None:
    problem = problem_in(await get(app, provider.token(tenant=str(tenant.id))), 401)
    assert problem["detail"] == "This API key is not valid."
