"""A server whose embedder and reranker are a scripted provider on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

from tests.apps.people import client_of, server_with
from tests.conftest import Tenant, fresh_database, running_services
from tests.fakes.provider import DIMENSION, ScriptedProvider
from tests.waiting import PATIENCE_SECONDS

from groundwell.domain.api_keys import digest_api_key, make_api_key
from groundwell.domain.documents import DEFAULT_COLLECTION, TenantId
from groundwell.domain.identity import Scope
from groundwell.services import Services
from groundwell.settings import Settings
from groundwell.store.api_keys import insert_key
from groundwell.store.collections import ensure_collection
from groundwell.store.embedded import EmbeddedPostgres
from groundwell.store.identity import insert_owner


@asynccontextmanager
async def served_with_remote_models(
    postgres: EmbeddedPostgres, folder: Path, provider: ScriptedProvider
) -> AsyncIterator[tuple[Tenant, Services]]:
    """A tenant of the server, and its services, which work on their jobs."""
    with fresh_database(postgres) as url:
        settings = Settings(
            data_dir=folder,
            database_url=url,
            load_samples=False,
            embedder="openai",
            embedding_model="words",
            embedding_base_url=provider.url,
            embedding_dimension=DIMENSION,
            reranker="http",
            reranker_base_url=provider.url,
            reranker_timeout=PATIENCE_SECONDS,
            answer_threshold=0,
        )
        async with (
            running_services(settings) as services,
            server_with(services) as app,
        ):
            owner, key = TenantId(uuid4()), make_api_key()
            async with services.database.transaction(owner) as connection:
                user = await insert_owner(connection, owner, "test")
                digest = digest_api_key(key, services.key_pepper)
                await insert_key(connection, owner, user, key.id, "test", digest, tuple(Scope))
                await ensure_collection(connection, owner, DEFAULT_COLLECTION, services.chunking)
            async with client_of(app, key.text) as client:
                yield Tenant(owner, user, key.text, client), services
