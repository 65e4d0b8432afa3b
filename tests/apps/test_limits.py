"""Limits over HTTP: rates by tier, quotas of tenants, addresses that try keys."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import httpx
import pytest
from tests.apps.people import client_of, make_key, make_user, server_with
from tests.apps.problems import problem_in
from tests.conftest import Tenant, finished

from groundwell.bootstrap.limits import make_limit_table
from groundwell.domain.access import AccessRules
from groundwell.domain.api_keys import make_api_key
from groundwell.domain.identity import Role, Tier
from groundwell.domain.proxies import TrustedProxies
from groundwell.services import Services
from groundwell.settings.limit_table import LimitTableSettings

SEARCH = {"query": "anything"}


@asynccontextmanager
async def limited(
    services: Services, tenant: Tenant, limits: Mapping[str, Any], tier: Tier = Tier.FREE
) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    """A member and the owner, at a server with these limits."""
    user = await make_user(tenant, Role.MEMBER, tier=tier)
    key = await make_key(tenant, user_id=user["id"], scopes=["read", "write"])
    table = make_limit_table(LimitTableSettings.model_validate(limits))
    allowances = replace(services.allowances, table=table)
    async with (
        server_with(services, allowances=allowances) as app,
        client_of(app, key["key"]) as member,
        client_of(app, tenant.key) as owner,
    ):
        yield member, owner


def refusal_in(answer: httpx.Response, code: str) -> dict[str, Any]:
    problem = problem_in(answer, 429)
    assert problem["code"] == code
    return problem


async def statuses(client: httpx.AsyncClient, tries: int, address: str) -> list[int]:
    answers = await asyncio.gather(*(client.get(address) for _ in range(tries)))
    return sorted(answer.status_code for answer in answers)


async def test_too_many_requests_are_refused_with_the_time_to_wait(
    services: Services, tenant: Tenant
):
    async with limited(services, tenant, {"free": {"requests": "5/minute"}}) as (member, owner):
        assert await statuses(member, 20, "/api/v1/collections") == [200] * 5 + [429] * 15
        refused = await member.get("/api/v1/collections")
        problem = refusal_in(refused, "rate_limited")
        assert problem["detail"].startswith("You may send 5 requests in a minute. Try again in ")
        assert problem["retry_after"] == int(refused.headers["Retry-After"])
        assert 60 < problem["retry_after"] <= 72
        assert refused.headers["RateLimit-Policy"] == '"requests";q=5;w=60'
        assert refused.headers["RateLimit"].startswith('"requests";r=0;t=')
        answer = await owner.get("/api/v1/collections")
        assert answer.status_code == 200
        assert "RateLimit" not in answer.headers


async def test_all_keys_of_a_user_count_together(services: Services, tenant: Tenant):
    async with limited(services, tenant, {"free": {"requests": "6/minute"}}) as (member, _):
        second = await member.post("/api/v1/keys", json={"name": "more", "scopes": ["read"]})
        other = {"Authorization": f"Bearer {second.json()['key']}"}
        for _ in range(5):
            assert (await member.get("/api/v1/users/me", headers=other)).status_code == 200
        assert (await member.get("/api/v1/users/me")).status_code == 429
        assert (await member.get("/api/v1/users/me", headers=other)).status_code == 429


async def test_short_addresses_count_with_the_long_ones(services: Services, tenant: Tenant):
    limits = {"free": {"endpoints": {"/api/v1/documents": "4/minute"}}}
    async with limited(services, tenant, limits) as (member, _):
        seen = [
            (await member.get(address)).status_code
            for address in ("/documents", "/api/v1/documents") * 3
        ]
        assert seen == [200] * 4 + [429] * 2


async def test_everything_that_answers_questions_shares_one_count(
    services: Services, tenant: Tenant
):
    limits = {"free": {"endpoints": {"answers": "3/minute"}}}
    async with limited(services, tenant, limits) as (member, _):
        # What is refused for its body counts too: the rule stands before everything else.
        for address in ("/api/v1/ask", "/query", "/api/v1/rag/query"):
            assert (await member.post(address, json={})).status_code == 422
        refused = await member.post("/api/v1/ask", json=SEARCH)
        problem = refusal_in(refused, "rate_limited")
        assert "3 requests to answers in a minute" in problem["detail"]
        assert (await member.post("/api/v1/search", json=SEARCH)).status_code == 200


@pytest.mark.parametrize(("tier", "passing"), [(Tier.FREE, 2), (Tier.PREMIUM, 20)])
async def test_the_default_table_limits_programs_as_one_bucket_an_hour(
    services: Services, tenant: Tenant, tier: Tier, passing: int
):
    async with limited(services, tenant, {}, tier) as (member, _):
        seen = [
            (await member.post(f"/api/program/generate/{kind}")).status_code
            for kind in ("strength", "running") * 11
        ]
        # There is nothing at the address yet; the limit is.
        assert seen == [404] * passing + [429] * (22 - passing)


async def test_a_member_of_the_other_tier_has_the_limits_of_that_tier(
    services: Services, tenant: Tenant
):
    limits = {"free": {"requests": "2/minute"}, "premium": {"requests": "4/minute"}}
    async with limited(services, tenant, limits, Tier.PREMIUM) as (member, _):
        assert await statuses(member, 6, "/api/v1/users/me") == [200] * 4 + [429] * 2


async def test_an_administrator_can_be_limited_too(services: Services, tenant: Tenant):
    async with limited(services, tenant, {"admin": {"requests": "2/minute"}}) as (_, owner):
        assert await statuses(owner, 3, "/api/v1/users/me") == [200, 200, 429]


async def test_hits_are_counted_by_rule_and_tier(
    services: Services, tenant: Tenant, operator: Tenant
):
    async with limited(services, tenant, {"free": {"requests": "1/minute"}}) as (member, _):
        before = await hits(operator.http)
        await statuses(member, 4, "/api/v1/users/me")
        assert await hits(operator.http) - before == 3


async def hits(operator: httpx.AsyncClient) -> float:
    name = 'groundwell_limit_hits_total{rule="requests",tier="free"} '
    lines = (await operator.get("/metrics")).text.splitlines()
    return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))


async def test_many_wrong_keys_from_one_address_make_it_wait(services: Services, tenant: Tenant):
    limits = {"failed_authentications": "5/minute"}
    async with limited(services, tenant, limits) as (member, owner):
        assert (await member.get("/api/v1/users/me")).status_code == 200
        for number in range(8):
            guess = {
                "Authorization": f"Bearer {make_api_key().text}",
                "X-Forwarded-For": f"192.0.2.{number}",
            }
            answer = await member.get("/api/v1/users/me", headers=guess)
            assert answer.status_code == (401 if number < 5 else 429)
        problem = refusal_in(answer, "rate_limited")
        assert int(answer.headers["Retry-After"]) == problem["retry_after"]
        malformed = await member.get("/api/v1/users/me", headers={"Authorization": "Bearer x"})
        assert malformed.status_code == 429
        # Who was here before goes on, who is new waits; without a credential nothing was tried.
        assert (await member.get("/api/v1/users/me")).status_code == 200
        assert (await owner.get("/api/v1/users/me")).status_code == 429
        del member.headers["Authorization"]
        assert (await member.get("/api/v1/users/me")).status_code == 401


async def test_behind_a_trusted_proxy_each_client_waits_for_its_own_mistakes(
    services: Services, tenant: Tenant
):
    proxies = TrustedProxies((ip_network("127.0.0.0/8"),))
    believing = replace(services, access=AccessRules(trusted_proxies=proxies))
    limits = {"failed_authentications": "5/minute"}

    async def guess(client: httpx.AsyncClient, forwarded_for: str) -> int:
        headers = {"Authorization": f"Bearer {make_api_key().text}"}
        answer = await client.get(
            "/api/v1/users/me", headers={**headers, "X-Forwarded-For": forwarded_for}
        )
        return answer.status_code

    async with limited(believing, tenant, limits) as (member, owner):
        # What the client puts on the left changes nothing.
        guesses = [await guess(member, f"203.0.113.{n}, 192.0.2.7") for n in range(7)]
        assert guesses == [401] * 5 + [429] * 2
        assert await guess(member, "192.0.2.8") == 401
        told = {"X-Forwarded-For": "192.0.2.7"}
        assert (await owner.get("/api/v1/users/me", headers=told)).status_code == 429
        assert (await owner.get("/api/v1/users/me")).status_code == 200


async def usage_of(client: httpx.AsyncClient) -> dict[str, int]:
    body = (await client.get("/api/v1/usage")).json()
    return {name: body[name]["used"] for name in ("bytes", "documents", "chunks", "queued")}


async def send(client: httpx.AsyncClient, name: str, size: int = 100) -> httpx.Response:
    text = (name * size)[:size]
    return await client.post("/api/v1/documents/batch", json=[{"id": name, "text": text}])


async def test_use_follows_what_is_uploaded_and_deleted(tenant: Tenant):
    assert await usage_of(tenant.http) == {"bytes": 0, "documents": 0, "chunks": 0, "queued": 0}
    await send(tenant.http, "heron", 90)
    files = {"file": ("a.txt", b"Herons eat fish. " * 10)}
    uploaded = await tenant.http.post("/api/v1/documents", files=files)
    identity = uploaded.json()["document_id"]
    for name in ("heron", identity):
        await finished(tenant, name)
    assert await usage_of(tenant.http) == {
        "bytes": 90 + 170,
        "documents": 2,
        "chunks": 2,
        "queued": 0,
    }
    await send(tenant.http, "heron", 600)
    await finished(tenant, "heron")
    assert (await usage_of(tenant.http))["bytes"] == 600 + 170
    await tenant.http.delete(f"/api/v1/documents/{identity}")
    assert (await usage_of(tenant.http))["documents"] == 1
    await tenant.http.delete("/api/v1/collections/default")
    assert await usage_of(tenant.http) == {"bytes": 0, "documents": 0, "chunks": 0, "queued": 0}


async def test_the_endpoint_of_use_shows_the_row_of_the_caller(services: Services, tenant: Tenant):
    limits = {"free": {"bytes": 1000, "endpoints": {"/api/x": "7/hour"}}}
    async with limited(services, tenant, limits) as (member, owner):
        mine, all_of_it = (
            (await member.get("/api/v1/usage")).json(),
            await owner.get("/api/v1/usage"),
        )
        assert mine["tier"] == "free"
        assert mine["bytes"] == {"used": 0, "limit": 1000}
        assert mine["documents"]["limit"] == 10_000
        rates = {rate["rule"]: rate for rate in mine["rates"]}
        assert rates["requests"]["requests"] == 300
        assert rates["answers"]["addresses"] == [
            *("/ask", "/rag/query", "/query"),
            *("/questions/generate", "/api/chat/generate-questions"),
        ]
        assert (rates["/api/x"]["requests"], rates["/api/x"]["seconds"]) == (7, 3600)
        assert all_of_it.json()["rates"] == []
        assert all_of_it.json()["bytes"]["limit"] is None


async def test_documents_beyond_the_quota_are_refused_and_deletion_makes_room(
    services: Services, tenant: Tenant
):
    async with limited(services, tenant, {"free": {"documents": 2}}) as (member, owner):
        assert (await send(member, "a")).status_code == 202
        assert (await send(member, "b")).status_code == 202
        refused = await send(member, "c")
        problem = refusal_in(refused, "quota_exceeded")
        assert problem["quota"] == {"name": "documents", "limit": 2, "used": 2}
        assert "Retry-After" not in refused.headers
        # What adds no document may come: the same again, or a new version.
        assert (await send(member, "a")).status_code == 202
        assert (await send(member, "a", 200)).status_code == 202
        assert (await send(owner, "c")).status_code == 202
        for name in ("b", "c"):
            assert (await member.delete(f"/api/v1/documents/{name}")).status_code == 204
        assert (await send(member, "d")).status_code == 202


async def test_work_is_refused_once_the_passages_are_at_their_limit(
    services: Services, tenant: Tenant
):
    async with limited(services, tenant, {"free": {"chunks": 2}}) as (member, _):
        for name in ("heron", "stork"):
            assert (await send(member, name)).status_code == 202
            await finished(tenant, name)
        refused = await send(member, "crane")
        problem = refusal_in(refused, "quota_exceeded")
        assert problem["quota"] == {"name": "chunks", "limit": 2, "used": 2}
        assert (await member.delete("/api/v1/documents/stork")).status_code == 204
        assert (await send(member, "crane")).status_code == 202


async def test_a_batch_that_does_not_fit_leaves_nothing_behind(services: Services, tenant: Tenant):
    async with limited(services, tenant, {"free": {"documents": 2}}) as (member, _):
        batch = [{"id": name, "text": name} for name in "abc"]
        refused = await member.post(
            "/api/v1/documents/batch", json=batch, params={"collection": "fresh"}
        )
        assert refused.status_code == 429
        assert (await usage_of(member))["documents"] == 0
        assert (await member.get("/api/v1/collections/fresh")).status_code == 404


async def test_a_file_that_cannot_fit_is_refused_before_it_is_read(
    services: Services, tenant: Tenant
):
    async def body() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    async with limited(services, tenant, {"free": {"bytes": 1000}}) as (member, _):
        headers = {
            "Content-Type": "multipart/form-data; boundary=x",
            "Content-Length": str((1 << 20) + 1001),
        }
        refused = await member.post("/api/v1/documents", content=body(), headers=headers)
        problem = refusal_in(refused, "quota_exceeded")
        assert problem["quota"] == {"name": "bytes", "limit": 1000, "used": 0}


async def test_a_file_that_does_not_fit_leaves_no_file_behind(services: Services, tenant: Tenant):
    async with limited(services, tenant, {"free": {"bytes": 1000}}) as (member, _):
        before = {key async for key, _ in services.blobs.entries()}
        files = {"file": ("a.txt", b"A text of more than a thousand bytes. " * 30)}
        refused = await member.post("/api/v1/documents", files=files)
        assert refusal_in(refused, "quota_exceeded")["quota"]["name"] == "bytes"
        assert {key async for key, _ in services.blobs.entries()} == before
        assert await usage_of(member) == {"bytes": 0, "documents": 0, "chunks": 0, "queued": 0}


async def test_uploads_at_once_fill_a_quota_exactly(services: Services, tenant: Tenant):
    async with limited(services, tenant, {"free": {"bytes": 1000}}) as (member, _):
        answers = await asyncio.gather(*(send(member, f"doc{n:02}") for n in range(30)))
        accepted = sum(answer.status_code == 202 for answer in answers)
        assert accepted == 10
        assert (await usage_of(member))["documents"] == accepted


async def test_who_deletes_and_uploads_again_has_it_embedded_again(
    services: Services, tenant: Tenant
):
    async with limited(services, tenant, {"free": {"embedded": 2}}) as (member, owner):
        for name in ("heron", "swift"):
            assert (await send(member, name)).status_code == 202
            await finished(tenant, name)
            assert (await member.delete(f"/api/v1/documents/{name}")).status_code == 204
        told = (await member.get("/api/v1/usage")).json()
        assert (told["chunks"]["used"], told["embedded"]) == (0, {"used": 2, "limit": 2})
        refused = await send(member, "heron")
        problem = problem_in(refused, 429)
        assert problem["quota"] == {"name": "embedded", "limit": 2, "used": 2}
        assert refused.headers["retry-after"] == "3600"
        # It is the tenant's day, and the limit of the caller's row.
        assert (await send(owner, "heron")).status_code == 202
        await finished(tenant, "heron")


async def test_texts_of_users_count_too(services: Services, tenant: Tenant):
    async with limited(services, tenant, {"free": {"documents": 1}}) as (member, _):
        me = (await member.get("/api/v1/users/me")).json()["id"]
        answers = [
            await member.post(
                "/api/v1/embeddings/generate",
                json={"text": text, "user_id": me, "content_type": "goal"},
            )
            for text in ("run far", "run fast")
        ]
        assert [answer.status_code for answer in answers] == [200, 429]
