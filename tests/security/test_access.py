"""Users of one tenant against each other: whatever they share and close, each sees what is his.

A seed drives uploads, changes of sharing and deletions by users of all roles. After each step every
way to see a document is tried by everybody, and compared with a model that is a dictionary.
"""

from __future__ import annotations

import random
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest_asyncio
from tests.apps.people import client_of, make_key, make_user, server_with
from tests.conftest import Tenant, finished
from tests.seeds import IS_LONG, SEED

from groundwell.bootstrap.limits import make_limit_table
from groundwell.domain.identity import SCOPES_OF_ROLE, Role
from groundwell.services import Services
from groundwell.settings.limit_table import LimitTableSettings

STEPS = 120 if IS_LONG else 12
ROLES = (Role.ADMIN, Role.MEMBER, Role.MEMBER, Role.READER)
UNLIMITED = {"requests": "unlimited", "endpoints": {"answers": "unlimited"}}
MANAGERS = (Role.OWNER, Role.ADMIN)


@dataclass(frozen=True)
class Someone:
    id: str
    role: Role
    http: httpx.AsyncClient


@dataclass
class Kept:
    """A document as the model knows it."""

    owner: Someone
    sharing: dict[str, Any]
    text: str

    def is_for(self, who: Someone) -> bool:
        if self.sharing["visibility"] == "tenant" or who is self.owner:
            return True
        names = self.sharing.get("shared_with", {})
        return who.role in names.get("roles", ()) or who.id in names.get("users", ())


@dataclass
class World:
    everybody: list[Someone]
    tenant: Tenant
    chance: random.Random
    kept: dict[str, Kept] = field(default_factory=dict)
    looks: int = 0

    def sharing(self) -> dict[str, Any]:
        visibility = self.chance.choice(("tenant", "private", "shared", "shared"))
        if visibility != "shared":
            return {"visibility": visibility}
        users = [who.id for who in self.chance.sample(self.everybody, self.chance.randint(0, 2))]
        least = 0 if users else 1
        roles = self.chance.sample(
            ("owner", "admin", "member", "reader"), self.chance.randint(least, 2)
        )
        return {"visibility": "shared", "shared_with": {"roles": roles, "users": users}}


@pytest_asyncio.fixture
async def world(services: Services, tenant: Tenant) -> AsyncIterator[World]:
    # Nobody looks that often in earnest: the limits of all that look would be in the way.
    table = make_limit_table(LimitTableSettings.model_validate({"free": UNLIMITED}))
    allowances = replace(services.allowances, table=table)
    async with server_with(services, allowances=allowances) as app, AsyncExitStack() as stack:
        everybody = [Someone(str(tenant.user), Role.OWNER, tenant.http)]
        for role in ROLES:
            user = await make_user(tenant, role)
            key = await make_key(tenant, user_id=user["id"], scopes=sorted(SCOPES_OF_ROLE[role]))
            client = await stack.enter_async_context(client_of(app, key["key"]))
            everybody.append(Someone(user["id"], role, client))
        yield World(everybody, tenant, random.Random(SEED))


async def bring(world: World, number: int) -> None:
    who = world.chance.choice([each for each in world.everybody if each.role is not Role.READER])
    sharing, name = world.sharing(), f"doc{number}"
    text = f"The harbour report {number} names the ship vessel{number}x."
    item = {"id": name, "text": text, **sharing}
    sent = await who.http.post("/documents/batch", json=[item])
    assert sent.status_code == 202, sent.text
    await finished(Tenant(world.tenant.id, world.tenant.user, "", who.http), name)
    if sharing["visibility"] == "shared":
        names = sharing["shared_with"]
        # Nobody is shared with but the owner himself: that is private.
        if not names["roles"] and set(names["users"]) <= {who.id}:
            sharing = {"visibility": "private"}
    world.kept[name] = Kept(who, sharing, text)


async def change_something(world: World) -> None:
    """Somebody, entitled or not, shares or deletes a document."""
    name = world.chance.choice(sorted(world.kept))
    kept, who = world.kept[name], world.chance.choice(world.everybody)
    is_known = kept.is_for(who) or who.role in MANAGERS
    may_share = who is kept.owner or who.role in MANAGERS
    if world.chance.random() < 0.25:
        answer = await who.http.delete(f"/documents/{name}")
        may = who.role is not Role.READER and (may_share or kept.sharing["visibility"] == "tenant")
        done = 204
    else:
        sharing, may, done = world.sharing(), may_share, 200
        answer = await who.http.patch(f"/documents/{name}", json=sharing)
    if who.role is Role.READER:
        assert answer.status_code == 403
    elif not is_known:
        assert answer.status_code == 404, answer.text
    elif not may:
        assert answer.status_code == 403, answer.text
    else:
        assert answer.status_code == done, answer.text
        if done == 200:
            world.kept[name].sharing = sharing
        else:
            del world.kept[name]


async def look_everywhere(world: World) -> None:
    """Everybody tries every way; each must see exactly what the model says."""
    for who in world.everybody:
        readable = {name for name, kept in world.kept.items() if kept.is_for(who)}
        listed = readable if who.role not in MANAGERS else set(world.kept)
        page = (await who.http.get("/documents", params={"limit": 500})).json()
        assert {item["document_id"] for item in page["documents"]} == listed
        assert page["counts"]["complete"] == len(listed)
        collection = (await who.http.get("/api/v1/collections/default")).json()
        assert collection["chunk_count"] == len(readable)
        for search_type in ("keyword", "semantic", "hybrid"):
            body = {"query": "harbour report ship", "limit": 200, "search_type": search_type}
            found = (await who.http.post("/api/v1/search", json=body)).json()["results"]
            assert {item["document_id"] for item in found} == readable, (who.role, search_type)
        name = world.chance.choice(sorted(world.kept))
        read = await who.http.get(f"/documents/{name}/text")
        assert read.status_code == (200 if name in readable else 403 if name in listed else 404)
        word = name.replace("doc", "vessel") + "x"
        body = {"query": f"{word} harbour", "explain": True, "neighbours": 1, "limit": 200}
        answer = (await who.http.post("/api/v1/search", json=body)).json()
        told = " ".join(item["text"] for item in answer["results"])
        assert (word in told) == (name in readable), (who.role, name)
        world.looks += 7


async def test_each_user_sees_what_is_his_whatever_is_shared_and_closed(world: World):
    for number in range(4):
        await bring(world, number)
    for step in range(STEPS):
        if world.chance.random() < 0.3 or not world.kept:
            await bring(world, 100 + step)
        else:
            await change_something(world)
        if not world.kept:
            continue
        await look_everywhere(world)
    sys.stdout.write(
        f"access: {STEPS} steps of 5 users, {world.looks} looks, 0 wrong (seed {SEED})\n"
    )
    assert world.looks >= 7 * 5
