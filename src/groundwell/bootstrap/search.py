"""The search, put together of its stages."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from groundwell.adapters.search_index.postgres import PostgresSearchIndex
from groundwell.ports.embedder import Embedder
from groundwell.ports.language_model import LanguageModel
from groundwell.ports.metrics import Metrics
from groundwell.ports.reranker import Reranker
from groundwell.retrieval.arrange import Arranger
from groundwell.retrieval.cached_retriever import ObservedRetriever, Searches
from groundwell.retrieval.english_words import EnglishWords
from groundwell.retrieval.first_places import FirstPlaces, WatchedRetriever
from groundwell.retrieval.first_stage import FirstStage
from groundwell.retrieval.paced_retriever import PacedRetriever
from groundwell.retrieval.rank import FusionOptions
from groundwell.retrieval.rerank import RerankOptions, SecondStage
from groundwell.retrieval.retrieve import Retriever
from groundwell.retrieval.spelling import SpellingCorrector
from groundwell.retrieval.variants import QueryRewriter
from groundwell.retrieval.word_matches import WordMatcher
from groundwell.settings import Settings
from groundwell.store.chunk_vectors import ChunkVectors
from groundwell.store.database import Database
from groundwell.store.spaces import EmbeddingSpace

_MEBIBYTE = 1 << 20
# Enough that both the model and the database always have work.
_SEARCHES_PER_PROCESSOR = 4


@dataclass(frozen=True, slots=True)
class SearchParts:
    """What all searches of this process share, whatever embeds their queries."""

    settings: Settings
    database: Database
    space: EmbeddingSpace
    vectors: ChunkVectors
    english: EnglishWords
    corrector: SpellingCorrector
    rewriter: QueryRewriter
    reranker: Reranker | None

    @classmethod
    def make(
        cls,
        settings: Settings,
        database: Database,
        space: EmbeddingSpace,
        reranker: Reranker | None,
        language_model: LanguageModel | None,
    ) -> SearchParts:
        """The parts, as the settings want them."""
        memory_bytes = settings.token_memory_mb * _MEBIBYTE
        english = EnglishWords()
        return cls(
            settings=settings,
            database=database,
            space=space,
            vectors=ChunkVectors(database, space, memory_bytes=memory_bytes),
            english=english,
            corrector=SpellingCorrector(english),
            rewriter=QueryRewriter(language_model),
            reranker=reranker,
        )

    async def warm_up(self) -> None:
        """Build what the first misspelt query would otherwise wait for."""
        if self.settings.spelling:
            await self.english.prepare()

    def retriever(self, embedder: Embedder) -> Searches:
        """A search whose queries `embedder` embeds."""
        first_stage = FirstStage(
            self.database,
            PostgresSearchIndex(self.database, self.space),
            embedder,
            self.corrector,
            self.rewriter,
            fusion_options(self.settings),
            is_spelling=self.settings.spelling,
            is_varying=self.settings.variants,
        )
        reranking = _reranking(self.settings)
        second_stage = SecondStage(self.database, self.vectors, self.reranker, reranking)
        is_late_interaction = self.settings.reranker == "late_interaction"
        words = WordMatcher(embedder, self.space.centre) if is_late_interaction else None
        arranger = Arranger(self.database, self.vectors)
        search = Retriever(self.database, first_stage, second_stage, arranger, words)
        return PacedRetriever(search, _SEARCHES_PER_PROCESSOR * (os.cpu_count() or 1))


def make_watch(database: Database, metrics: Metrics) -> Callable[[Searches], Searches]:
    """What searches for callers are put behind: the metrics, and one count of first places."""
    places = FirstPlaces()
    metrics.watch_first_places(places.highest_share)

    def watched(search: Searches) -> Searches:
        return ObservedRetriever(WatchedRetriever(search, places, database), metrics)

    return watched


def fusion_options(settings: Settings) -> FusionOptions:
    """How searches join their legs unless a request says otherwise."""
    weights = settings.weights
    return FusionOptions(
        dense_weight=weights.dense,
        keyword_weight=1 - weights.dense if weights.keyword is None else weights.keyword,
        metadata_weight=weights.metadata,
        method=settings.fusion,
        recency_half_life_days=settings.recency_half_life_days,
    )


def _reranking(settings: Settings) -> RerankOptions:
    # Smoothing was measured to help late interaction; other rerankers are taken at their word.
    is_late_interaction = settings.reranker == "late_interaction"
    return RerankOptions(
        depth=settings.rerank_depth,
        seconds=settings.reranker_timeout,
        fused_share=settings.rerank_blend,
        is_smoothing=is_late_interaction if settings.smoothing is None else settings.smoothing,
    )
