"""Searches in turns."""

from __future__ import annotations

import asyncio
import time
from uuid import uuid4

import pytest

from groundwell.domain.documents import TenantId
from groundwell.domain.search import SearchRequest, SearchResponse
from groundwell.retrieval.paced_retriever import PacedRetriever

REQUEST = SearchRequest(TenantId(uuid4()), "default", "bridges")


class HeldSearch:
    """A search that ends when it is told to."""

    def __init__(self) -> None:
        self.under_way: list[str] = []
        self.begun: list[str] = []
        self.ends: dict[str, asyncio.Event] = {}

    async def search(self, request: SearchRequest) -> SearchResponse:
        self.begun.append(request.query)
        self.under_way.append(request.query)
        self.ends[request.query] = asyncio.Event()
        try:
            await self.ends[request.query].wait()
        finally:
            self.under_way.remove(request.query)
        if request.query == "fails":
            raise LookupError
        return SearchResponse(results=(), timings_ms={"index": 5.0, "total": 5.0}, degraded=())


def asked(query: str) -> SearchRequest:
    return SearchRequest(REQUEST.tenant, REQUEST.collection, query)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_searches_take_turns_in_the_order_in_which_they_came() -> None:
    held = HeldSearch()
    paced = PacedRetriever(held, at_once=2)
    before = time.perf_counter()
    tasks = [asyncio.ensure_future(paced.search(asked(query))) for query in "abcd"]
    await settle()
    assert held.under_way == ["a", "b"]
    all_wait = time.perf_counter()
    await asyncio.sleep(0.02)
    soonest = (time.perf_counter() - all_wait) * 1000
    held.ends["b"].set()
    await settle()
    assert held.under_way == ["a", "c"]
    held.ends["a"].set()
    await settle()
    assert held.begun == ["a", "b", "c", "d"]
    for event in held.ends.values():
        event.set()
    responses = await asyncio.gather(*tasks)
    assert all(response.timings_ms["index"] == 5.0 for response in responses)
    waits = [response.timings_ms["wait"] for response in responses]
    assert max(waits[:2]) <= (all_wait - before) * 1000
    assert soonest <= min(waits[2:])
    assert all(
        response.timings_ms["total"] >= response.timings_ms["wait"] for response in responses
    )


@pytest.mark.parametrize("end", ["fails", "leaves"])
async def test_a_search_that_fails_or_is_left_gives_its_turn_back(end: str) -> None:
    held = HeldSearch()
    paced = PacedRetriever(held, at_once=1)
    first = asyncio.ensure_future(paced.search(asked(end)))
    second = asyncio.ensure_future(paced.search(asked("next")))
    await settle()
    if end == "fails":
        held.ends[end].set()
    else:
        first.cancel()
    with pytest.raises((LookupError, asyncio.CancelledError)):
        await first
    await settle()
    assert held.under_way == ["next"]
    held.ends["next"].set()
    await second


async def test_who_leaves_while_waiting_takes_no_turn() -> None:
    held = HeldSearch()
    paced = PacedRetriever(held, at_once=1)
    tasks = [asyncio.ensure_future(paced.search(asked(query))) for query in "abc"]
    await settle()
    tasks[1].cancel()
    held.ends["a"].set()
    await settle()
    assert held.begun == ["a", "c"]
    held.ends["c"].set()
    await asyncio.gather(tasks[0], tasks[2])
