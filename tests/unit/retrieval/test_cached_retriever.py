"""A response is given again only to the same question over the same collection."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any
from uuid import uuid4

import pytest
from tests.unit.store.setting import Shelf, accept, make_shelf, new_document, put

from groundwell.adapters.metrics.prometheus import PrometheusMetrics
from groundwell.domain.chunks import ChunkId
from groundwell.domain.documents import CollectionId, TenantId
from groundwell.domain.errors import NotFoundError
from groundwell.domain.filters import And, Condition, Not, Or, parse_filter
from groundwell.domain.identity import Role
from groundwell.domain.search import SearchRequest, SearchResponse, SearchResult, SearchType
from groundwell.domain.search_switches import SearchSwitches
from groundwell.domain.sharing import Viewer
from groundwell.retrieval.cached_retriever import CachedRetriever, ObservedRetriever, response_key
from groundwell.retrieval.memory import Memory
from groundwell.store.collection_versions import CollectionVersion
from groundwell.store.database import Database

REQUEST = SearchRequest(TenantId(uuid4()), "default", "herons")
VERSION = CollectionVersion(CollectionId(uuid4()), 7)

# Another value for each field of a request. A field that is added needs one here.
OTHERS: dict[str, Any] = {
    "tenant": TenantId(uuid4()),
    "collection": "other",
    "query": "Herons",
    "search_type": SearchType.KEYWORD,
    "limit": 11,
    "threshold": 0.5,
    "filter": parse_filter({"year": 2020}),
    "rerank": False,
    "explain": True,
    "switches": SearchSwitches(smoothing=True),
    "is_shared_out": True,
}


@dataclass
class ScriptedSearch:
    """Finds one passage, whose text counts the searches. `meanwhile` happens during a search."""

    degraded: tuple[str, ...] = ()
    meanwhile: Callable[[], Awaitable[object]] | None = None
    asked: list[SearchRequest] = field(default_factory=list)

    async def search(self, request: SearchRequest) -> SearchResponse:
        self.asked.append(request)
        if self.meanwhile is not None:
            await self.meanwhile()
        text = f"answer {len(self.asked)}"
        result = SearchResult(ChunkId("c"), "d", 1, "f", None, text, 0.5, None, 0, 8)
        return SearchResponse((result,), {"index": 5.0, "total": 6.0}, degraded=self.degraded)


@pytest.fixture
async def shelf(database: Database, database_url: str) -> Shelf:
    shelf = await make_shelf(database, database_url)
    await put(shelf, {"a": "Herons eat fish."})
    return shelf


def cached(shelf: Shelf, search: ScriptedSearch) -> CachedRetriever:
    return CachedRetriever(shelf.database, search, "stand-in", Memory(1 << 20, 60))


def request(shelf: Shelf) -> SearchRequest:
    return replace(REQUEST, tenant=shelf.tenant, collection=shelf.name)


def text_of(response: SearchResponse) -> str:
    (result,) = response.results
    return result.text


def key(asked: SearchRequest) -> bytes:
    return response_key(VERSION, "model", asked)


@pytest.mark.parametrize(
    "name", [each.name for each in fields(SearchRequest) if each.name != "viewer"]
)
def test_every_field_of_a_request_is_part_of_the_key(name: str):
    assert key(replace(REQUEST, **{name: OTHERS[name]})) != key(REQUEST)


def test_users_share_a_key_as_far_as_they_see_the_same():
    viewers = [Viewer(REQUEST.tenant, uuid4(), role) for role in (Role.MEMBER, Role.ADMIN)]
    ann, bob = (replace(REQUEST, viewer=viewer) for viewer in viewers)
    assert key(ann) == key(bob) == key(REQUEST)
    on_lists = replace(VERSION, access=(3, 4))
    assert response_key(on_lists, "model", ann) != key(ann)
    assert response_key(replace(VERSION, access=(3,)), "model", ann) not in (
        response_key(on_lists, "model", ann),
        key(ann),
    )


@pytest.mark.parametrize("name", [each.name for each in fields(SearchSwitches)])
def test_every_switch_of_a_search_is_part_of_the_key(name: str):
    keys = {
        key(replace(REQUEST, switches=replace(SearchSwitches(), **{name: value})))
        for value in (None, True, False)
    }
    assert len(keys) == 3


def test_no_field_hides_from_the_key():
    for kind in (SearchRequest, SearchSwitches, CollectionVersion, Condition, And, Or, Not):
        assert all(each.repr for each in fields(kind))


def test_equal_requests_have_equal_keys():
    again = replace(REQUEST, filter=parse_filter({"year": {"$gte": 2020}}))
    same = replace(REQUEST, filter=parse_filter({"year": {"$gte": 2020}}))
    assert key(again) == key(same)
    assert key(REQUEST) == key(replace(REQUEST))


def test_filters_that_python_takes_for_equal_have_different_keys():
    values = [True, 1, "1", None, "None", "True", 0, False]
    filters = [parse_filter({"a": value}) for value in values]
    assert len({key(replace(REQUEST, filter=each)) for each in filters}) == len(values)


def test_a_text_cannot_pose_as_another_field():
    assert key(replace(REQUEST, query="x', limit=11, y='")) != key(replace(REQUEST, query="x"))
    lists: list[Mapping[str, Any]] = [{"a": {"$in": ["x", "y"]}}, {"a": {"$in": ["x', 'y"]}}]
    first, second = (key(replace(REQUEST, filter=parse_filter(each))) for each in lists)
    assert first != second


def test_version_collection_and_model_are_part_of_the_key():
    keys = {
        response_key(VERSION, "model", REQUEST),
        response_key(replace(VERSION, number=8), "model", REQUEST),
        response_key(replace(VERSION, collection=CollectionId(uuid4())), "model", REQUEST),
        response_key(VERSION, "another", REQUEST),
    }
    assert len(keys) == 4


async def test_the_second_search_finds_the_first_ones_answer(shelf: Shelf):
    search = ScriptedSearch()
    retriever = cached(shelf, search)
    first = await retriever.search(request(shelf))
    second = await retriever.search(request(shelf))
    assert len(search.asked) == 1
    assert (first.is_from_cache, second.is_from_cache) == (False, True)
    assert first.results == second.results


async def test_the_timings_of_a_remembered_answer_are_those_of_now(shelf: Shelf):
    retriever = cached(shelf, ScriptedSearch())
    first = await retriever.search(request(shelf))
    second = await retriever.search(request(shelf))
    assert first.timings_ms["index"] == 5.0
    assert set(first.timings_ms) == {"index", "cache", "total"}
    assert set(second.timings_ms) == {"cache", "total"}
    assert 0 < second.timings_ms["cache"] <= second.timings_ms["total"]


@pytest.mark.parametrize("change", ["retitle", "another document"])
async def test_after_a_write_the_answer_is_searched_anew(shelf: Shelf, change: str):
    search = ScriptedSearch()
    retriever = cached(shelf, search)
    await retriever.search(request(shelf))
    if change == "retitle":
        await accept(shelf, new_document("Herons eat fish.", id="a", title="Birds"))
    else:
        await put(shelf, {"b": "Bread rises."})
    assert text_of(await retriever.search(request(shelf))) == "answer 2"
    assert text_of(await retriever.search(request(shelf))) == "answer 2"


async def test_an_answer_that_a_write_overtook_is_not_found_again(shelf: Shelf):
    async def write() -> None:
        search.meanwhile = None
        await put(shelf, {"b": "Bread rises."})

    search = ScriptedSearch(meanwhile=write)
    retriever = cached(shelf, search)
    assert text_of(await retriever.search(request(shelf))) == "answer 1"
    assert text_of(await retriever.search(request(shelf))) == "answer 2"
    assert text_of(await retriever.search(request(shelf))) == "answer 2"


async def test_degraded_answers_are_not_remembered(shelf: Shelf):
    search = ScriptedSearch(degraded=("reranker",))
    retriever = cached(shelf, search)
    await retriever.search(request(shelf))
    search.degraded = ()
    again = await retriever.search(request(shelf))
    assert (again.degraded, again.is_from_cache) == ((), False)


async def test_errors_are_passed_on_and_not_remembered(shelf: Shelf):
    async def fail() -> None:
        search.meanwhile = None
        raise NotFoundError("Gone.")

    search = ScriptedSearch(meanwhile=fail)
    retriever = cached(shelf, search)
    with pytest.raises(NotFoundError):
        await retriever.search(request(shelf))
    assert text_of(await retriever.search(request(shelf))) == "answer 2"


async def test_two_tenants_with_the_same_query_share_nothing(shelf: Shelf):
    other = await make_shelf(shelf.database, shelf.url)
    search = ScriptedSearch()
    retriever = cached(shelf, search)
    await retriever.search(request(shelf))
    theirs = await retriever.search(request(other))
    assert not theirs.is_from_cache
    assert [asked.tenant for asked in search.asked] == [shelf.tenant, other.tenant]


async def test_a_collection_that_is_missing_is_left_to_the_search(shelf: Shelf):
    search = ScriptedSearch()
    retriever = cached(shelf, search)
    missing = replace(REQUEST, tenant=shelf.tenant, collection="nothing")
    await retriever.search(missing)
    await retriever.search(missing)
    assert search.asked == [missing, missing]


async def test_an_observer_is_told_how_long_a_search_took():
    metrics = PrometheusMetrics()
    await ObservedRetriever(ScriptedSearch(), metrics).search(REQUEST)
    told = metrics.exposition(None)[0].decode()
    assert 'stage_duration_seconds_sum{stage="index"} 0.005' in told
    assert "query_duration_seconds_sum 0.006" in told
