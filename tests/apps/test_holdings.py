"""Taking data out and away, over HTTP: exports, deleted documents, users and tenants."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from typing import Any
from zipfile import ZipFile

import httpx
import psycopg
import pytest
import pytest_asyncio
from fastapi import FastAPI
from tests.apps.crowd import QUESTION, SECRET, People, make_people
from tests.conftest import MakeTenant, Tenant, finished, upload_texts
from tests.waiting import patience

from groundwell.services import Services
from groundwell.store.conversations import WITHDRAWN
from groundwell.store.database import owner_options


@pytest_asyncio.fixture
async def people(app: FastAPI, tenant: Tenant) -> AsyncIterator[People]:
    async with make_people(app, tenant) as made:
        yield made


def members_of(archive: httpx.Response) -> dict[str, bytes]:
    assert archive.status_code == 200, archive.text
    assert archive.headers["content-type"] == "application/zip"
    with ZipFile(io.BytesIO(archive.content)) as opened:
        assert opened.testzip() is None
        return {name: opened.read(name) for name in opened.namelist()}


def lines_of(members: dict[str, bytes], kind: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in members[f"{kind}.jsonl"].splitlines()]


async def test_a_user_takes_out_what_is_his_and_no_more(people: People):
    sent = {"file": ("plans.txt", SECRET.encode())}
    await people.ann.http.post("/documents", files=sent, data={"visibility": "private"})
    await people.ann.put("The second plan.", "second", shared_with={"roles": ["member"]})
    await people.bob.put("Not Ann's.", "other")
    await people.ann.http.post("/api/v1/ask", json={"query": QUESTION})
    await people.bob.http.post("/api/v1/ask", json={"query": "Whose is it?"})
    members = members_of(await people.ann.http.get("/api/v1/users/me/export"))
    assert [user["id"] for user in lines_of(members, "users")] == [people.ann.id]
    (key,) = lines_of(members, "keys")
    assert "digest" not in key
    documents = lines_of(members, "documents")
    assert {item["visibility"] for item in documents} == {"private", "shared"}
    originals = {members[item["original"]] for item in documents}
    assert originals == {SECRET.encode(), b"The second plan."}
    (conversation,) = lines_of(members, "conversations")
    assert conversation["messages"][0]["content"] == QUESTION
    assert b"Not Ann's" not in b"".join(members.values())
    # An administrator takes out the same of everybody, others of nobody.
    path = f"/api/v1/users/{people.ann.id}/export"
    assert members_of(await people.boss.http.get(path)).keys() == members.keys()
    assert (await people.bob.http.get(path)).status_code == 403
    owner = f"/api/v1/users/{people.owner.id}/export"
    assert (await people.boss.http.get(owner)).status_code == 403


async def test_an_owner_takes_out_the_whole_tenant(people: People, make_tenant: MakeTenant):
    await upload_texts(await make_tenant(), [{"text": "A stranger's."}])
    await people.ann.put(SECRET, "plans", visibility="private")
    await people.bob.put("An open plan.", "open")
    members = members_of(await people.owner.http.get("/api/v1/tenant/export"))
    assert len(lines_of(members, "users")) == 5
    assert {item["document_id"] for item in lines_of(members, "documents")} == {"plans", "open"}
    assert {item["name"] for item in lines_of(members, "collections")} == {"default"}
    assert b"A stranger's." not in b"".join(members.values())
    assert (await people.boss.http.get("/api/v1/tenant/export")).status_code == 403
    assert (await people.ann.http.get("/api/v1/tenant/export")).status_code == 403


async def test_documents_of_a_deleted_user_go_to_the_owner(people: People):
    await people.ann.put(SECRET, "plans", visibility="private")
    await people.ann.put("For Bob.", "bobs", shared_with={"users": [people.bob.id]})
    await people.ann.put("An open plan.", "open")
    gone = await people.boss.http.delete(f"/api/v1/users/{people.ann.id}")
    assert gone.status_code == 204
    listed = (await people.owner.http.get("/documents")).json()["documents"]
    assert {
        item["document_id"]: (item["access"]["owner_id"], item["access"]["visibility"])
        for item in listed
    } == {
        "plans": (people.owner.id, "private"),
        "bobs": (people.owner.id, "shared"),
        "open": (people.owner.id, "tenant"),
    }
    assert await people.owner.found("plan code Bob") == {"plans", "bobs", "open"}
    assert await people.bob.found("plan code Bob") == {"bobs", "open"}
    missing = await people.boss.http.delete(f"/api/v1/users/{people.ann.id}")
    assert missing.status_code == 404


async def test_documents_of_a_deleted_user_can_go_along(people: People):
    await people.ann.put(SECRET, "plans", visibility="private")
    await people.bob.put("An open plan.", "open")
    gone = await people.boss.http.delete(
        f"/api/v1/users/{people.ann.id}", params={"documents": "delete"}
    )
    assert gone.status_code == 204
    listed = (await people.owner.http.get("/documents")).json()["documents"]
    assert [item["document_id"] for item in listed] == ["open"]
    # A process that remembers the key for some seconds says so, and breaks nothing.
    late = await people.ann.http.post("/documents/batch", json=[{"text": "Too late."}])
    assert late.status_code == 401


async def test_the_last_owner_cannot_be_deleted_and_an_owner_only_by_one(people: People):
    path = f"/api/v1/users/{people.owner.id}"
    assert (await people.boss.http.delete(path)).status_code == 403
    last = await people.owner.http.delete(path)
    assert (last.status_code, last.json()["code"]) == (409, "last_owner")


def rows_with(url: str, token: str) -> dict[str, int]:
    """In how many rows of which tables a word stands, in any column, whoever's they are."""
    found: dict[str, int] = {}
    with psycopg.connect(url, options=owner_options()) as connection:
        connection.execute("SET LOCAL ROLE groundwell_backup")
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'groundwell'::regnamespace"
            " AND relkind = 'r' AND has_table_privilege(oid, 'SELECT')"
        ).fetchall()
        assert len(tables) > 20
        for (table,) in tables:
            row = connection.execute(
                f"SELECT count(*) FROM {table} t WHERE t::text ILIKE %s",  # type: ignore[arg-type] - a name of the catalog
                (f"%{token}%",),
            ).fetchone()
            if row is not None and row[0]:
                found[table] = row[0]
    return found


