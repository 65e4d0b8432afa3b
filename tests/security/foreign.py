"""Requests that name what belongs to another tenant, and callers of each role who send them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from io import BytesIO
from typing import Any
from urllib.parse import quote
from zipfile import ZipFile

import httpx
import orjson
from fastapi import FastAPI
from tests.apps.operations import Operation
from tests.conftest import MakeTenant, Tenant
from tests.security.estate import Estate, client_as
from tests.security.places import Place, kind_of, needs_own, texts

from groundwell.domain.identity import Role
from groundwell.services import Services

ROLES = (Role.OWNER, Role.MEMBER, Role.READER)
# A filter can name an id in many ways, some of which try to leave the filter of the tenant.
FILTERS: list[Any] = [
    {"document_id": "?"},
    {"$or": [{"document_id": "?"}, {"mark": {"$in": ["?"]}}]},
    {"$not": {"document_id": {"$ne": "?"}}},
    {"tenant_id": "?"},
]


class Callers:
    """One caller of each role, in a tenant that the last test has not changed."""

    def __init__(self, app: FastAPI, services: Services, make: MakeTenant, own: Estate) -> None:
        self._app, self._services, self._make, self._own = app, services, make, own
        self._stack = AsyncExitStack()
        self._settled: dict[Role, httpx.AsyncClient] = {}
        self._empty: dict[Role, httpx.AsyncClient] = {}

    async def of(self, operation: Operation, places: Mapping[Place, Any]) -> dict[Any, Any]:
        if needs_own(operation, places):
            self._settled = self._settled or await self._trio(self._own.tenant)
            return self._settled
        self._empty = self._empty or await self._trio(await self._make())
        return self._empty

    def changed(self) -> None:
        self._empty = {}

    def renew(self) -> None:
        """Other members and readers from now on: the limits count for each user."""
        self._settled, self._empty = {}, {}

    async def _trio(self, tenant: Tenant) -> dict[Role, httpx.AsyncClient]:
        clients = {
            role: await client_as(self._services, self._app, tenant, role) for role in ROLES[1:]
        }
        for client in clients.values():
            await self._stack.enter_async_context(client)
        return {Role.OWNER: tenant.http, **clients}

    async def close(self) -> None:
        await self._stack.aclose()


def cases(app: FastAPI) -> list[dict[Place, Any]]:
    """Places to fill, each alone and those of an operation together; values by kind."""
    found: list[dict[Place, Any]] = []
    named: dict[str, dict[Place, Any]] = {}
    for place in texts(app):
        kind = kind_of(place)
        if kind == "filter":
            found += [{place: template} for template in FILTERS]
        elif kind is not None:
            found.append({place: kind})
            named.setdefault(place.operation.name, {})[place] = kind
    return found + [places for places in named.values() if len(places) > 1]


def filled(template: Any, ids: Mapping[str, str]) -> Any:  # noqa: ANN401 - a filter of any form
    """The value for a kind, or a filter with the id in it."""
    if isinstance(template, str):
        value = ids[template]
        return value.encode() if template == "content" else value
    name = "tenant" if "tenant_id" in template else "document"
    return orjson.loads(orjson.dumps(template).replace(b'"?"', orjson.dumps(ids[name])))


def spellings(identity: str) -> set[bytes]:
    return {identity.encode(), quote(identity, safe="").encode(), orjson.dumps(identity)[1:-1]}


def content_of(response: httpx.Response) -> bytes:
    """The bytes; of an archive, which holds the moment it was made, what is in it."""
    if response.headers.get("content-type") != "application/zip":
        return response.content
    with ZipFile(BytesIO(response.content)) as archive:
        return b" ".join(archive.read(name) for name in sorted(archive.namelist()))
