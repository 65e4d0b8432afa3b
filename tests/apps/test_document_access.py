"""Documents of some, over HTTP: who sees and who changes what."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest_asyncio
from fastapi import FastAPI
from tests.apps.crowd import QUESTION, SECRET, People, make_people
from tests.apps.operations import operations, send
from tests.conftest import Tenant
from tests.waiting import patience


@pytest_asyncio.fixture
async def people(app: FastAPI, tenant: Tenant) -> AsyncIterator[People]:
    async with make_people(app, tenant) as made:
        yield made


def without_traces(answer: httpx.Response, *names: str) -> tuple[int, bytes]:
    body = answer.content.replace(answer.headers["x-request-id"].encode(), b"REQUEST")
    for name in names:
        body = body.replace(name.encode(), b"ID")
    return answer.status_code, body


async def test_a_hidden_document_is_answered_exactly_like_a_missing_one(
    app: FastAPI, people: People
):
    await people.ann.put(SECRET, "plans", visibility="private")
    jobs = (await people.ann.http.get("/api/v1/jobs")).json()["jobs"]
    names = {"document_id": "plans", "job_id": jobs[0]["job_id"]}
    others = {"document_id": "snalp", "job_id": "00000000-0000-4000-8000-000000000004"}
    tried = 0
    for operation in operations(app):
        if not any(f"{{{name}}}" in operation.path for name in names):
            continue
        hidden = await send(people.bob.http, operation, operation.address(**names))
        missing = await send(people.bob.http, operation, operation.address(**others))
        assert hidden.status_code == 404, operation.name
        assert without_traces(hidden, *names.values()) == without_traces(
            missing, *others.values()
        ), operation.name
        tried += 1
    assert tried >= 13
    kept = await people.ann.http.get("/documents/plans/text")
    assert kept.json()["text"] == SECRET


async def test_nothing_tells_of_a_hidden_document(people: People):
    asked = {"query": "marzipan code", "explain": True, "neighbours": 1, "limit": 50}
    await people.owner.put("A submarine dives.", "open")
    before = (await people.bob.http.get("/api/v1/collections/default")).json()
    plain = (await people.bob.http.post("/api/v1/search", json=asked)).json()
    await people.ann.put(SECRET, "plans", visibility="private")
    assert (await people.bob.http.get("/api/v1/collections/default")).json() == before
    listed = (await people.bob.http.get("/documents")).json()
    assert [item["document_id"] for item in listed["documents"]] == ["open"]
    assert sum(listed["counts"].values()) == 1
    assert len((await people.bob.http.get("/api/v1/jobs")).json()["jobs"]) == 1
    for more in ({}, {"search_type": "keyword"}, {"search_type": "semantic"}, {"feedback": True}):
        assert await people.bob.found(**more) <= {"open"}
        assert "plans" in await people.ann.found(**more)
    # Not even a score moves.
    again = (await people.bob.http.post("/api/v1/search", json=asked)).json()
    assert again["results"] == plain["results"]
    # A word that only a hidden document holds corrects nobody's query.
    for who, is_known in ((people.ann, True), (people.bob, False)):
        said = await who.http.post("/api/v1/search", json={"query": "marzipn", "spelling": True})
        words = {item["corrected"] for item in said.json()["corrections"]}
        assert ("marzipan" in words) is is_known


async def test_answers_contexts_and_conversations_draw_on_what_is_seen(people: People):
    await people.ann.put(SECRET, "plans", visibility="private")
    for path in ("/api/v1/ask", "/api/v1/context", "/query"):
        body = {"query": QUESTION, **({"stream": False} if path == "/query" else {})}
        assert "marzipan" in (await people.ann.http.post(path, json=body)).text, path
        for other in (people.bob, people.reader, people.boss, people.owner):
            assert "marzipan" not in (await other.http.post(path, json=body)).text, path


async def test_a_remembered_answer_goes_to_those_alone_who_see_the_same(people: People):
    await people.owner.put("A submarine dives.", "open")
    await people.ann.put(SECRET, "plans", visibility="private")
    for _ in range(2):
        assert await people.ann.found() == {"open", "plans"}
        assert await people.bob.found() == {"open"}
    body = {"query": QUESTION, "limit": 50}
    hit = await people.reader.http.post("/api/v1/search", json=body)
    assert hit.headers.get("cache-status") == "groundwell; hit"
    shared = {"visibility": "shared", "shared_with": {"users": [people.bob.id]}}
    changed = await people.ann.http.patch("/documents/plans", json=shared)
    assert changed.json()["access"] == {
        "owner_id": people.ann.id,
        "visibility": "shared",
        "shared_with": {"roles": [], "users": [people.bob.id]},
    }
    assert await people.bob.found() == {"open", "plans"}
    assert await people.reader.found() == {"open"}
    await people.ann.http.patch("/documents/plans", json={"visibility": "private"})
    assert await people.bob.found() == {"open"}


async def test_a_document_is_shared_by_its_owner_and_by_administrators(people: People):
    await people.ann.put(SECRET, "plans", shared_with={"roles": ["member", "reader"]})
    closing = {"visibility": "private"}
    for other in (people.bob, people.reader):
        assert await other.found() == {"plans"}
        refused = await other.http.patch("/documents/plans", json=closing)
        assert refused.status_code == 403
        assert (await other.http.delete("/documents/plans")).status_code == 403
    assert (await people.boss.http.patch("/documents/plans", json=closing)).status_code == 200
    assert await people.bob.found() == set()
    assert await people.ann.found() == {"plans"}
    for wrong in (
        {"visibility": "shared"},
        {"visibility": "private", "shared_with": {"roles": ["member"]}},
    ):
        answer = await people.ann.http.patch("/documents/plans", json=wrong)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_sharing")


async def test_an_administrator_manages_what_he_may_not_read(people: People):
    await people.ann.put(SECRET, "plans", visibility="private")
    for manager in (people.boss, people.owner):
        listed = (await manager.http.get("/documents")).json()["documents"]
        assert [item["document_id"] for item in listed] == ["plans"]
        for part in ("text", "content"):
            refused = await manager.http.get(f"/documents/plans/{part}")
            assert (refused.status_code, refused.json()["code"]) == (403, "not_shared_with_you")
        assert await manager.found() == set()
    assert (await people.boss.http.delete("/documents/plans")).status_code == 204
    assert await people.ann.found() == set()


async def test_an_upload_under_a_hidden_id_tells_nothing_and_overwrites_nothing(people: People):
    sent = {"file": ("plans.txt", SECRET.encode())}
    fields = {"document_id": "plans", "visibility": "private"}
    made = await people.ann.http.post("/documents", files=sent, data=fields)
    assert made.status_code == 202
    fresh = await people.bob.http.post("/documents", files=sent, data={"document_id": "snalp"})
    same = await people.bob.http.post("/documents", files=sent, data={"document_id": "plans"})
    assert without_traces(fresh, "snalp") == without_traces(same, "plans")
    other = {"file": ("plans.txt", b"Something else entirely.")}
    again = await people.bob.http.post("/documents", files=other, data={"document_id": "plans"})
    assert again.json()["version"] == 2
    kept = await people.ann.http.get("/documents/plans/content")
    assert kept.content == SECRET.encode()
    theirs = await people.ann.http.get("/documents/plans", params={"owner_id": people.bob.id})
    assert theirs.json()["access"]["visibility"] == "tenant"
    assert (await people.bob.http.delete("/documents/plans")).status_code == 204
    assert (await people.ann.http.get("/documents/plans/content")).content == SECRET.encode()


async def test_a_collection_with_hidden_documents_is_not_deleted_by_others(people: People):
    await people.ann.put(SECRET, "plans", visibility="private")
    refused = await people.bob.http.delete("/api/v1/collections/default")
    assert (refused.status_code, refused.json()["code"]) == (403, "not_your_document")
    assert await people.ann.found() == {"plans"}
    assert (await people.boss.http.delete("/api/v1/collections/default")).status_code == 204


async def test_an_evaluation_measures_what_everybody_sees(people: People):
    await people.owner.put("A submarine dives deep.", "open")
    await people.ann.put(SECRET, "plans", visibility="private")
    judged = {
        "name": "judged",
        "judgements": [{"query": QUESTION, "relevant": [{"document_id": "plans"}]}],
    }
    assert (await people.ann.http.post("/api/v1/evals/sets", json=judged)).status_code == 201
    run = (await people.ann.http.post("/api/v1/evals/runs", json={"set": "judged"})).json()["id"]
    state = {"status": "pending"}
    async with patience():
        while state["status"] not in ("complete", "failed"):
            await asyncio.sleep(0.05)
            state = (await people.ann.http.get(f"/api/v1/evals/runs/{run}")).json()
    assert (state["documents"], state["missing_documents"]) == (1, 1)
    results = await people.bob.http.get(f"/api/v1/evals/runs/{run}/results")
    assert "plans" not in json.dumps([item["found"] for item in results.json()["results"]])
