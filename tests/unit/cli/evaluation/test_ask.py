"""An evaluation asks the search, not what the server remembers."""

from __future__ import annotations

import httpx

from groundwell.cli.client import Client
from groundwell.cli.evaluation.ask import find_documents, time_searches
from groundwell.domain.evaluation import JudgedQuery

ANSWER = {"results": [], "degraded": [], "timings_ms": {"total": 1.0}}


def test_every_search_of_an_evaluation_goes_round_the_caches():
    seen: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("cache-control"))
        return httpx.Response(200, json=ANSWER)

    http = httpx.Client(transport=httpx.MockTransport(answer), base_url="http://server.test")
    query = JudgedQuery("1", "herons", {"heron": 1})
    with http:
        find_documents(Client(http), "birds", {}, query)
        time_searches(Client(http), "birds", [{}], [query], lambda _: None)
    assert seen == ["no-cache"] * 3
