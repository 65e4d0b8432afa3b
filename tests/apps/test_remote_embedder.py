"""The whole way with an embedder that has no token vectors, as a remote one has none."""

from __future__ import annotations

import asyncio
import socket
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from tests.conftest import fresh_database, running_services
from tests.waiting import patience

from groundwell.apps.library.schemas import BatchDocument
from groundwell.apps.library.uploads import accept_batch
from groundwell.domain.documents import DEFAULT_COLLECTION, DocumentStatus, TenantId
from groundwell.domain.identity import Principal, Role, Scope, Tier
from groundwell.domain.search import SearchRequest
from groundwell.settings import Settings
from groundwell.store.documents import count_documents
from groundwell.store.embedded import EmbeddedPostgres
from groundwell.store.identity import insert_owner

DIMENSION = 64


class Wanted(BaseModel):
    input: list[str]


def make_provider() -> FastAPI:
    """An embeddings endpoint: a text's vector counts its words."""
    provider = FastAPI()

    @provider.post("/v1/embeddings")
    async def embeddings(wanted: Wanted) -> dict[str, list[dict[str, object]]]:
        data: list[dict[str, object]] = []
        for index, text in enumerate(wanted.input):
            vector = [0.01] * DIMENSION
            for word in text.lower().split():
                vector[zlib.crc32(word.strip(".?").encode()) % DIMENSION] += 1.0
            data.append({"index": index, "embedding": vector})
        return {"data": data}

    return provider


@asynccontextmanager
async def provider_address() -> AsyncIterator[str]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(make_provider(), log_level="error"))
        serving = asyncio.ensure_future(server.serve(sockets=[listening]))
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        server.should_exit = True
        await serving


async def test_documents_are_ingested_and_found_without_token_vectors(
    postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    async with provider_address() as address:
        with fresh_database(postgres) as url:
            settings = Settings(
                data_dir=tmp_path,
                database_url=url,
                embedder="openai",
                embedding_model="words",
                embedding_base_url=address,
                embedding_dimension=DIMENSION,
                embedding_api_key="k",
            )
            async with running_services(settings) as services:
                tenant = TenantId(uuid4())
                async with services.database.transaction(tenant) as connection:
                    user = await insert_owner(connection, tenant, "test")
                texts = ["Herons eat fish.", "Bread rises with yeast."]
                batch = [BatchDocument(text=text) for text in texts]
                owner = Principal(tenant, user, frozenset(Scope), Role.OWNER, Tier.PREMIUM)
                await accept_batch(services, owner, DEFAULT_COLLECTION, batch)
                async with patience():
                    complete = 0
                    while complete < len(texts):
                        await asyncio.sleep(0.1)
                        async with services.database.transaction(tenant) as connection:
                            counts = await count_documents(connection, None)
                        assert counts[DocumentStatus.FAILED] == 0
                        complete = counts[DocumentStatus.COMPLETE]
                request = SearchRequest(tenant, DEFAULT_COLLECTION, "what do herons eat?")
                response = await services.retriever.search(request)
    assert response.results[0].text == "Herons eat fish."
    assert response.degraded == ()
