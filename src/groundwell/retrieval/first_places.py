"""How much of what is found one document has: whoever is best for every question is suspect."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from groundwell.domain.documents import TenantId
from groundwell.domain.errors import GroundwellError
from groundwell.domain.search import SearchRequest, SearchResponse
from groundwell.retrieval.cached_retriever import Searches
from groundwell.store.database import Database
from groundwell.store.usage import read_usage

WINDOW = 1000
"""Searches of a tenant that count, the last ones."""
LEAST_SEARCHES = 100
LEAST_DOCUMENTS = 20
"""Among fewer documents, one that is often first is nothing to wonder about."""
BOUND = 0.5
LOOK_SECONDS = 3600.0
MOST_TENANTS = 200

_log = logging.getLogger(__name__)

_Place: TypeAlias = tuple[str, str]
"""Collection and id of a document: ids are a collection's own."""


@dataclass(slots=True)
class _Window:
    """First places of a tenant's last searches. Who is over the bound counts once looked at."""

    places: deque[_Place] = field(default_factory=deque)
    counts: dict[_Place, int] = field(default_factory=dict)
    next_look: float = 0.0
    is_large: bool = False

    def add(self, place: _Place) -> float:
        """Count a first place, and return the share that its document has by now."""
        if len(self.places) == WINDOW:
            oldest = self.places.popleft()
            left = self.counts[oldest] - 1
            if left:
                self.counts[oldest] = left
            else:
                del self.counts[oldest]
        self.places.append(place)
        count = self.counts[place] = self.counts.get(place, 0) + 1
        return count / len(self.places)

    @property
    def share(self) -> float:
        """The share of the document that was first most often, 0 where that says nothing."""
        if len(self.places) < LEAST_SEARCHES:
            return 0.0
        share = max(self.counts.values()) / len(self.places)
        return share if share <= BOUND or self.is_large else 0.0


class FirstPlaces:
    """Which documents come first in the searches of this process, by tenant.

    It holds at most `WINDOW` ids for each of the `MOST_TENANTS` that searched last.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._windows: OrderedDict[TenantId, _Window] = OrderedDict()

    def note(self, tenant: TenantId, collection: str, document: str) -> bool:
        """Count a first place; whether the document has so many that somebody should look.

        True once in `LOOK_SECONDS` for a tenant, at most.
        """
        window = self._windows.get(tenant)
        if window is None:
            if len(self._windows) == MOST_TENANTS:
                self._windows.popitem(last=False)
            window = self._windows[tenant] = _Window()
        else:
            self._windows.move_to_end(tenant)
        share = window.add((collection, document))
        if share <= BOUND or len(window.places) < LEAST_SEARCHES:
            return False
        now = self._clock()
        if now < window.next_look:
            return False
        window.next_look = now + LOOK_SECONDS
        return True

    def judge(self, tenant: TenantId, documents: int) -> bool:
        """Take how many documents the tenant holds; whether a share over the bound counts."""
        is_large = documents >= LEAST_DOCUMENTS
        window = self._windows.get(tenant)
        if window is not None:
            window.is_large = is_large
        return is_large

    def highest_share(self) -> float:
        """The largest share that a document has of the first places of its tenant's searches."""
        return max((window.share for window in self._windows.values()), default=0.0)


class WatchedRetriever:
    """Any search, whose first places are counted.

    Answers from the memory do not count: the same question again says nothing new about who is
    best for all of them.
    """

    def __init__(self, retriever: Searches, places: FirstPlaces, database: Database) -> None:
        self._retriever = retriever
        self._places = places
        self._database = database

    async def search(self, request: SearchRequest) -> SearchResponse:
        """As the search itself answers."""
        response = await self._retriever.search(request)
        if response.results and not response.is_from_cache:
            first = response.results[0].document_id
            if self._places.note(request.tenant, request.collection, first):
                await self._look(request.tenant, first)
        return response

    async def _look(self, tenant: TenantId, document: str) -> None:
        """Warn of a document, if its tenant has enough others. Once an hour, so it may ask."""
        try:
            held = await read_usage(self._database, tenant)
        except GroundwellError:
            return
        if self._places.judge(tenant, held.documents):
            _log.warning(
                "document %s comes first in more than %d %% of the tenant's searches",
                document,
                100 * BOUND,
            )