async def blobs_with(services: Services, token: str) -> int:
    count = 0
    async for key, _ in services.blobs.entries():
        content = b"".join([piece async for piece in services.blobs.stream(key)])
        count += token.encode() in content
    return count


@pytest.mark.parametrize(("visibility", "token"), [("tenant", "zugzwq"), ("private", "kibitzq")])
async def test_a_deleted_document_is_gone_from_every_table_and_file(
    people: People, services: Services, services_url: str, visibility: str, token: str
):
    sent = {"file": (f"{token}.txt", f"The plan is called {token} by its friends.".encode())}
    fields = {"document_id": "plan", "visibility": visibility, "title": token}
    await people.ann.http.post("/documents", files=sent, data=fields)
    await finished(
        Tenant(people.ann.tenant.id, people.ann.tenant.user, "", people.ann.http), "plan"
    )
    answer = await people.ann.http.post("/api/v1/ask", json={"query": "How is the plan called?"})
    assert token in answer.text
    before = rows_with(services_url, token)
    assert {"documents", "document_versions", "chunks", "chunk_terms", "messages"} <= before.keys()
    assert await blobs_with(services, token) == 1
    assert (await people.boss.http.delete("/documents/plan")).status_code == 204
    assert rows_with(services_url, token) == {}
    assert await blobs_with(services, token) == 0
    assert [path for path in services.scratch.rglob("*") if path.is_file()] == []
    kept = (await people.ann.http.get("/conversations")).json()["conversations"]
    detail = await people.ann.http.get(f"/conversations/{kept[0]['id']}")
    assert [message["role"] for message in detail.json()["messages"]] == ["user", "assistant"]


async def test_deleting_one_s_own_document_withdraws_no_answer_from_another_of_that_id(
    people: People,
):
    await people.ann.put(SECRET, "plans")
    answer = (await people.ann.http.post("/api/v1/ask", json={"query": QUESTION})).json()
    assert "marzipan" in answer["answer"]
    await people.bob.put("Something of mine.", "plans", visibility="private")
    assert (await people.bob.http.delete("/documents/plans")).status_code == 204
    kept = await people.ann.http.get(f"/conversations/{answer['conversation_id']}")
    assert kept.json()["messages"][1]["content"] == answer["answer"]
    assert (await people.ann.http.delete("/documents/plans")).status_code == 204
    gone = await people.ann.http.get(f"/conversations/{answer['conversation_id']}")
    assert gone.json()["messages"][1]["content"] == WITHDRAWN
    assert gone.json()["messages"][1]["metadata"]["citations"] == []


