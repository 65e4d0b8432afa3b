"""The caches are put before the search as the settings want them."""

from __future__ import annotations

from pathlib import Path

from tests.fakes.embedder import FakeEmbedder

from groundwell.adapters.metrics.prometheus import PrometheusMetrics
from groundwell.bootstrap.caches import SharedCaches, put_caches_before
from groundwell.domain.search import SearchRequest, SearchResponse
from groundwell.ports.embedder import Embedder
from groundwell.retrieval.cached_embedder import CachedEmbedder
from groundwell.retrieval.cached_retriever import CachedRetriever, Searches
from groundwell.settings import Settings
from groundwell.store.database import Database


class PlainSearch:
    """A search that shows which embedder it was given."""

    def __init__(self, embedder: Embedder) -> None:
        self.embedder = embedder

    async def search(self, request: SearchRequest) -> SearchResponse:
        raise NotImplementedError(request)


def put_before(folder: Path, **settings: int) -> tuple[Searches, Embedder, str]:
    """The search, the embedder under it, and what the metrics say."""
    made: list[PlainSearch] = []

    def make(embedder: Embedder) -> PlainSearch:
        made.append(PlainSearch(embedder))
        return made[-1]

    metrics = PrometheusMetrics()
    never_opened = Database("postgresql://", min_size=1, max_size=1)
    chosen = Settings(data_dir=folder, **settings)  # type: ignore[arg-type] - numbers of settings
    shared = SharedCaches.make(chosen, never_opened, metrics)
    search = put_caches_before(make, chosen, never_opened, FakeEmbedder(), metrics, shared)
    return search, made[0].embedder, metrics.exposition(None)[0].decode()


async def test_the_caches_are_on_by_default_and_watched(tmp_path: Path):
    search, embedder, shown = put_before(tmp_path)
    assert isinstance(search, CachedRetriever)
    assert isinstance(embedder, CachedEmbedder)
    assert 'groundwell_cache_entries{cache="embedding"} 0.0' in shown
    assert 'groundwell_cache_entries{cache="retrieval"} 0.0' in shown
    assert 'groundwell_cache_entries{cache="response"} 0.0' in shown
    assert 'groundwell_cache_requests_total{cache="shared",result="hit"} 0.0' in shown
    # What all processes hold together is counted by none of them.
    assert 'groundwell_cache_entries{cache="shared"}' not in shown


async def test_without_caches_the_search_is_the_search_itself(tmp_path: Path):
    search, embedder, shown = put_before(tmp_path, cache_mb=0)
    assert isinstance(search, PlainSearch)
    assert isinstance(embedder, FakeEmbedder)
    assert "cache=" not in shown


async def test_results_have_half_of_the_memory(tmp_path: Path):
    search, embedder, _ = put_before(tmp_path, cache_mb=12)
    assert isinstance(search, CachedRetriever)
    assert isinstance(embedder, CachedEmbedder)
    assert search._memory._values.maxsize == 6 << 20
    assert embedder._memory._values.maxsize == 3 << 20


async def test_what_is_costly_to_find_is_kept_for_all_processes(tmp_path: Path):
    plain, _, _ = put_before(tmp_path)
    learning, _, _ = put_before(tmp_path, variants=True)
    assert isinstance(plain, CachedRetriever)
    assert isinstance(learning, CachedRetriever)
    # A look costs a round trip, which is too much where a search is a few of them.
    assert plain._shared is None
    assert learning._shared is not None
