"""Users with keys of their own, made over HTTP as an owner would."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
from fastapi import FastAPI
from tests.conftest import Tenant

from groundwell.domain.identity import SCOPES_OF_ROLE, Role
from groundwell.main import create_app
from groundwell.services import Services


def client_of(app: FastAPI, key: str | None = None) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app, raise_app_exceptions=False),
        base_url="http://groundwell.test",
        headers={} if key is None else {"Authorization": f"Bearer {key}"},
    )


async def make_user(tenant: Tenant, role: Role = Role.MEMBER, **more: object) -> dict[str, Any]:
    made = await tenant.http.post("/api/v1/users", json={"name": "Ann", "role": role, **more})
    assert made.status_code == 201, made.text
    user: dict[str, Any] = made.json()
    return user


async def make_key(tenant: Tenant, **body: object) -> dict[str, Any]:
    made = await tenant.http.post("/api/v1/keys", json={"name": "notebook", **body})
    assert made.status_code == 201, made.text
    key: dict[str, Any] = made.json()
    return key


@asynccontextmanager
async def person(app: FastAPI, tenant: Tenant, role: Role) -> AsyncIterator[httpx.AsyncClient]:
    """The client of a new user of that role, with a key that has all the role's scopes."""
    user = await make_user(tenant, role)
    key = await make_key(tenant, user_id=user["id"], scopes=sorted(SCOPES_OF_ROLE[role]))
    async with client_of(app, key["key"]) as client:
        yield client


@asynccontextmanager
async def server_with(services: Services, **changes: Any) -> AsyncIterator[FastAPI]:  # noqa: ANN401 - the fields' own types
    """Another server that shares all but the changes; it remembers callers on its own."""

    @asynccontextmanager
    async def opening() -> AsyncIterator[Services]:
        yield replace(services, **changes)

    application = create_app(opening())
    async with application.router.lifespan_context(application):
        yield application
