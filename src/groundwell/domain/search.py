"""Searching: what is asked, what the legs return, what the user gets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from groundwell.domain.chunks import ChunkId, Encoding
from groundwell.domain.documents import Metadata, TenantId
from groundwell.domain.explanation import Explanation
from groundwell.domain.filters import Filter
from groundwell.domain.languages import DEFAULT_LANGUAGE
from groundwell.domain.queries import Correction, UnderstoodQuery
from groundwell.domain.search_switches import SearchSwitches
from groundwell.domain.sharing import Asking, Viewer


class SearchType(StrEnum):
    """Which legs of the search run."""

    SEMANTIC = "semantic"
    KEYWORD = "keyword"
    HYBRID = "hybrid"


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A search as the user means it. `threshold` is compared with the final score in [0, 1].

    `viewer`: who asks; without one, what the whole tenant may see is searched. `is_shared_out`:
    whether no document may have most of the results where others have passages about as good.
    """

    tenant: TenantId
    collection: str
    query: str
    search_type: SearchType = SearchType.HYBRID
    limit: int = 10
    threshold: float = 0.0
    filter: Filter | None = None
    rerank: bool = True
    explain: bool = False
    switches: SearchSwitches = field(default_factory=SearchSwitches)
    viewer: Viewer | None = None
    is_shared_out: bool = False

    @property
    def asking(self) -> Asking:
        """Who asks the database."""
        return self.viewer or self.tenant


@dataclass(frozen=True, slots=True)
class IndexScope:
    """The rows that a leg may see: one tenant's collection, narrowed by an optional filter.

    `viewer`: who asks; without one, what the whole tenant may see.
    """

    tenant: TenantId
    collection: str
    filter: Filter | None = None
    viewer: Viewer | None = None

    @property
    def asking(self) -> Asking:
        """Who asks the database."""
        return self.viewer or self.tenant


@dataclass(frozen=True, slots=True)
class AnalysedQuery:
    """A query as both legs need it. `encoding` is None when no dense leg or reranker runs.

    `terms` are analysed, with repetitions, in `languages`; `added_terms` are others that are
    searched beside them, such as synonyms, each with its weight where one of `terms` weighs 1.
    `profile` is the collection's profile that they were made for. `term_rarity` is each term's
    inverse document frequency in the collection, once it is known.
    """

    text: str
    terms: tuple[str, ...]
    encoding: Encoding | None
    added_terms: Mapping[str, float] = field(default_factory=dict)
    term_rarity: Mapping[str, float] = field(default_factory=dict)
    languages: tuple[str, ...] = (DEFAULT_LANGUAGE,)
    profile: str = ""

    def term_weights(self) -> dict[str, float]:
        """How much each term of the keyword leg counts."""
        weights = {term: float(count) for term, count in Counter(self.terms).items()}
        for term, weight in self.added_terms.items():
            weights[term] = weights.get(term, 0.0) + weight
        return weights


Scores: TypeAlias = dict[ChunkId, float]
"""Raw scores of one leg, in any order. Higher is better."""


@dataclass(frozen=True, slots=True)
class LegScores:
    """What the legs found, up to the depth asked for; empty for a leg that did not run.

    `term_rarity`: the inverse document frequency of the query's terms, from the keyword leg;
    `unknown_terms`: those of them that the collection does not hold; `passage_count`: how many
    passages it has, if the keyword leg ran. `profile`: how the collection wants its queries
    analysed; empty: in English, without synonyms.
    """

    dense: Scores
    keyword: Scores
    term_rarity: Mapping[str, float] = field(default_factory=dict)
    unknown_terms: frozenset[str] = frozenset()
    passage_count: int = 0
    profile: str = ""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """One passage found. `text == document_text[char_start:char_end]`, verbatim.

    `language`: the document's, an ISO 639-1 code. `is_joined`: passages around it, which may
    stand under other headings, were joined to it.
    """

    chunk_id: ChunkId
    document_id: str
    version: int
    filename: str
    title: str | None
    text: str
    score: float
    page: int | None
    char_start: int
    char_end: int
    heading_path: tuple[str, ...] = ()
    metadata: Metadata = field(default_factory=dict)
    explanation: Explanation | None = None
    language: str = DEFAULT_LANGUAGE
    is_joined: bool = False


@dataclass(frozen=True, slots=True)
class SearchResponse:
    """The results, best first, and how long each stage took.

    `corrections`: the words that the keyword leg took for misspelt ones of the query. `understood`
    is there when an explanation was asked for. `is_reranked`: whether a reranker scored them.
    """

    results: tuple[SearchResult, ...]
    timings_ms: Mapping[str, float]
    encoding: Encoding | None = None
    degraded: tuple[str, ...] = ()
    corrections: tuple[Correction, ...] = ()
    understood: UnderstoodQuery | None = None
    is_reranked: bool = False
    is_from_cache: bool = False
