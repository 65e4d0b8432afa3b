"""What a search decides."""

from __future__ import annotations

from dataclasses import replace

from groundwell.apps.search.context_schemas import Collected, ContextIn
from groundwell.apps.search.schemas import SearchIn
from groundwell.domain.filters import parse_filter
from groundwell.domain.search import SearchRequest, SearchResponse
from groundwell.domain.sharing import Viewer
from groundwell.domain.timing import StageClock
from groundwell.generation.passages import PageSpans
from groundwell.generation.select import select_context
from groundwell.services import Services
from groundwell.store.passages import load_pages


async def search(services: Services, viewer: Viewer, wanted: SearchIn) -> SearchResponse:
    """Search one collection of the caller's."""
    request = _request(viewer, wanted, wanted.limit, wanted.threshold)
    return await services.retriever.search(replace(request, explain=wanted.explain))


async def collect_context(services: Services, viewer: Viewer, wanted: ContextIn) -> Collected:
    """The context for a query: search, and choose among the sentences found."""
    clock = StageClock()
    defaults = services.answers
    threshold = defaults.threshold if wanted.threshold is None else wanted.threshold
    with clock.stage("search"):
        request = _request(viewer, wanted, wanted.passages, threshold)
        found = await services.retriever.search(replace(request, is_shared_out=True))
    with clock.stage("select"):
        budget = wanted.max_chars or defaults.context_chars
        selected = await select_context(wanted.query, found, services.embedder, budget)
    with clock.stage("pages"):
        shown = [source.chunk_id for source in selected.sources]
        pages = PageSpans(await load_pages(services.database, viewer, shown))
    return Collected(selected, pages, clock.timings())


def _request(
    viewer: Viewer, wanted: SearchIn | ContextIn, limit: int, threshold: float
) -> SearchRequest:
    return SearchRequest(
        tenant=viewer.tenant,
        collection=wanted.collection,
        query=wanted.query,
        search_type=wanted.search_type,
        limit=limit,
        threshold=threshold,
        filter=parse_filter(wanted.filter),
        rerank=wanted.rerank,
        switches=wanted.switches(),
        viewer=viewer,
    )
