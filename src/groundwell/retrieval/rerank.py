"""The second look at the best candidates: reranked, blended, smoothed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from groundwell.domain.chunks import ChunkId
from groundwell.domain.errors import ProviderError, UnavailableError
from groundwell.domain.search import AnalysedQuery, SearchRequest
from groundwell.domain.sharing import Asking
from groundwell.ports.reranker import Candidate, Reranker
from groundwell.retrieval.rank import best, blend
from groundwell.retrieval.smooth import smooth
from groundwell.store.chunk_vectors import ChunkVectors, StoredVectors
from groundwell.store.database import Database
from groundwell.store.passages import load_passages

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RerankOptions:
    """How the second look is set.

    `depth`: how many candidates are looked at. `seconds`: how long the reranker may take.
    `fused_share`: the fused score's share of the ranking; the rest is the reranker's.
    `smoothing_share`: how much a passage's neighbours count, where smoothing `is_smoothing` or a
    request asks for it.
    """

    depth: int = 50
    seconds: float = 5.0
    fused_share: float = 0.5
    is_smoothing: bool = True
    smoothing_share: float = 0.35


@dataclass(frozen=True, slots=True)
class SecondLook:
    """What came of it.

    `final`: what the ranking follows; what was not looked at stays below what was. `blended`: the
    same before smoothing. `smoothed`: what smoothing made of those it saw, empty when it did not
    run. `reranked`: the reranker's own scores, empty when it did not run.
    `vectors` of the candidates, where they were read. `degraded`: what had to be left out.
    """

    final: Mapping[ChunkId, float]
    blended: Mapping[ChunkId, float]
    reranked: Mapping[ChunkId, float] = field(default_factory=dict)
    vectors: Mapping[ChunkId, StoredVectors] = field(default_factory=dict)
    smoothed: Mapping[ChunkId, float] = field(default_factory=dict)
    degraded: tuple[str, ...] = ()


class SecondStage:
    """Reranks and smooths. Without a reranker, or without its answer, the fused order stays."""

    def __init__(
        self,
        database: Database,
        vectors: ChunkVectors,
        reranker: Reranker | None,
        options: RerankOptions,
    ) -> None:
        self._database = database
        self._vectors = vectors
        self._reranker = reranker
        self._options = options

    def reads_query_vectors(self, request: SearchRequest) -> bool:
        """Whether the query must be embedded for this stage, even if no dense leg runs."""
        return request.rerank and self._reranker is not None

    async def look(
        self, request: SearchRequest, query: AnalysedQuery, fused: Mapping[ChunkId, float]
    ) -> SecondLook:
        """Look at the best of `fused` again."""
        reranker = self._reranker if request.rerank else None
        is_smoothing = self._wants_smoothing(request)
        if not fused or (reranker is None and not is_smoothing):
            return SecondLook(fused, fused)
        chosen = best(fused, self._options.depth)
        vectors: dict[ChunkId, StoredVectors] = {}
        if is_smoothing or (reranker is not None and not reranker.needs_text):
            vectors = await self._vectors.read(request.asking, chosen)
        blended: Mapping[ChunkId, float] = fused
        reranked: dict[ChunkId, float] = {}
        if reranker is not None:
            candidates = await self._candidates(request.asking, reranker, chosen, vectors)
            try:
                reranked = await self._rerank(reranker, query, candidates)
            except (ProviderError, UnavailableError, TimeoutError) as error:
                _log.warning("search goes on without the reranker: %s", _reason(error))
                return SecondLook(fused, fused, vectors=vectors, degraded=("reranker",))
            blended = blend(fused, reranked, self._options.fused_share)
        if not is_smoothing or (reranker is not None and not reranked):
            return SecondLook(blended, blended, reranked, vectors)
        embeddings = {chunk: stored.embedding for chunk, stored in vectors.items()}
        final = smooth(blended, embeddings, self._options.smoothing_share)
        smoothed = {chunk: final[chunk] for chunk in embeddings}
        return SecondLook(final, blended, reranked, vectors, smoothed)

    def _wants_smoothing(self, request: SearchRequest) -> bool:
        wanted = request.switches.smoothing
        if wanted is not None:
            return wanted
        return self._options.is_smoothing and self.reads_query_vectors(request)

    async def _candidates(
        self,
        asking: Asking,
        reranker: Reranker,
        chosen: Sequence[ChunkId],
        vectors: Mapping[ChunkId, StoredVectors],
    ) -> list[Candidate]:
        if not reranker.needs_text:
            return [
                Candidate(chunk, token_bits=vectors[chunk].token_bits if chunk in vectors else None)
                for chunk in chosen
            ]
        passages = await load_passages(self._database, asking, chosen)
        return [
            Candidate(chunk, passages[chunk].text if chunk in passages else "") for chunk in chosen
        ]

    async def _rerank(
        self, reranker: Reranker, query: AnalysedQuery, candidates: Sequence[Candidate]
    ) -> dict[ChunkId, float]:
        async with asyncio.timeout(self._options.seconds):
            scores = await reranker.rerank(query, candidates)
        return {
            candidate.chunk_id: score
            for candidate, score in zip(candidates, scores, strict=True)
            if score is not None
        }


def _reason(error: Exception) -> str:
    if isinstance(error, ProviderError | UnavailableError):
        return error.detail
    return "it was not ready in time"