async def test_a_deleted_tenant_leaves_no_row_and_no_file(
    people: People, services: Services, services_url: str, make_tenant: MakeTenant
):
    token = "zwischenzug"
    text = f"The plan is called {token} by its friends."
    await people.ann.put(text, "plan", visibility="private")
    sent = {"file": ("plan.txt", f"Again {token}.".encode())}
    await people.bob.http.post("/documents", files=sent, data={"document_id": "file"})
    shared = b"Bytes that two tenants have."
    stranger = await make_tenant()
    for client in (people.bob.http, stranger.http):
        await client.post(
            "/documents", files={"file": ("a.txt", shared)}, data={"document_id": "s"}
        )
    await people.ann.http.post("/api/v1/ask", json={"query": f"What is {token}?"})
    judged = {
        "name": token,
        "judgements": [{"query": token, "relevant": [{"document_id": "plan"}]}],
    }
    await people.ann.http.post("/api/v1/evals/sets", json=judged)
    assert len(rows_with(services_url, token)) >= 7
    tenant = str(people.owner.tenant.id)
    path = "/api/v1/tenant"
    refused = await people.boss.http.delete(path, params={"confirm": tenant})
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_role")
    mistaken = await people.owner.http.delete(path, params={"confirm": people.owner.id})
    assert (mistaken.status_code, mistaken.json()["code"]) == (409, "not_confirmed")
    assert (await people.owner.http.delete(path, params={"confirm": tenant})).status_code == 204
    await asyncio.sleep(0.5)
    assert rows_with(services_url, token) == {}
    left = rows_with(services_url, tenant)
    # The audit log outlives its tenant, for its time.
    assert set(left) <= {"procrastinate_jobs", "procrastinate_events", "audit_log"}, left
    assert await blobs_with(services, token) == 0
    assert (await stranger.http.get("/documents/s/content")).content == shared
    # Whoever is remembered for some seconds more finds nothing, and can bring nothing.
    found = await people.ann.http.get("/documents")
    assert found.status_code == 401 or found.json()["documents"] == []
    late = await people.ann.http.post("/documents/batch", json=[{"text": "Too late."}])
    assert late.status_code == 401


async def test_a_tenant_that_is_deleted_while_its_jobs_run_does_not_come_back(
    people: People, services_url: str
):
    token = "zeitnot"
    texts = [
        {"text": f"{token} {number} " + " ".join(f"word{i}" for i in range(400))}
        for number in range(120)
    ]
    for visibility in ("tenant", "private"):
        batch = [
            {**item, "text": item["text"] + visibility, "visibility": visibility} for item in texts
        ]
        assert (await people.ann.http.post("/documents/batch", json=batch)).status_code == 202
    indexing = 0
    async with patience():
        while not indexing:
            await asyncio.sleep(0.02)
            indexing = (await people.ann.http.get("/documents")).json()["counts"]["indexing"]
    confirm = {"confirm": str(people.owner.tenant.id)}
    assert (await people.owner.http.delete("/api/v1/tenant", params=confirm)).status_code == 204
    working = True
    async with patience():
        while working:
            await asyncio.sleep(0.1)
            working = await _works(services_url, str(people.owner.tenant.id))
    assert rows_with(services_url, token) == {}
    assert rows_with(services_url, str(people.owner.tenant.id)).keys() <= {
        "procrastinate_jobs",
        "procrastinate_events",
        "audit_log",
    }


async def _works(url: str, tenant: str) -> bool:
    def look() -> bool:
        with psycopg.connect(url, options=owner_options()) as connection:
            row = connection.execute(
                "SELECT count(*) FROM procrastinate_jobs WHERE args->>'tenant' = %s"
                " AND status IN ('todo', 'doing')",
                (tenant,),
            ).fetchone()
        return row is not None and row[0] > 0

    return await asyncio.to_thread(look)
