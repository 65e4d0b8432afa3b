"""Search results that one process keeps are found by another, and are the same."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid4

import numpy as np
import pytest

from groundwell.adapters.cache.memory import MemoryCache
from groundwell.domain.cache_keys import CacheKeys
from groundwell.domain.chunks import ChunkId, Encoding
from groundwell.domain.documents import CollectionId, TenantId
from groundwell.domain.queries import Correction
from groundwell.domain.search import SearchRequest, SearchResponse, SearchResult
from groundwell.retrieval.shared_results import SharedResults, pack, unpack
from groundwell.store.collection_versions import CollectionVersion

REQUEST = SearchRequest(TenantId(uuid4()), "default", "tidal rnage")
VERSION = CollectionVersion(CollectionId(uuid4()), 7, (3, 4))
RESULT = SearchResult(
    chunk_id=ChunkId(str(UUID(int=1))),
    document_id="tides",
    version=2,
    filename="tides – 東.pdf",
    title=None,
    text="The tidal range\nis large. \U0001f30a",
    score=0.1 + 0.2,
    page=3,
    char_start=10,
    char_end=38,
    heading_path=("Seas", "Tides"),
    metadata={"year": 2020, "tags": ["a", None], "deep": {"x": 0.1}},
    language="de",
    is_joined=True,
)
RESPONSE = SearchResponse(
    (RESULT, replace(RESULT, score=np.float64(0.25), page=None, heading_path=(), metadata={})),
    {"total": 6.0},
    corrections=(Correction("rnage", "range", 6, 11),),
    is_reranked=True,
)
ENCODING = Encoding(
    np.linspace(-1, 1, 8, dtype=np.float32),
    np.arange(24, dtype=np.float32).reshape(3, 8),
    ((0, 5), (6, 9), (9, 11)),
)


def shared(cache: MemoryCache, model: str = "model") -> SharedResults:
    return SharedResults(cache, CacheKeys("0.1.0", "learning"), model, 60)


def test_a_response_is_the_same_after_it_was_packed():
    assert unpack(pack(RESPONSE)) == replace(RESPONSE, timings_ms={})


@pytest.mark.parametrize("tokens", [3, 0])
def test_its_encoding_is_the_same_to_the_last_bit(tokens: int):
    encoding = replace(
        ENCODING,
        token_vectors=ENCODING.token_vectors[:tokens],
        token_spans=ENCODING.token_spans[:tokens],
    )
    found = unpack(pack(replace(RESPONSE, encoding=encoding))).encoding
    assert found is not None
    assert np.array_equal(found.vector, encoding.vector)
    assert np.array_equal(found.token_vectors, encoding.token_vectors)
    assert found.token_vectors.shape == (tokens, 8)
    assert found.token_spans == encoding.token_spans


async def test_another_process_finds_it_for_the_same_request_and_version_only():
    cache = MemoryCache(1 << 20)
    await shared(cache).keep(VERSION, REQUEST, RESPONSE)
    assert await shared(cache).find(VERSION, REQUEST) == replace(RESPONSE, timings_ms={})
    others = [
        (replace(VERSION, number=8), REQUEST),
        (replace(VERSION, access=(3,)), REQUEST),
        (replace(VERSION, access=(34,)), REQUEST),
        (replace(VERSION, collection=CollectionId(uuid4())), REQUEST),
        (VERSION, replace(REQUEST, query="tidal range")),
        (VERSION, replace(REQUEST, tenant=TenantId(uuid4()))),
        (VERSION, replace(REQUEST, limit=9)),
    ]
    assert [await shared(cache).find(*other) for other in others] == [None] * len(others)
    assert await shared(cache, "other").find(VERSION, REQUEST) is None


async def test_explanations_are_not_kept():
    cache = MemoryCache(1 << 20)
    explained = replace(REQUEST, explain=True)
    await shared(cache).keep(VERSION, explained, RESPONSE)
    assert await shared(cache).find(VERSION, explained) is None
    assert cache.state().entries == 0
