"""API keys: made once, listed without secrets, revoked everywhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI
from tests.apps.people import client_of, make_key, make_user, person
from tests.apps.problems import problem_in
from tests.conftest import MakeTenant, Tenant

from groundwell.domain.identity import Role, Scope
from groundwell.services import Services

KEYS = "/api/v1/keys"
ME = "/api/v1/users/me"


async def test_a_key_is_shown_once_and_works(app: FastAPI, tenant: Tenant) -> None:
    made = await tenant.http.post(KEYS, json={"name": "notebook", "scopes": ["read", "write"]})
    assert made.headers["cache-control"] == "no-store"
    key = made.json()
    async with client_of(app, key["key"]) as client:
        assert (await client.get(ME)).json()["scopes"] == ["read", "write"]
    listed = await tenant.http.get(KEYS)
    secret = key.pop("key").split("_")[2]
    assert listed.json()["keys"][0] == key
    assert secret not in listed.text


async def test_the_database_does_not_hold_the_key(tenant: Tenant, services: Services) -> None:
    key = await make_key(tenant, scopes=["read"])
    async with services.database.transaction(tenant.id) as connection:
        cursor = await connection.execute(
            "SELECT api_keys::text FROM api_keys WHERE id = %s", (key["id"],)
        )
        [(row,)] = await cursor.fetchall()
    assert key["id"] in row
    assert key["key"].split("_")[2] not in row


@pytest.mark.parametrize("role", [Role.MEMBER, Role.READER])
async def test_a_key_has_no_scope_beyond_the_role(app: FastAPI, tenant: Tenant, role: Role) -> None:
    user = await make_user(tenant, role)
    body = {"name": "x", "scopes": ["read", "admin"], "user_id": user["id"]}
    assert problem_in(await tenant.http.post(KEYS, json=body), 403)["code"] == "insufficient_scope"
    async with person(app, tenant, Role.MEMBER) as client:
        own = await client.post(KEYS, json={"name": "x", "scopes": ["admin"]})
        assert problem_in(own, 403)["code"] == "insufficient_scope"


async def test_a_key_cannot_make_a_stronger_one(make_tenant: MakeTenant) -> None:
    weak = await make_tenant((Scope.READ, Scope.WRITE))
    body = {"name": "x", "scopes": ["read", "admin"]}
    assert problem_in(await weak.http.post(KEYS, json=body), 403)["code"] == "insufficient_scope"
    reader = await make_tenant((Scope.READ,))
    body = {"name": "x", "scopes": ["read"]}
    assert problem_in(await reader.http.post(KEYS, json=body), 403)["code"] == "insufficient_scope"


async def test_a_member_has_keys_of_its_own_and_sees_no_others(
    app: FastAPI, tenant: Tenant
) -> None:
    foreign = tenant.key.split("_")[1]
    async with person(app, tenant, Role.MEMBER) as client:
        own = (await client.post(KEYS, json={"name": "mine", "scopes": ["read"]})).json()
        listed = [item["id"] for item in (await client.get(KEYS)).json()["keys"]]
        assert own["id"] in listed
        assert foreign not in listed
        problem_in(await client.delete(f"{KEYS}/{foreign}"), 404)
        body = {"name": "x", "scopes": ["read"], "user_id": str(tenant.user)}
        problem_in(await client.post(KEYS, json=body), 403)
        assert (await client.delete(f"{KEYS}/{own['id']}")).status_code == 204
    everybody = (await tenant.http.get(KEYS)).json()["keys"]
    assert {foreign, *listed} == {item["id"] for item in everybody}


async def test_a_revoked_key_stays_in_the_list_and_is_refused(app: FastAPI, tenant: Tenant) -> None:
    key = await make_key(tenant, scopes=["read"])
    for _ in range(2):
        assert (await tenant.http.delete(f"{KEYS}/{key['id']}")).status_code == 204
    assert (await tenant.http.get(KEYS)).json()["keys"][0]["revoked_at"] is not None
    async with client_of(app, key["key"]) as client:
        assert problem_in(await client.get(ME), 401)["code"] == "unauthenticated"


async def test_an_expired_key_is_refused(app: FastAPI, tenant: Tenant, services: Services) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    key = await make_key(tenant, scopes=["read"], expires_at=soon.isoformat())
    assert datetime.fromisoformat(key["expires_at"]) == soon
    async with services.database.transaction(tenant.id) as connection:
        await connection.execute(
            "UPDATE api_keys SET expires_at = now() WHERE id = %s", (key["id"],)
        )
    async with client_of(app, key["key"]) as client:
        assert problem_in(await client.get(ME), 401)["code"] == "unauthenticated"


@pytest.mark.parametrize(
    "wrong",
    [
        {"scopes": []},
        {"scopes": ["everything"]},
        {"name": " "},
        {"expires_at": "2001-01-01T00:00:00Z"},
        {"expires_at": "2101-01-01T00:00:00"},
        {"user_id": "ann"},
        {"tenant": "other"},
    ],
)
async def test_a_key_that_makes_no_sense_is_not_made(
    tenant: Tenant, wrong: dict[str, object]
) -> None:
    body = {"name": "notebook", "scopes": ["read"], **wrong}
    problem_in(await tenant.http.post(KEYS, json=body), 422)


async def test_nobody_makes_keys_for_users_of_another_tenant(
    tenant: Tenant, make_tenant: MakeTenant
) -> None:
    body = {"name": "x", "scopes": ["read"], "user_id": str((await make_tenant()).user)}
    problem_in(await tenant.http.post(KEYS, json=body), 404)
