"""What a search decides."""

from __future__ import annotations

from groundwell.apps.search.schemas import SearchIn
from groundwell.domain.documents import TenantId
from groundwell.domain.filters import parse_filter
from groundwell.domain.search import SearchRequest, SearchResponse
from groundwell.services import Services


async def search(services: Services, tenant: TenantId, wanted: SearchIn) -> SearchResponse:
    """Search one collection of the caller's."""
    return await services.retriever.search(
        SearchRequest(
            tenant=tenant,
            collection=wanted.collection,
            query=wanted.query,
            search_type=wanted.search_type,
            limit=wanted.limit,
            threshold=wanted.threshold,
            filter=parse_filter(wanted.filter),
            rerank=wanted.rerank,
            explain=wanted.explain,
        )
    )
