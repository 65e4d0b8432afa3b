"""A search that takes a few requests at a time, in the order in which they came."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from groundwell.domain.search import SearchRequest, SearchResponse
from groundwell.domain.timing import StageClock
from groundwell.retrieval.cached_retriever import Searches


class PacedRetriever:
    """Any search, `at_once` at a time; the others wait, first come, first served.

    A search waits for the model and for the database several times. With a hundred under way, each
    of them queues anew behind all others at every stage, so that chance decides who is slow. A few
    keep both processors busy as well, and those who come first leave first.
    """

    def __init__(self, retriever: Searches, at_once: int) -> None:
        self._retriever = retriever
        self._turns = asyncio.Semaphore(at_once)

    async def search(self, request: SearchRequest) -> SearchResponse:
        """As the search itself answers. The time before its turn is the stage `wait`."""
        clock = StageClock()
        with clock.stage("wait"):
            await self._turns.acquire()
        try:
            response = await self._retriever.search(request)
        finally:
            self._turns.release()
        return replace(response, timings_ms={**response.timings_ms, **clock.timings()})
