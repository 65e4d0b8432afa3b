"""What tenants and users share inside a process: connections and caches."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable

import httpx
from fastapi import FastAPI
from tests.apps.people import client_of, make_key, make_user
from tests.conftest import MakeTenant, Tenant, finished, upload_texts
from tests.security.seed import IS_LONG, dice, tell

from groundwell.services import Services

WORDS = ("heron", "plover")
CLIENTS = 24


def requests_of(tenant: Tenant) -> list[Callable[[], Awaitable[httpx.Response]]]:
    """Requests of several kinds, each of which tells whose it is."""
    http = tenant.http
    body = {"query": "Which bird stands in the reeds?"}
    fresh = {"Cache-Control": "no-cache"}
    return [
        lambda: http.get("/api/v1/documents/bird/text"),
        lambda: http.get("/api/v1/documents"),
        lambda: http.get("/api/v1/documents/bird/content"),
        lambda: http.post("/api/v1/search", json=body),
        lambda: http.post("/api/v1/search", json={**body, "search_type": "keyword"}, headers=fresh),
    ]


async def test_requests_that_are_cut_off_anywhere_give_no_answer_to_another_tenant(
    make_tenant: MakeTenant, services: Services
) -> None:
    """Cut off at a random moment, in the middle of whatever the request was doing."""
    owners = [(await make_tenant(), word) for word in WORDS]
    for tenant, word in owners:
        text = f"The {word} stands in the reeds."
        await upload_texts(tenant, [{"id": "bird", "title": word, "text": text}])
    chance = dice("cut off")
    count = 10_000 if IS_LONG else 1_000
    plans = [
        (number % 2, chance.randrange(5), chance.random() < 0.6, chance.uniform(0, 0.03))
        for number in range(count)
    ]
    outcomes: Counter[str] = Counter()
    kinds = [requests_of(tenant) for tenant, _ in owners]

    async def work() -> None:
        while plans:
            whose, kind, is_cut, seconds = plans.pop()
            try:
                async with asyncio.timeout(seconds if is_cut else 60):
                    answer = await kinds[whose][kind]()
            except TimeoutError:
                outcomes["cut off"] += 1
                continue
            assert answer.status_code == 200, answer.text
            assert WORDS[whose] in answer.text
            assert WORDS[1 - whose] not in answer.text
            outcomes["answered"] += 1

    await asyncio.gather(*(work() for _ in range(CLIENTS)))
    assert min(outcomes.values()) > count / 10, outcomes
    pool = services.database.pool
    for _ in range(2 * pool.max_size):
        async with services.database.anonymous_transaction() as connection:
            cursor = await connection.execute("SELECT current_setting('groundwell.tenant', true)")
            assert (await cursor.fetchone() or (None,))[0] in (None, "")
    tell(
        f"{count} interleaved requests of 2 tenants, {outcomes['cut off']} cut off, "
        f"{outcomes['answered']} answered: 0 answers of the other tenant, 0 tenants left behind"
    )


async def test_a_cache_answers_nobody_but_who_asked_before(
    app: FastAPI, tenant: Tenant, make_tenant: MakeTenant
) -> None:
    """The same words of another tenant, another user, another collection, another version."""
    other = await make_tenant()
    body = {"query": "What is the code of the gate?"}
    secret = [{"id": "gate", "text": "The code of the gate is 4711."}]
    await upload_texts(tenant, secret)
    await upload_texts(other, [{"id": "gate", "text": "The code of the gate is 1234."}])
    for collection in ("left", "right"):
        await upload_texts(tenant, [{"text": f"The code of the gate is {collection}."}], collection)
    tried = 0

    async def told(who: Tenant, **more: str) -> str:
        nonlocal tried
        tried += 1
        for _ in range(2):
            found = await who.http.post("/api/v1/search", json={**body, **more})
            asked = await who.http.post("/api/v1/ask", json={**body, **more})
        return found.text + asked.text

    assert "4711" in await told(tenant)
    assert "4711" not in await told(other)
    assert "left" not in await told(tenant, collection="right")
    changed = [{"id": "gate", "text": "The code of the gate is 9999."}]
    await upload_texts(tenant, changed)
    assert "4711" not in await told(tenant)
    await tenant.http.delete("/api/v1/documents/gate")
    assert "9999" not in await told(tenant)
    users = [await make_user(tenant) for _ in range(2)]
    answers = []
    for user, code in zip(users, ("5555", "6666"), strict=True):
        key = await make_key(tenant, user_id=user["id"], scopes=["read", "write"])
        async with client_of(app, key["key"]) as client:
            given = {"text": f"My code of the gate is {code}.", "user_id": user["id"]}
            await client.post("/api/v1/embeddings/generate", json={**given, "content_type": "goal"})
            listed = await tenant.http.get("/api/v1/documents", params={"collection": "context"})
            for item in listed.json()["documents"]:
                await finished(tenant, item["document_id"], "context")
            for path in ("search/hybrid", "rag/query"):
                asked = {**body, "user_id": user["id"]}
                found = [await client.post(f"/api/v1/{path}", json=asked) for _ in range(2)]
                answers += [(code, answer.text) for answer in found]
    assert all(code in text for code, text in answers)
    assert not [text for code, text in answers if {"5555": "6666", "6666": "5555"}[code] in text]
    tell(f"{tried + len(answers)} questions in the words of a remembered one: 0 foreign answers")


async def test_a_tenant_that_is_deleted_while_it_ingests_leaves_no_row(
    make_tenant: MakeTenant, services: Services
) -> None:
    doomed = await make_tenant()
    texts = [{"text": f"Number {n}. " + "The heron stands in the reeds. " * 40} for n in range(60)]
    taken = await doomed.http.post("/api/v1/documents/batch", json=texts)
    assert taken.status_code == 202
    await asyncio.sleep(dice("a tenant's end").uniform(0.05, 0.3))
    async with services.database.transaction(doomed.id) as connection:
        deleted = await connection.execute("DELETE FROM tenants WHERE id = %s", (doomed.id,))
        assert deleted.rowcount == 1
    deadline = time.monotonic() + 180
    while await waiting(services, doomed):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)
    async with services.database.survey_transaction() as connection:
        tables = await connection.execute(
            "SELECT table_name FROM information_schema.columns"
            " WHERE table_schema = 'groundwell' AND column_name = 'tenant_id'"
        )
        names = [name for (name,) in await tables.fetchall()]
        left = {}
        for name in names:
            rows = await connection.execute(
                f"SELECT count(*) FROM {name} WHERE tenant_id = %s", (doomed.id,)
            )
            [(left[name],)] = await rows.fetchall()
    # The audit log outlives its tenant, for its time.
    del left["audit_log"]
    assert {name: count for name, count in left.items() if count} == {}
    tell(f"a tenant deleted in the middle of {len(texts)} documents: 0 rows in {len(names)} tables")


async def waiting(services: Services, tenant: Tenant) -> int:
    """How many of the tenant's jobs are not over."""
    async with services.database.anonymous_transaction() as connection:
        cursor = await connection.execute(
            "SELECT count(*) FROM procrastinate_jobs WHERE args->>'tenant' = %s"
            " AND status IN ('todo', 'doing')",
            (str(tenant.id),),
        )
        [(count,)] = await cursor.fetchall()
    return int(count)
