"""The audit log, as an owner reads it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from tests.apps.people import client_of, make_key, make_user, person, server_with
from tests.apps.problems import problem_in
from tests.conftest import MakeTenant, Tenant, finished, upload, upload_texts

from groundwell.domain.access import AccessMode, AccessRules
from groundwell.domain.identity import Role, Scope
from groundwell.services import Services

AUDIT = "/api/v1/audit"
GATEWAY = "the-secret-of-a-gateway-0123456789"


async def entries(tenant: Tenant, **parameters: str) -> list[dict[str, Any]]:
    answer = await tenant.http.get(AUDIT, params=parameters)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["entries"]
    return found


async def actions(tenant: Tenant, **parameters: str) -> list[str]:
    """Oldest first, without the first use of the keys."""
    found = [entry["action"] for entry in await entries(tenant, **parameters)]
    return [action for action in reversed(found) if action != "key.first_used"]


async def test_keys_and_users_are_recorded_with_who_what_and_how(tenant: Tenant) -> None:
    user = await make_user(tenant)
    key = await make_key(tenant, user_id=user["id"], scopes=["read"])
    for _ in range(2):
        await tenant.http.delete(f"/api/v1/keys/{key['id']}")
    for change in ({"role": "reader"}, {"disabled": True}, {"disabled": False}, {"name": "Bea"}):
        await tenant.http.patch(f"/api/v1/users/{user['id']}", json=change)
    found = [e for e in reversed(await entries(tenant)) if e["action"] != "key.first_used"]
    assert [(e["action"], e["object"], e["detail"]) for e in found] == [
        ("user.created", user["id"], "member"),
        ("key.created", key["id"], f"{user['id']} read"),
        ("key.revoked", key["id"], None),
        ("user.role_changed", user["id"], "member to reader"),
        ("user.disabled", user["id"], None),
        ("user.enabled", user["id"], None),
    ]
    assert {e["actor"] for e in found} == {str(tenant.user)}
    assert {e["address"] for e in found} == {"127.0.0.1"}


async def test_an_entry_names_the_request_that_made_it(tenant: Tenant) -> None:
    answer = await tenant.http.post(
        "/api/v1/users", json={"name": "Ann"}, headers={"X-Request-ID": "my-own-1"}
    )
    assert answer.headers["x-request-id"] == "my-own-1"
    (entry,) = await entries(tenant, action="user.created")
    assert entry["request_id"] == "my-own-1"


async def test_the_first_use_of_a_key_is_recorded_once_for_all_processes(
    app: FastAPI, services: Services, tenant: Tenant
) -> None:
    key = await make_key(tenant, scopes=["read"])
    async with server_with(services) as another:
        for server in (app, another, app):
            async with client_of(server, key["key"]) as client:
                assert (await client.get("/api/v1/users/me")).status_code == 200
    found = await entries(tenant, action="key.first_used")
    assert [entry["object"] for entry in found].count(key["id"]) == 1


async def test_what_is_done_to_documents_is_recorded(tenant: Tenant) -> None:
    await upload_texts(tenant, [{"id": "heron", "text": "Herons eat fish."}])
    await tenant.http.get("/api/v1/documents/heron/content")
    await tenant.http.delete("/api/v1/documents/heron")
    torn = await upload(tenant, "torn.pdf", b"%PDF-1.7 nothing", document_id="torn")
    await finished(tenant, torn.json()["document_id"])
    await tenant.http.post("/api/v1/documents/torn/retry")
    await tenant.http.post("/api/v1/documents/torn/cancel")
    body = {"entries": {"heron": ["egret"]}}
    await tenant.http.put("/api/v1/collections/default/synonyms", json=body)
    await tenant.http.delete("/api/v1/collections/default")
    recorded = await actions(tenant)
    assert [a for a in recorded if a != "ingestion.cancelled"] == [
        "document.exported",
        "document.deleted",
        "ingestion.retried",
        "synonyms.changed",
        "collection.deleted",
    ]
    (deleted,) = await entries(tenant, action="document.deleted")
    assert (deleted["object"], deleted["detail"]) == ("heron", "default")


async def test_what_did_not_happen_is_not_recorded(tenant: Tenant) -> None:
    await tenant.http.delete("/api/v1/documents/nothing")
    await tenant.http.delete("/api/v1/collections/nothing")
    await tenant.http.delete("/api/v1/keys/nothing")
    await tenant.http.patch(f"/api/v1/users/{tenant.user}", json={"role": "reader"})
    assert await actions(tenant) == []


async def test_who_may_not_is_recorded_with_the_code(app: FastAPI, tenant: Tenant) -> None:
    async with person(app, tenant, Role.READER) as reader:
        for _ in range(3):
            problem_in(await reader.post("/api/v1/users", json={"name": "Ann"}), 403)
    await app.state.refusals.flush()
    (entry,) = await entries(tenant, action="access.refused")
    assert (entry["detail"], entry["count"]) == ("insufficient_scope", 3)
    assert entry["actor"] is not None


async def test_users_whom_a_gateway_brings_or_changes_are_recorded(
    services: Services, tenant: Tenant
) -> None:
    rules = AccessRules(AccessMode.GATEWAY, GATEWAY.encode())
    async with server_with(services, access=rules) as server, client_of(server) as client:
        for role in ("reader", "member"):
            headers = {
                "X-Groundwell-Gateway-Secret": GATEWAY,
                "X-Groundwell-User": "ann",
                "X-Groundwell-Tenant": str(tenant.id),
                "X-Groundwell-Role": role,
            }
            assert (await client.get("/api/v1/users/me", headers=headers)).status_code == 200
    assert await actions(tenant) == ["user.created", "user.role_changed"]


async def test_only_an_administrator_reads_it_and_only_of_their_own_tenant(
    make_tenant: MakeTenant, tenant: Tenant
) -> None:
    await make_user(tenant)
    other = await make_tenant()
    assert "user.created" not in await actions(other)
    member = await make_tenant((Scope.READ, Scope.WRITE))
    problem_in(await member.http.get(AUDIT), 403)


async def test_pages_follow_each_other_without_gap_or_overlap(tenant: Tenant) -> None:
    for _ in range(7):
        await make_user(tenant)
    everything = [entry["id"] for entry in await entries(tenant)]
    paged: list[str] = []
    cursor = None
    while True:
        parameters = {"limit": 3} | ({} if cursor is None else {"cursor": cursor})
        page = (await tenant.http.get(AUDIT, params=parameters)).json()
        paged += [entry["id"] for entry in page["entries"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert paged == everything
    assert len(set(paged)) >= 7


async def test_it_is_filtered_by_action_actor_and_time(tenant: Tenant) -> None:
    await make_user(tenant)
    now = datetime.now(UTC)
    late, early = (now + timedelta(hours=1)).isoformat(), (now - timedelta(hours=1)).isoformat()
    assert await actions(tenant, action="user.created", actor=str(tenant.user), since=early)
    assert await actions(tenant, action="key.revoked") == []
    assert await actions(tenant, actor=str(uuid4())) == []
    assert await actions(tenant, since=late) == []
    assert await actions(tenant, until=early) == []
    assert await actions(tenant, until=late)


@pytest.mark.parametrize(
    "parameters",
    [
        {"action": "everything"},
        {"actor": "ann"},
        {"since": "yesterday"},
        {"since": "2026-01-01T00:00:00"},
        {"cursor": "made-up"},
        {"limit": 0},
    ],
)
async def test_a_wrong_filter_is_refused(tenant: Tenant, parameters: dict[str, Any]) -> None:
    problem_in(await tenant.http.get(AUDIT, params=parameters), 422)
