"""The search index port."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from groundwell.domain.filters import Filter
from groundwell.domain.search import AnalysedQuery, IndexScope, LegScores, SearchType
from groundwell.domain.sharing import Asking


class SearchIndex(Protocol):
    """Finds candidates.

    Promises: a leg returns `depth` rows whenever that many match; it never returns a row outside
    the scope; the dense score is the cosine in [-1, 1], the keyword score is BM25 over the
    collection's own statistics. It tells the collection's profile with
    every search.

    Errors: NotFoundError when the tenant has no such collection, UnavailableError when the index
    is away.
    """

    async def search(
        self, scope: IndexScope, query: AnalysedQuery, search_type: SearchType, depth: int
    ) -> LegScores:
        """Run the legs of `search_type`, each to at most `depth` candidates."""
        ...


class CorpusIndex(Protocol):
    """Looks into many collections at once, for many queries.

    Errors: NotFoundError when the tenant lacks one of the collections, UnavailableError when the
    index is away.
    """

    async def look(
        self,
        asking: Asking,
        collections: Sequence[str],
        queries: Sequence[AnalysedQuery],
        depth: int,
        condition: Filter | None = None,
    ) -> dict[str, list[LegScores]]:
        """For each collection what each query finds there, with the collection's profile.

        By words, and by the vector of queries that have one, each to `depth` passages. How rare a
        term is, and which are unknown, is not told. Queries without terms or vector find nothing.
        """
        ...
