"""The search index port."""

from __future__ import annotations

from typing import Protocol

from groundwell.domain.search import AnalysedQuery, IndexScope, LegScores, SearchType


class SearchIndex(Protocol):
    """Finds candidates.

    Promises: a leg returns `depth` rows whenever that many match; it never returns a row outside
    the scope; the dense score is the cosine in [-1, 1], the keyword score is BM25 over the
    collection's own statistics.

    Errors: NotFoundError when the tenant has no such collection, UnavailableError when the index
    is away.
    """

    async def search(
        self, scope: IndexScope, query: AnalysedQuery, search_type: SearchType, depth: int
    ) -> LegScores:
        """Run the legs of `search_type`, each to at most `depth` candidates."""
        ...
