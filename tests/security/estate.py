"""Tenants with one of everything, and callers of every role."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from uuid import uuid4

import httpx
from fastapi import FastAPI
from tests.apps.people import client_of
from tests.conftest import Tenant, finished, upload, upload_texts
from tests.security.seed import dice

from groundwell.domain.api_keys import digest_api_key, make_api_key
from groundwell.domain.identity import SCOPES_OF_ROLE, Role, Scope, Tier
from groundwell.services import Services
from groundwell.store.api_keys import insert_key
from groundwell.store.users import insert_user

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
# What no place of a request asks for, and answers show all the same.
SHOWN = ("chunk", "message", "entry of the audit log")


@dataclass(frozen=True)
class Estate:
    """What a tenant has: ids by kind, and a word that stands in all of its texts."""

    tenant: Tenant
    word: str
    ids: Mapping[str, str]


async def settle(tenant: Tenant, name: str) -> Estate:
    """Make one of everything that has an id. Texts, titles and names hold a word of their own."""
    chance = dice(f"estate of {name}")
    word = "marzipan" + "".join(chance.choices(LETTERS, k=8))
    document, collection, source, judged = ("".join(chance.choices(LETTERS, k=9)) for _ in range(4))
    text = (
        f"The launch code of the submarine is {word}. Nobody else may know that. "
        f"The {word} submarine is a vessel that dives to a depth of 760 metres."
    )
    given = {"id": document, "title": f"Plans {word}", "text": text, "metadata": {"mark": word}}
    await upload_texts(tenant, [given], collection)
    content = f"An original of {word}."
    original = await upload(
        tenant, f"{word}.txt", content.encode(), key=source, collection=collection
    )
    await finished(tenant, original.json()["document_id"], collection)
    http = tenant.http
    coming = {"filename": f"{word}.txt", "file_size": 10, "collection": collection}
    announced = (await http.post("/api/v1/uploads", json=coming)).json()
    answered = await http.post("/api/v1/ask", json={"query": text, "collection": collection})
    conversation = answered.json()["conversation_id"]
    synonyms = {"entries": {word: ["submarine"]}}
    await http.put(f"/api/v1/collections/{collection}/synonyms", json=synonyms)
    asked = {"collection": collection, "topic": word}
    questions = (await http.post("/api/v1/questions/generate", json=asked)).json()
    judgements = [{"query": text, "relevant": [{"document_id": document}]}]
    body = {"name": judged, "collection": collection, "judgements": judgements}
    eval_set = (await http.post("/api/v1/evals/sets", json=body)).json()["id"]
    run = await _run(http, judged)
    jobs = (await http.get("/api/v1/jobs", params={"document_id": document})).json()["jobs"]
    page = (await http.get("/api/v1/documents", params={"limit": 1})).json()
    body = {"query": text, "collection": collection}
    found = (await http.post("/api/v1/search", json=body)).json()["results"]
    talk = (await http.get(f"/api/v1/conversations/{conversation}")).json()
    entries = (await http.get("/api/v1/audit")).json()["entries"]
    subject = f"idp|{word}"
    made = await http.post("/api/v1/users", json={"name": word, "subject": subject})
    ids = {
        "document": document,
        "collection": collection,
        "conversation": conversation,
        "question": questions["questions"][0]["id"],
        "question set": questions["set_id"],
        "eval set": eval_set,
        "name of an eval set": judged,
        "eval run": run,
        "job": jobs[0]["job_id"],
        "upload": announced["upload"]["upload_id"],
        "user": made.json()["id"],
        "subject": subject,
        "key": tenant.key.split("_")[1],
        "source": source,
        "cursor": page["next_cursor"],
        "content": content,
        "digest": sha256(content.encode()).hexdigest(),
        "tenant": str(tenant.id),
        "chunk": found[0]["chunk_id"],
        "message": talk["messages"][0]["id"],
        "entry of the audit log": entries[0]["id"],
    }
    return Estate(tenant, word, ids)


async def _run(http: httpx.AsyncClient, judged: str) -> str:
    run = (await http.post("/api/v1/evals/runs", json={"set": judged})).json()
    async with asyncio.timeout(180):
        while run["status"] not in ("complete", "failed"):
            await asyncio.sleep(0.02)
            run = (await http.get(f"/api/v1/evals/runs/{run['id']}")).json()
    return str(run["id"])


def missing(ids: Mapping[str, str]) -> dict[str, str]:
    """Ids of the same form and length that nobody has."""
    chance = dice("missing")
    made = {
        kind: "".join(chance.choice(LETTERS) if c.isalnum() else c for c in text)
        for kind, text in ids.items()
    }
    made |= {kind: str(uuid4()) for kind, text in ids.items() if _UUID.fullmatch(text)}
    made["digest"] = sha256(made["content"].encode()).hexdigest()
    made["question"] = "".join(chance.choices("0123456789abcdef", k=16))
    made["key"] = "".join(chance.choices("0123456789abcdef", k=len(ids["key"])))
    # The same moment and another row.
    moment, _ = ids["cursor"].split("-")
    made["cursor"] = f"{moment}-{uuid4().hex}"
    return made


async def _has_work(services: Services, estate: Estate) -> bool:
    """Whether a job of the tenant waits or runs; that of a deadline waits for an hour."""
    async with services.database.anonymous_transaction() as connection:
        cursor = await connection.execute(
            "SELECT EXISTS (SELECT FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"
            " AND args->>'tenant' = %s AND task_name <> 'upload_deadline')",
            (str(estate.tenant.id),),
        )
        [(has_work,)] = await cursor.fetchall()
    return bool(has_work)


async def digest_of(services: Services, estate: Estate) -> dict[str, str]:
    """Every row of the tenant in every table, as one digest for each table.

    Of when all of its own work is done: what jobs still change would look like somebody's doing.
    """
    async with asyncio.timeout(180):
        while await _has_work(services, estate):  # noqa: ASYNC110 - nothing tells us
            await asyncio.sleep(0.02)
    async with services.database.survey_transaction() as connection:
        cursor = await connection.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
            " WHERE c.relnamespace = 'groundwell'::regnamespace AND c.relkind = 'r'"
            " AND a.attname = 'tenant_id' ORDER BY 1"
        )
        digests = {}
        for (table,) in await cursor.fetchall():
            rows = await connection.execute(
                f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t"
                " WHERE tenant_id = %s",
                (estate.tenant.id,),
            )
            [(digests[table],)] = await rows.fetchall()
    assert len([digest for digest in digests.values() if digest]) > 12
    return digests


async def client_as(
    services: Services,
    app: FastAPI,
    tenant: Tenant,
    role: Role,
    scopes: frozenset[Scope] | None = None,
) -> httpx.AsyncClient:
    """The client of a new user of that role. The key may bear scopes that the role lacks."""
    key = make_api_key()
    digest = digest_api_key(key, services.key_pepper)
    async with services.database.transaction(tenant.id) as connection:
        user = await insert_user(connection, tenant.id, "Ann", role, Tier.FREE, None)
        granted = SCOPES_OF_ROLE[role] if scopes is None else scopes
        await insert_key(connection, tenant.id, user.id, key.id, "test", digest, tuple(granted))
    return client_of(app, key.text)
