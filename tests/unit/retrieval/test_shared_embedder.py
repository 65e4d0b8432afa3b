from __future__ import annotations

from uuid import uuid4

import numpy as np
import pytest
from tests.fakes.embedder import FakeEmbedder

from groundwell.adapters.cache.memory import MemoryCache
from groundwell.domain.cache_keys import CacheKeys
from groundwell.domain.documents import TenantId
from groundwell.domain.errors import UnavailableError
from groundwell.domain.origin import Origin, origin_kept, set_origin
from groundwell.ports.cache import Cache
from groundwell.retrieval.shared_embedder import SharedEmbedder

KEYS = CacheKeys("0.1.0", "learning")


class CountingEmbedder(FakeEmbedder):
    queries = 0

    async def embed_query(self, text: str):
        self.queries += 1
        return await super().embed_query(text)


def process(cache: Cache) -> tuple[SharedEmbedder, CountingEmbedder]:
    """The embedder of one process, and the server that it asks."""
    remote = CountingEmbedder(has_token_vectors=False)
    return SharedEmbedder(remote, cache, KEYS, 60), remote


@pytest.fixture
def cache() -> MemoryCache:
    return MemoryCache(1 << 20)


async def ask(embedder: SharedEmbedder, tenant: TenantId | None, text: str = "tides"):
    with origin_kept():
        set_origin(Origin(tenant=tenant))
        return await embedder.embed_query(text)


async def test_a_query_is_embedded_once_for_all_processes_of_a_tenant(cache: MemoryCache):
    (one, first), (two, second) = process(cache), process(cache)
    tenant = TenantId(uuid4())
    computed, kept = await ask(one, tenant), await ask(two, tenant)
    assert (first.queries, second.queries) == (1, 0)
    assert np.array_equal(computed.vector, kept.vector)
    assert kept.token_vectors.shape == (0, one.dimension)
    await ask(two, tenant, "tide")
    assert second.queries == 1


async def test_tenants_share_no_vector_and_work_of_nobody_keeps_none(cache: MemoryCache):
    embedder, remote = process(cache)
    for tenant in (TenantId(uuid4()), TenantId(uuid4()), None, None):
        await ask(embedder, tenant)
    assert remote.queries == 4


async def test_what_was_asked_before_is_embedded_while_the_server_is_away(cache: MemoryCache):
    embedder, remote = process(cache)
    tenant = TenantId(uuid4())
    computed = await ask(embedder, tenant)
    remote.error = UnavailableError("away")
    assert np.array_equal((await ask(embedder, tenant)).vector, computed.vector)
    with pytest.raises(UnavailableError):
        await ask(embedder, tenant, "another")


async def test_a_vector_of_another_length_is_not_taken(cache: MemoryCache):
    embedder, remote = process(cache)
    tenant = TenantId(uuid4())
    await cache.put(tenant, KEYS.embedding(tenant, embedder.model, "tides"), b"1234", 60)
    assert len((await ask(embedder, tenant)).vector) == embedder.dimension
    assert remote.queries == 1
