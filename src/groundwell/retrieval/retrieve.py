"""The story of a search: analyse, embed, search both legs, fuse, rerank, load the passages."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from groundwell.domain.analysis import analyse
from groundwell.domain.chunks import ChunkId, Encoding
from groundwell.domain.documents import TenantId
from groundwell.domain.errors import ProviderError, UnavailableError
from groundwell.domain.search import (
    AnalysedQuery,
    Explanation,
    IndexScope,
    LegScores,
    Scores,
    SearchRequest,
    SearchResponse,
    SearchResult,
    SearchType,
)
from groundwell.domain.timing import StageClock
from groundwell.ports.embedder import Embedder
from groundwell.ports.reranker import Candidate, Reranker
from groundwell.ports.search_index import SearchIndex
from groundwell.retrieval.calibrate import passage_scores
from groundwell.retrieval.fuse import Fusion, fuse, min_max, reciprocal_rank_fusion
from groundwell.store.database import Database
from groundwell.store.passages import Passage, load_passages

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RetrievalOptions:
    """How the stages are set.

    `depth`: candidates of each leg. `blend`: the fused score's share of the ranking; the rest is
    the reranker's. `rerank_seconds`: how long the reranker may take.
    """

    depth: int = 100
    dense_weight: float = 0.5
    keyword_weight: float = 0.5
    fusion: Fusion = "min_max"
    rerank_depth: int = 50
    rerank_seconds: float = 5.0
    blend: float = 0.5


class Retriever:
    """Searches. One instance serves all tenants."""

    def __init__(
        self,
        database: Database,
        index: SearchIndex,
        embedder: Embedder,
        reranker: Reranker | None,
        options: RetrievalOptions,
    ) -> None:
        self._database = database
        self._index = index
        self._embedder = embedder
        self._reranker = reranker
        self._options = options

    async def search(self, request: SearchRequest) -> SearchResponse:
        """The best passages for a query.

        Scores are in [0, 1], follow the ranking, and are made from each passage's own evidence, so
        that one threshold works for all queries. When the embedder fails, or the reranker fails
        or is late, the search goes on without it and says so in `degraded`. Raises NotFoundError
        for an unknown collection.
        """
        clock = StageClock()
        degraded: list[str] = []
        with clock.stage("embed"):
            query = await self._analyse(request, degraded)
        with clock.stage("index"):
            scope = IndexScope(request.tenant, request.collection, request.filter)
            depth = max(self._options.depth, request.limit)
            legs = await self._index.search(scope, query, request.search_type, depth)
            query = replace(query, term_rarity=legs.term_rarity)
        fused = self._fuse(legs)
        with clock.stage("rerank"):
            reranked = await self._rerank(request, query, fused, degraded)
        final = self._blend(fused, reranked)
        ranking = sorted(final, key=lambda chunk: (-final[chunk], -fused[chunk], chunk))
        scores = passage_scores(ranking, legs.dense, legs.keyword)
        chosen = [chunk for chunk in ranking[: request.limit] if scores[chunk] >= request.threshold]
        with clock.stage("load"):
            passages = await load_passages(self._database, request.tenant, chosen)
        explain = _Explainer(legs, fused, reranked) if request.explain else None
        results = tuple(
            _result(chunk, passages[chunk], scores[chunk], rank, explain)
            for rank, chunk in enumerate(chosen, start=1)
            if chunk in passages
        )
        return SearchResponse(results, clock.timings(), query.encoding, tuple(degraded))

    async def _analyse(self, request: SearchRequest, degraded: list[str]) -> AnalysedQuery:
        encoding: Encoding | None = None
        wants_encoding = request.search_type != SearchType.KEYWORD or (
            request.rerank and self._reranker is not None
        )
        if wants_encoding:
            try:
                encoding = await self._embedder.embed_query(request.query)
            except (ProviderError, UnavailableError) as error:
                if request.search_type == SearchType.SEMANTIC:
                    raise
                _note(degraded, "embedder", error.detail)
        return AnalysedQuery(request.query, tuple(analyse(request.query)), encoding)

    def _fuse(self, legs: LegScores) -> dict[ChunkId, float]:
        """Fused scores. However many results are wanted, the first ones stay the same.

        Stretched scores depend on where a list ends, so the legs are fused at their usual depth;
        what lies deeper comes below.
        """
        depth = self._options.depth
        fused = self._fuse_lists(_top(legs.dense, depth), _top(legs.keyword, depth))
        if max(len(legs.dense), len(legs.keyword)) <= depth:
            return fused
        floor = min(fused.values())
        deep = self._fuse_lists(legs.dense, legs.keyword)
        return {chunk: fused.get(chunk, floor * score) for chunk, score in deep.items()}

    def _fuse_lists(self, dense: Scores, keyword: Scores) -> dict[ChunkId, float]:
        options = self._options
        lists = [(dense, options.dense_weight), (keyword, options.keyword_weight)]
        return reciprocal_rank_fusion(lists) if options.fusion == "rrf" else fuse(lists)

    async def _rerank(
        self,
        request: SearchRequest,
        query: AnalysedQuery,
        fused: Mapping[ChunkId, float],
        degraded: list[str],
    ) -> dict[ChunkId, float]:
        if self._reranker is None or not request.rerank:
            return {}
        best = _best(fused, self._options.rerank_depth)
        texts = await self._texts(request.tenant, best) if self._reranker.needs_text else {}
        candidates = [Candidate(chunk, texts.get(chunk, "")) for chunk in best]
        try:
            async with asyncio.timeout(self._options.rerank_seconds):
                scores = await self._reranker.rerank(request.tenant, query, candidates)
        except (ProviderError, UnavailableError) as error:
            _note(degraded, "reranker", error.detail)
            return {}
        except TimeoutError:
            _note(degraded, "reranker", f"not ready after {self._options.rerank_seconds:g} s")
            return {}
        return {
            chunk: score for chunk, score in zip(best, scores, strict=True) if score is not None
        }

    async def _texts(self, tenant: TenantId, chunks: Sequence[ChunkId]) -> dict[ChunkId, str]:
        passages = await load_passages(self._database, tenant, chunks)
        return {chunk: passage.text for chunk, passage in passages.items()}

    def _blend(
        self, fused: Mapping[ChunkId, float], reranked: Mapping[ChunkId, float]
    ) -> dict[ChunkId, float]:
        """What the ranking follows. What was not reranked stays below what was."""
        fresh = min_max(reranked)
        again = min_max({chunk: fused[chunk] for chunk in reranked})
        share = self._options.blend
        blended = {chunk: share * again[chunk] + (1 - share) * fresh[chunk] for chunk in reranked}
        floor = min(blended.values(), default=1.0)
        return {chunk: blended.get(chunk, floor * score) for chunk, score in fused.items()}


def _top(scores: Scores, count: int) -> Scores:
    if len(scores) <= count:
        return scores
    return {chunk: scores[chunk] for chunk in _best(scores, count)}


def _best(scores: Mapping[ChunkId, float], count: int) -> list[ChunkId]:
    return sorted(scores, key=lambda chunk: (-scores[chunk], chunk))[:count]


class _Explainer:
    """Tells of one result what every stage made of it."""

    def __init__(
        self,
        legs: LegScores,
        fused: Mapping[ChunkId, float],
        reranked: Mapping[ChunkId, float],
    ) -> None:
        self._legs = legs
        self._fused = fused
        self._reranked = reranked
        order = _best(fused, len(fused))
        self._fused_rank = {chunk: rank for rank, chunk in enumerate(order, start=1)}

    def explain(self, chunk: ChunkId, rank: int) -> Explanation:
        return Explanation(
            dense=self._legs.dense.get(chunk),
            keyword=self._legs.keyword.get(chunk),
            fused=self._fused[chunk],
            rerank=self._reranked.get(chunk),
            rank_fused=self._fused_rank[chunk],
            rank_final=rank,
        )


def _result(
    chunk: ChunkId, passage: Passage, score: float, rank: int, explainer: _Explainer | None
) -> SearchResult:
    return SearchResult(
        chunk_id=chunk,
        document_id=passage.document_id,
        version=passage.version,
        filename=passage.filename,
        title=passage.title,
        text=passage.text,
        score=score,
        page=passage.page,
        char_start=passage.char_start,
        char_end=passage.char_end,
        heading_path=passage.heading_path,
        metadata=passage.metadata,
        explanation=None if explainer is None else explainer.explain(chunk, rank),
    )


def _note(degraded: list[str], part: str, reason: str) -> None:
    _log.warning("search goes on without the %s: %s", part, reason)
    degraded.append(part)
