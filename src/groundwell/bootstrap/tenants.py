"""A further tenant: what the first start does for the first one, done by the operator."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from psycopg.errors import UniqueViolation

from groundwell.bootstrap.storage import open_database_url, read_pepper
from groundwell.domain.api_keys import digest_api_key, make_api_key
from groundwell.domain.audit import AuditAction, AuditEvent
from groundwell.domain.documents import DEFAULT_COLLECTION, TenantId
from groundwell.domain.errors import ConflictError
from groundwell.domain.identity import Scope
from groundwell.settings import Settings
from groundwell.store.api_keys import insert_key
from groundwell.store.audit import record
from groundwell.store.collections import ensure_collection
from groundwell.store.database import Database
from groundwell.store.identity import insert_owner
from groundwell.store.migrate import migrate


@dataclass(frozen=True, slots=True)
class NewTenant:
    """A tenant, its owner, and the owner's key, which is stored nowhere."""

    id: TenantId
    owner: UUID
    key: str = field(repr=False)


async def create_tenant(settings: Settings, name: str, identity: UUID | None = None) -> NewTenant:
    """Make a tenant with an owner, a key and the collection `default`.

    `identity` is for tenants that another system has named already, in its tokens or headers. It
    works beside a running server. Raises ConflictError for an id that is taken.
    """
    tenant, key = TenantId(identity or uuid4()), make_api_key()
    async with AsyncExitStack() as stack:
        url = await open_database_url(settings, stack)
        await asyncio.to_thread(migrate, url)
        database = Database(url, min_size=1, max_size=1)
        await database.open()
        stack.push_async_callback(database.close)
        try:
            async with database.transaction(tenant) as connection:
                owner = await insert_owner(connection, tenant, name)
                digest = digest_api_key(key, read_pepper(settings))
                await insert_key(connection, tenant, owner, key.id, "first key", digest, Scope)
                await ensure_collection(connection, tenant, DEFAULT_COLLECTION, settings.chunking)
                event = AuditEvent(AuditAction.TENANT_CREATED, None, str(tenant))
                await record(connection, tenant, event)
        except UniqueViolation as error:
            raise ConflictError(f"There is a tenant {tenant} already.") from error
    return NewTenant(tenant, owner, key.text)
