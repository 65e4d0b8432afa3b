"""Searching: what is asked, what the legs return, what the user gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from groundwell.domain.chunks import ChunkId, Encoding
from groundwell.domain.documents import Metadata, TenantId
from groundwell.domain.filters import Filter


class SearchType(StrEnum):
    """Which legs of the search run."""

    SEMANTIC = "semantic"
    KEYWORD = "keyword"
    HYBRID = "hybrid"


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A search as the user means it. `threshold` is compared with the final score in [0, 1]."""

    tenant: TenantId
    collection: str
    query: str
    search_type: SearchType = SearchType.HYBRID
    limit: int = 10
    threshold: float = 0.0
    filter: Filter | None = None
    rerank: bool = True
    explain: bool = False


@dataclass(frozen=True, slots=True)
class IndexScope:
    """The rows that a leg may see: one tenant's collection, narrowed by an optional filter."""

    tenant: TenantId
    collection: str
    filter: Filter | None = None


@dataclass(frozen=True, slots=True)
class AnalysedQuery:
    """A query as both legs need it. `encoding` is None when no dense leg or reranker runs.

    `term_rarity` is each term's inverse document frequency in the collection, once it is known.
    """

    text: str
    terms: tuple[str, ...]
    encoding: Encoding | None
    term_rarity: Mapping[str, float] = field(default_factory=dict)


Scores: TypeAlias = dict[ChunkId, float]
"""Raw scores of one leg, in any order. Higher is better."""


@dataclass(frozen=True, slots=True)
class LegScores:
    """What the legs found, up to the depth asked for; empty for a leg that did not run.

    `term_rarity`: the inverse document frequency of the query's terms, from the keyword leg.
    """

    dense: Scores
    keyword: Scores
    term_rarity: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Every stage's score of one result; None where the stage did not see it."""

    dense: float | None
    keyword: float | None
    fused: float
    rerank: float | None
    rank_fused: int
    rank_final: int


@dataclass(frozen=True, slots=True)
class SearchResult:
    """One passage found. `text == document_text[char_start:char_end]`, verbatim."""

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


@dataclass(frozen=True, slots=True)
class SearchResponse:
    """The results, best first, and how long each stage took."""

    results: tuple[SearchResult, ...]
    timings_ms: Mapping[str, float]
    encoding: Encoding | None = None
    degraded: tuple[str, ...] = ()
