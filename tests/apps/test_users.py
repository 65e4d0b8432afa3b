"""Users, roles and tiers."""

from __future__ import annotations

import asyncio

import pytest
from fastapi import FastAPI
from tests.apps.operations import operations, send
from tests.apps.people import client_of, make_key, make_user, person
from tests.apps.problems import problem_in
from tests.conftest import Tenant

from groundwell.domain.identity import SCOPES_OF_ROLE, Role

USERS = "/api/v1/users"
ME = "/api/v1/users/me"


async def test_a_new_user_is_listed_after_the_owner(tenant: Tenant) -> None:
    user = await make_user(tenant, Role.MEMBER, tier="premium", subject="auth0|ann")
    assert (user["role"], user["tier"], user["subject"]) == ("member", "premium", "auth0|ann")
    listed = (await tenant.http.get(USERS)).json()["users"]
    assert [item["role"] for item in listed] == ["owner", "member"]
    assert listed[1] == user == (await tenant.http.get(f"{USERS}/{user['id']}")).json()


async def test_a_user_without_a_role_or_tier_gets_the_least(tenant: Tenant) -> None:
    made = (await tenant.http.post(USERS, json={"name": "Bob"})).json()
    assert (made["role"], made["tier"], made["disabled"]) == ("reader", "free", False)


@pytest.mark.parametrize("role", Role)
async def test_everybody_learns_who_they_are(app: FastAPI, tenant: Tenant, role: Role) -> None:
    async with person(app, tenant, role) as client:
        me = (await client.get(ME)).json()
    assert (me["role"], me["tenant"], me["tier"]) == (role, str(tenant.id), "free")
    assert set(me["scopes"]) == SCOPES_OF_ROLE[role]


@pytest.mark.parametrize("role", [Role.MEMBER, Role.READER])
async def test_only_owners_and_administrators_see_and_change_users(
    app: FastAPI, tenant: Tenant, role: Role
) -> None:
    async with person(app, tenant, role) as client:
        for operation in operations(app):
            if not operation.path.startswith(USERS) or operation.path.startswith(ME):
                continue
            answer = await send(client, operation, operation.address(user_id=str(tenant.user)))
            assert problem_in(answer, 403)["code"] == "insufficient_scope", operation.name


async def test_an_administrator_changes_everybody_but_owners(app: FastAPI, tenant: Tenant) -> None:
    member = await make_user(tenant)
    async with person(app, tenant, Role.ADMIN) as admin:
        raised = await admin.patch(f"{USERS}/{member['id']}", json={"role": "admin"})
        assert raised.json()["role"] == "admin"
        for answer in (
            await admin.patch(f"{USERS}/{member['id']}", json={"role": "owner"}),
            await admin.patch(f"{USERS}/{tenant.user}", json={"name": "Eve"}),
            await admin.patch(f"{USERS}/{tenant.user}", json={"disabled": True}),
            await admin.post(USERS, json={"name": "Eve", "role": "owner"}),
            await admin.post(
                "/api/v1/keys",
                json={"name": "x", "scopes": ["read"], "user_id": str(tenant.user)},
            ),
            await admin.delete(f"/api/v1/keys/{tenant.key.split('_')[1]}"),
        ):
            assert problem_in(answer, 403)["code"] == "insufficient_role"


@pytest.mark.parametrize("change", [{"role": "member"}, {"disabled": True}])
async def test_the_last_owner_stays(tenant: Tenant, change: dict[str, object]) -> None:
    owner = f"{USERS}/{tenant.user}"
    assert problem_in(await tenant.http.patch(owner, json=change), 409)["code"] == "last_owner"
    await make_user(tenant, Role.OWNER)
    assert (await tenant.http.patch(owner, json=change)).status_code == 200


async def test_of_two_owners_who_demote_each_other_at_once_one_stays(tenant: Tenant) -> None:
    second = await make_user(tenant, Role.OWNER)
    answers = await asyncio.gather(
        *(
            tenant.http.patch(f"{USERS}/{user}", json={"role": "member"})
            for user in (second["id"], tenant.user)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_a_subject_belongs_to_one_user_of_a_tenant(tenant: Tenant) -> None:
    await make_user(tenant, subject="ann")
    again = await tenant.http.post(USERS, json={"name": "Ann", "subject": "ann"})
    assert problem_in(again, 409)["code"] == "subject_taken"


async def test_a_disabled_user_is_shown_as_such_and_can_be_let_in_again(
    app: FastAPI, tenant: Tenant
) -> None:
    user = await make_user(tenant)
    key = await make_key(tenant, user_id=user["id"], scopes=["read"])
    address = f"{USERS}/{user['id']}"
    assert (await tenant.http.patch(address, json={"disabled": True})).json()["disabled"]
    async with client_of(app, key["key"]) as client:
        assert problem_in(await client.get(ME), 401)["code"] == "unauthenticated"
        assert not (await tenant.http.patch(address, json={"disabled": False})).json()["disabled"]
        assert (await client.get(ME)).status_code == 200


async def test_a_role_that_is_taken_away_takes_the_scopes_of_its_keys_along(
    app: FastAPI, tenant: Tenant
) -> None:
    user = await make_user(tenant, Role.ADMIN)
    key = await make_key(tenant, user_id=user["id"], scopes=["read", "write", "admin"])
    await tenant.http.patch(f"{USERS}/{user['id']}", json={"role": "reader"})
    async with client_of(app, key["key"]) as client:
        assert (await client.get(ME)).json()["scopes"] == ["read"]
        assert problem_in(await client.get(USERS), 403)["code"] == "insufficient_scope"
