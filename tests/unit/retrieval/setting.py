"""A shelf of five texts and a retriever over it, with scripted parts where a test wants them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from tests.fakes.embedder import FakeEmbedder
from tests.unit.store.setting import DIMENSION, Shelf

from groundwell.adapters.search_index.postgres import PostgresSearchIndex
from groundwell.domain.chunks import ChunkId
from groundwell.domain.errors import GroundwellError
from groundwell.domain.search import (
    AnalysedQuery,
    IndexScope,
    LegScores,
    SearchRequest,
    SearchType,
)
from groundwell.ports.language_model import LanguageModel
from groundwell.ports.reranker import Candidate, Reranker
from groundwell.ports.search_index import SearchIndex
from groundwell.retrieval.arrange import Arranger
from groundwell.retrieval.english_words import EnglishWords
from groundwell.retrieval.first_stage import FirstStage
from groundwell.retrieval.rank import FusionOptions
from groundwell.retrieval.rerank import RerankOptions, SecondStage
from groundwell.retrieval.retrieve import Retriever
from groundwell.retrieval.spelling import SpellingCorrector
from groundwell.retrieval.variants import QueryRewriter
from groundwell.retrieval.word_matches import WordMatcher
from groundwell.store.chunk_vectors import ChunkVectors

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TEXTS = {
    "arch": "An arch bridge carries load as thrust.",
    "cable": "A suspension bridge hangs from steel cables.",
    "beam": "A beam bridge rests on piers.",
    "bread": "Sourdough bread rises with wild yeast.",
    "tide": "Tides follow the moon.",
}


@dataclass
class ScriptedReranker:
    """Scores candidates as the test says."""

    answer: Callable[[Sequence[Candidate]], list[float | None]]
    needs_text: bool = True
    seen: list[Candidate] = field(default_factory=list)

    async def rerank(
        self, query: AnalysedQuery, candidates: Sequence[Candidate]
    ) -> list[float | None]:
        assert query.text
        self.seen = list(candidates)
        return self.answer(candidates)


@dataclass
class ScriptedIndex:
    """Finds what the test says."""

    legs: LegScores

    async def search(
        self, scope: IndexScope, query: AnalysedQuery, search_type: SearchType, depth: int
    ) -> LegScores:
        assert scope.collection
        assert query.text
        assert search_type in SearchType
        best = [
            dict(sorted(leg.items(), key=lambda item: -item[1])[:depth])
            for leg in (self.legs.dense, self.legs.keyword)
        ]
        return LegScores(*best)


class ListeningIndex(PostgresSearchIndex):
    """Searches, and remembers what it was asked."""

    def __init__(self, shelf: Shelf) -> None:
        super().__init__(shelf.database, shelf.space)
        self.asked: list[AnalysedQuery] = []

    async def search(
        self, scope: IndexScope, query: AnalysedQuery, search_type: SearchType, depth: int
    ) -> LegScores:
        self.asked.append(query)
        return await super().search(scope, query, search_type, depth)


def retriever(
    shelf: Shelf,
    *,
    reranker: Reranker | None = None,
    embedder: FakeEmbedder | None = None,
    index: SearchIndex | None = None,
    fusion: FusionOptions | None = None,
    second: RerankOptions | None = None,
    is_spelling: bool = True,
    is_varying: bool = False,
    language_model: LanguageModel | None = None,
    words: WordMatcher | None = None,
) -> Retriever:
    vectors = ChunkVectors(shelf.database, shelf.space)
    return Retriever(
        shelf.database,
        FirstStage(
            shelf.database,
            index or PostgresSearchIndex(shelf.database, shelf.space),
            embedder or FakeEmbedder(DIMENSION),
            SpellingCorrector(EnglishWords()),
            QueryRewriter(language_model),
            fusion or FusionOptions(),
            is_spelling=is_spelling,
            is_varying=is_varying,
            now=lambda: NOW,
        ),
        SecondStage(
            shelf.database,
            vectors,
            reranker,
            second or RerankOptions(is_smoothing=False),
        ),
        Arranger(shelf.database, vectors),
        words,
    )


def failing(error: GroundwellError) -> FakeEmbedder:
    embedder = FakeEmbedder(DIMENSION)
    embedder.error = error
    return embedder


def raising(error: GroundwellError) -> ScriptedReranker:
    def answer(_: Sequence[Candidate]) -> list[float | None]:
        raise error

    return ScriptedReranker(answer)


def request(shelf: Shelf, query: str = "bridge", **fields: object) -> SearchRequest:
    asked = SearchRequest(tenant=shelf.tenant, collection=shelf.name, query=query)
    return replace(asked, **fields)  # type: ignore[arg-type] - a test's shorthand


async def script(shelf: Shelf, dense: dict[str, float], keyword: dict[str, float]) -> ScriptedIndex:
    ids: dict[str, ChunkId] = {}
    async with shelf.database.transaction(shelf.tenant) as connection:
        for row in await (await connection.execute("SELECT id, text FROM chunks")).fetchall():
            ids.update({key: ChunkId(str(row[0])) for key, text in TEXTS.items() if text == row[1]})
    return ScriptedIndex(
        LegScores({ids[k]: s for k, s in dense.items()}, {ids[k]: s for k, s in keyword.items()})
    )
