"""A search that remembers what it found, for as long as nothing has changed."""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b
from typing import Protocol

from groundwell.domain.search import SearchRequest, SearchResponse
from groundwell.domain.timing import StageClock
from groundwell.ports.metrics import Metrics
from groundwell.retrieval.memory import Memory
from groundwell.retrieval.shared_results import SharedResults
from groundwell.store.collection_versions import CollectionVersion, load_version
from groundwell.store.database import Database


class Searches(Protocol):
    """What answers a search."""

    async def search(self, request: SearchRequest) -> SearchResponse:
        """The best passages for a query."""
        ...


class CachedRetriever:
    """Any search, with a memory for responses.

    A response is stored under the version that the collection had before the search began. A
    write that comes in between gives the collection another version, so the response is never
    found again. Degraded responses are not stored: the next search may do better. `shared` keeps
    them for other processes; what comes from there stays there, or it would grow old twice.
    """

    def __init__(
        self,
        database: Database,
        retriever: Searches,
        model: str,
        memory: Memory[SearchResponse],
        shared: SharedResults | None = None,
    ) -> None:
        self._database = database
        self._retriever = retriever
        self._model = model
        self._memory = memory
        self._shared = shared

    async def search(self, request: SearchRequest) -> SearchResponse:
        """As the search itself answers. The timings are those of now, and of now only.

        `cache` among them is the time for looking; a response from the memory has no other stage.
        """
        clock = StageClock()
        with clock.stage("cache"):
            version = await load_version(self._database, request.asking, request.collection)
            key = None if version is None else response_key(version, self._model, request)
            remembered = None if key is None else self._memory.get(key)
            if remembered is None and version is not None and self._shared is not None:
                remembered = await self._shared.find(version, request)
        if remembered is not None:
            return replace(remembered, timings_ms=clock.timings(), is_from_cache=True)
        response = await self._retriever.search(request)
        if key is not None and not response.degraded:
            self._memory.put(key, response)
            if version is not None and self._shared is not None:
                await self._shared.keep(version, request, response)
        return replace(response, timings_ms={**response.timings_ms, **clock.timings()})


class ObservedRetriever:
    """Any search, of which the metrics are told."""

    def __init__(self, retriever: Searches, metrics: Metrics) -> None:
        self._retriever = retriever
        self._metrics = metrics

    async def search(self, request: SearchRequest) -> SearchResponse:
        """As the search itself answers."""
        try:
            response = await self._retriever.search(request)
        except Exception:
            self._metrics.observe_failed_search()
            raise
        self._metrics.observe_search(response.timings_ms)
        return response


def response_key(version: CollectionVersion, model: str, request: SearchRequest) -> bytes:
    """A digest of everything that a response depends on.

    The representation of a dataclass has all its fields, those of later days too. Unlike equality,
    it also keeps `true` and `1` apart, which are different values to a filter. Of who asks, the
    version names all that matters: the access lists that he is on.
    """
    return blake2b(
        repr((version, model, replace(request, viewer=None))).encode("utf-8", "surrogatepass"),
        digest_size=32,
    ).digest()
