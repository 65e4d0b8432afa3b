"""A tenant full of people, who bring documents and look for them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI
from tests.apps.people import client_of, make_key, make_user
from tests.conftest import Tenant, finished

from groundwell.domain.identity import SCOPES_OF_ROLE, Role

SECRET = "The launch code of the submarine is marzipan."
QUESTION = "What is the launch code of the submarine?"


@dataclass(frozen=True)
class Person:
    """A user of the tenant, and the client that speaks for him."""

    id: str
    http: httpx.AsyncClient
    tenant: Tenant

    async def put(self, text: str, document_id: str | None = None, **more: Any) -> str:  # noqa: ANN401 - JSON
        """Send a text, wait until it is searchable, return its id."""
        item = {"text": text, **({} if document_id is None else {"id": document_id}), **more}
        sent = await self.http.post("/documents/batch", json=[item])
        assert sent.status_code == 202, sent.text
        made: str = sent.json()["documents"][0]["document_id"]
        alike = Tenant(self.tenant.id, self.tenant.user, "", self.http)
        assert (await finished(alike, made))["status"] == "complete"
        return made

    async def found(self, query: str = QUESTION, **more: Any) -> set[str]:  # noqa: ANN401 - JSON
        answer = await self.http.post("/api/v1/search", json={"query": query, "limit": 50, **more})
        assert answer.status_code == 200, answer.text
        return {item["document_id"] for item in answer.json()["results"]}


@dataclass(frozen=True)
class People:
    """Two members, a reader and an administrator of a tenant, and its owner."""

    ann: Person
    bob: Person
    reader: Person
    boss: Person
    owner: Person


async def make_person(app: FastAPI, tenant: Tenant, role: Role, stack: AsyncExitStack) -> Person:
    user = await make_user(tenant, role)
    key = await make_key(tenant, user_id=user["id"], scopes=sorted(SCOPES_OF_ROLE[role]))
    client = await stack.enter_async_context(client_of(app, key["key"]))
    return Person(user["id"], client, tenant)


@asynccontextmanager
async def make_people(app: FastAPI, tenant: Tenant) -> AsyncIterator[People]:
    async with AsyncExitStack() as stack:
        roles = (Role.MEMBER, Role.MEMBER, Role.READER, Role.ADMIN)
        made = [await make_person(app, tenant, role, stack) for role in roles]
        yield People(*made, Person(str(tenant.user), tenant.http, tenant))
