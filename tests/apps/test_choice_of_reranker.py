"""The reranker that the settings name is the one that searches use."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from tests.conftest import fresh_database, running_services
from tests.fakes.matching_encoder import write_matching_encoder
from tests.fakes.rerank_server import serve_reranking
from tests.waiting import PATIENCE_SECONDS, patience

from groundwell.apps.library.schemas import BatchDocument
from groundwell.apps.library.uploads import accept_batch
from groundwell.bootstrap import open_services
from groundwell.domain.documents import DEFAULT_COLLECTION, DocumentStatus, TenantId
from groundwell.domain.errors import StartupError
from groundwell.domain.identity import Principal, Role, Scope, Tier
from groundwell.domain.search import SearchRequest, SearchResponse
from groundwell.settings import Settings
from groundwell.store.documents import count_documents
from groundwell.store.embedded import EmbeddedPostgres
from groundwell.store.identity import insert_owner

TEXTS = ["the red bridge", "steel holds the long bridge", "bread rises slowly"]
TENANT = TenantId(uuid4())


@pytest.fixture(scope="module")
async def base(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Settings]:
    """Settings of a database in which the texts are."""
    with fresh_database(postgres) as url:
        settings = Settings(
            data_dir=tmp_path_factory.mktemp("data"),
            database_url=url,
            load_samples=False,
            rerank_blend=0,
            reranker_timeout=PATIENCE_SECONDS,
        )
        async with running_services(settings) as services:
            async with services.database.transaction(TENANT) as connection:
                user = await insert_owner(connection, TENANT, "test")
            batch = [BatchDocument(text=text) for text in TEXTS]
            owner = Principal(TENANT, user, frozenset(Scope), Role.OWNER, Tier.PREMIUM)
            await accept_batch(services, owner, DEFAULT_COLLECTION, batch)
            async with patience():
                complete = 0
                while complete < len(TEXTS):
                    await asyncio.sleep(0.1)
                    async with services.database.transaction(TENANT) as connection:
                        counts = await count_documents(connection, None)
                    assert counts[DocumentStatus.FAILED] == 0
                    complete = counts[DocumentStatus.COMPLETE]
        yield settings


async def search(base: Settings, **choice: object) -> SearchResponse:
    async with open_services(base.model_copy(update=choice)) as services:
        asked = SearchRequest(TENANT, DEFAULT_COLLECTION, "long steel bridge", explain=True)
        return await services.retriever.search(asked)


def reranked(response: SearchResponse) -> list[float | None]:
    return [found.explanation.rerank for found in response.results if found.explanation]


async def test_none_leaves_the_fused_order(base: Settings):
    response = await search(base, reranker="none")
    assert reranked(response) == [None] * len(TEXTS)
    assert response.degraded == ()


async def test_late_interaction_reads_what_was_stored(base: Settings):
    response = await search(base)
    assert None not in reranked(response)
    assert response.degraded == ()


async def test_a_cross_encoder_reads_the_texts_that_were_found(base: Settings, tmp_path: Path):
    words = sorted({word for text in TEXTS for word in text.split()})
    folder = write_matching_encoder(tmp_path, words)
    response = await search(base, reranker="cross_encoder", reranker_model=str(folder))
    assert [found.text for found in response.results] == [TEXTS[1], TEXTS[0], TEXTS[2]]
    scores = [score for score in reranked(response) if score is not None]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == len(TEXTS)
    assert response.degraded == ()


async def test_a_server_reads_them_too_and_is_done_without_when_it_is_gone(base: Settings):
    async with serve_reranking() as address:
        response = await search(base, reranker="http", reranker_base_url=address)
    assert reranked(response) == pytest.approx([1, 1 / 3, 0])
    assert response.degraded == ()
    without = await search(base, reranker="http", reranker_base_url=address)
    assert reranked(without) == [None] * len(TEXTS)
    assert without.degraded == ("reranker",)


async def test_a_worker_reranks_as_the_server_does_for_it_runs_evaluations(base: Settings):
    missing = base.model_copy(update={"reranker": "cross_encoder", "reranker_model": "/nowhere"})
    with pytest.raises(StartupError, match="/nowhere"):
        async with open_services(missing, for_worker=True):
            pass
