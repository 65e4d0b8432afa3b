"""The caches, as the settings want them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from groundwell import __version__
from groundwell.adapters.cache.memory import MemoryCache
from groundwell.adapters.cache.postgres import PostgresCache
from groundwell.adapters.cache.tiered import TieredCache
from groundwell.domain.cache_keys import CacheKeys
from groundwell.domain.chunks import Encoding
from groundwell.domain.search import SearchResponse
from groundwell.ports.cache import Cache
from groundwell.ports.embedder import Embedder
from groundwell.ports.metrics import Metrics
from groundwell.retrieval.cached_embedder import CachedEmbedder
from groundwell.retrieval.cached_retriever import CachedRetriever, Searches
from groundwell.retrieval.memory import Memory
from groundwell.retrieval.shared_embedder import SharedEmbedder
from groundwell.retrieval.shared_results import SharedResults
from groundwell.services import ResponseCache
from groundwell.settings import Settings
from groundwell.store.database import Database

_MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class SharedCaches:
    """What all processes share, and how it is named.

    `responses` has a memory of this process before it, `far` has none; `nothing` is for requests
    that want everything computed anew.
    """

    responses: Cache
    far: Cache
    nothing: Cache
    keys: CacheKeys

    @classmethod
    def make(cls, settings: Settings, database: Database, metrics: Metrics) -> SharedCaches:
        """The caches; without memory for them, they keep nothing."""
        keys = CacheKeys(__version__, settings.profile)
        nothing = MemoryCache(0)
        if settings.cache_mb == 0:
            return cls(nothing, nothing, nothing, keys)
        near = MemoryCache(_quarter(settings))
        far = PostgresCache(database)
        metrics.watch_cache("response", near.state)
        metrics.watch_cache("shared", far.state)
        return cls(TieredCache(near, far), far, nothing, keys)

    def for_responses(self, seconds: int) -> ResponseCache:
        """Where apps keep whole responses for so long."""
        return ResponseCache(self.responses, self.nothing, self.keys, seconds)


def put_caches_before(
    make_retriever: Callable[[Embedder], Searches],
    settings: Settings,
    database: Database,
    embedder: Embedder,
    metrics: Metrics,
    shared: SharedCaches,
) -> Searches:
    """The search that `make_retriever` makes, behind the caches unless these are off.

    A result is larger than an embedding: results have half of the memory. A vector that another
    server was asked for is kept for all processes; one that the model of this process made is made
    anew as quickly as it is read.
    """
    if settings.cache_mb == 0:
        return make_retriever(embedder)
    quarter = _quarter(settings)
    seconds = settings.cache_seconds
    encodings: Memory[Encoding] = Memory(quarter, seconds.embeddings)
    responses: Memory[SearchResponse] = Memory(2 * quarter, seconds.results)
    metrics.watch_cache("embedding", encodings.state)
    metrics.watch_cache("retrieval", responses.state)
    if settings.embedder == "openai":
        embedder = SharedEmbedder(embedder, shared.far, shared.keys, seconds.embeddings)
    retriever = make_retriever(CachedEmbedder(embedder, encodings))
    results = None
    if _is_costly(settings):
        results = SharedResults(shared.far, shared.keys, embedder.model, seconds.results)
    return CachedRetriever(database, retriever, embedder.model, responses, results)


def _is_costly(settings: Settings) -> bool:
    """Whether a search is several searches, or asks another server."""
    return settings.variants or settings.embedder == "openai" or settings.reranker == "http"


def _quarter(settings: Settings) -> int:
    return settings.cache_mb * _MEBIBYTE // 4
