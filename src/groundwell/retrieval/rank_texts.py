"""Ranking texts that the caller brings along, which the index does not know."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from groundwell.domain.analysis import analyse, telling_tokens
from groundwell.domain.chunks import Bits, ChunkId, Encoding, Floats
from groundwell.domain.errors import ProviderError, UnavailableError
from groundwell.domain.late_interaction import centre_and_pack, prepare_query, score, token_weights
from groundwell.domain.search import AnalysedQuery
from groundwell.domain.timing import StageClock
from groundwell.ports.embedder import Embedder
from groundwell.ports.reranker import Candidate, Reranker

# What a token's dot product with its own sign vector comes to, for normally distributed values:
# about the highest score that late interaction over signs can give.
_PERFECT = math.sqrt(2 / math.pi)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TextRanking:
    """A score for each text, in the order given, how long it took, and what had to be left out."""

    scores: tuple[float, ...]
    timings_ms: Mapping[str, float]
    degraded: tuple[str, ...] = ()


class TextRanker:
    """Scores texts against a query, as the configured reranker would score passages.

    A reranker that reads texts is asked itself. One that reads stored token bits cannot be: here
    the texts are embedded on the spot, and their score is made of the cosine and, where the
    embedder has token vectors, of late interaction over their signs, both in [0, 1].
    A reranker that is not ready after `seconds` counts as one that failed.
    """

    def __init__(
        self, embedder: Embedder, centre: Floats, reranker: Reranker | None, seconds: float = 5.0
    ) -> None:
        self._embedder = embedder
        self._centre = centre
        self._seconds = seconds
        self._reranker = reranker if reranker is not None and reranker.needs_text else None

    async def rank(self, query: str, texts: Sequence[str]) -> TextRanking:
        """Score the texts. A reranker that fails is replaced by embeddings, and `degraded` says so.

        A text longer than the embedder's `max_tokens` is judged by its beginning. Raises
        ProviderError or UnavailableError when the embedder fails as well.
        """
        clock = StageClock()
        degraded: tuple[str, ...] = ()
        distinct = list(dict.fromkeys(texts))
        scores = None
        if self._reranker is not None:
            with clock.stage("rerank"):
                scores = await self._ask(self._reranker, query, distinct)
            degraded = ("reranker",) if scores is None else ()
        if scores is None:
            scores = await self._compare(clock, query, distinct)
        of_text = dict(zip(distinct, scores, strict=True))
        return TextRanking(tuple(of_text[text] for text in texts), clock.timings(), degraded)

    async def _ask(
        self, reranker: Reranker, query: str, texts: Sequence[str]
    ) -> list[float] | None:
        candidates = [Candidate(ChunkId(str(place)), text) for place, text in enumerate(texts)]
        analysed = AnalysedQuery(query, tuple(analyse(query)), None)
        try:
            async with asyncio.timeout(self._seconds):
                scores = await reranker.rerank(analysed, candidates)
        except (ProviderError, UnavailableError) as error:
            _log.warning("ranking goes on without the reranker: %s", error.detail)
            return None
        except TimeoutError:
            _log.warning("ranking goes on without the reranker: it was not ready in time")
            return None
        # Scores may be negative: what has none must not come before what has.
        least = min((value for value in scores if value is not None), default=1.0)
        unscored = 0.0 if least > 0 else least - 1
        return [unscored if value is None else value for value in scores]

    async def _compare(self, clock: StageClock, query: str, texts: Sequence[str]) -> list[float]:
        with clock.stage("embed"):
            asked, encodings = await asyncio.gather(
                self._embedder.embed_query(query), self._embedder.embed_documents(texts)
            )
        with clock.stage("compare"):
            return self._scores(query, asked, texts, encodings)

    def _scores(
        self, query: str, asked: Encoding, texts: Sequence[str], encodings: Sequence[Encoding]
    ) -> list[float]:
        cosines = np.stack([encoding.vector for encoding in encodings]) @ asked.vector
        # The candidates are no collection whose rare words could be known.
        weights = token_weights(query, asked.token_spans, {})
        prepared = prepare_query(asked.token_vectors, self._centre, weights)
        bits = [self._bits(text, encoding) for text, encoding in zip(texts, encodings, strict=True)]
        late = score(prepared, bits) / _PERFECT
        # A text without words has an embedding too, but one that says nothing.
        blended = np.where(np.isnan(late), cosines, (cosines + late) / 2)
        has_words = np.array([bool(text.strip()) for text in texts])
        clipped: list[float] = np.clip(np.where(has_words, blended, 0.0), 0.0, 1.0).tolist()
        return clipped

    def _bits(self, text: str, encoding: Encoding) -> Bits:
        if not len(encoding.token_vectors):
            return np.empty((0, len(self._centre) // 8), dtype=np.uint8)
        telling = telling_tokens(text, encoding.token_spans)
        return centre_and_pack(encoding.token_vectors[telling], self._centre)
