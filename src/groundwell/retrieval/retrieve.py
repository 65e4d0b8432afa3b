"""The story of a search: analyse, embed, search both legs, fuse, rerank, load the passages."""

from __future__ import annotations

from groundwell.domain.chunks import ChunkId
from groundwell.domain.explanation import Explanation
from groundwell.domain.queries import CorrectedQuery, UnderstoodQuery
from groundwell.domain.search import SearchRequest, SearchResponse, SearchResult
from groundwell.domain.timing import StageClock
from groundwell.retrieval.arrange import Arranger, Placed
from groundwell.retrieval.calibrate import passage_scores
from groundwell.retrieval.explain import Explainer, SearchTrace
from groundwell.retrieval.first_stage import FirstStage
from groundwell.retrieval.intent import QUESTION_INTENTS
from groundwell.retrieval.normalise import normalise_query
from groundwell.retrieval.rerank import SecondStage
from groundwell.retrieval.word_matches import WordMatcher
from groundwell.store.database import Database


class Retriever:
    """Searches. One instance serves all tenants.

    `words` explains late interaction; None where the reranker is another one.
    """

    def __init__(
        self,
        database: Database,
        first_stage: FirstStage,
        second_stage: SecondStage,
        arranger: Arranger,
        words: WordMatcher | None = None,
    ) -> None:
        self._database = database
        self._first_stage = first_stage
        self._second_stage = second_stage
        self._arranger = arranger
        self._explainer = Explainer(database, words)

    async def search(self, request: SearchRequest) -> SearchResponse:
        """The best passages for a query.

        Scores are in [0, 1], follow the ranking, and are made from each passage's own evidence, so
        that one threshold works for all queries. When the embedder fails, or the reranker fails
        or is late, the search goes on without it and says so in `degraded`. Raises NotFoundError
        for an unknown collection, InvalidInputError for weights that cannot be.
        """
        clock = StageClock()
        needs_encoding = self._second_stage.reads_query_vectors(request)
        first = await self._first_stage.look(request, clock, needs_encoding=needs_encoding)
        evidence, fused = first.evidence, first.fused
        with clock.stage("rerank"):
            second = await self._second_stage.look(request, first.query, fused)
        final = second.final
        ordered = sorted((-score, -fused[chunk], chunk) for chunk, score in final.items())
        ranking = [chunk for _, _, chunk in ordered]
        scores = passage_scores(ranking, evidence.dense, evidence.keyword)
        with clock.stage("load"):
            placed = await self._arranger.arrange(request, ranking, scores)
        explanations: dict[ChunkId, Explanation] = {}
        if request.explain:
            with clock.stage("explain"):
                trace = SearchTrace(first, second)
                explanations = await self._explainer.explain(request, trace, placed)
        return SearchResponse(
            results=tuple(_result(found, explanations.get(found.chunk)) for found in placed),
            timings_ms=clock.timings(),
            encoding=first.query.encoding,
            degraded=first.degraded + second.degraded,
            corrections=first.corrected.corrections,
            understood=_understood(first.corrected) if request.explain else None,
            is_reranked=bool(second.reranked),
        )


def _understood(corrected: CorrectedQuery) -> UnderstoodQuery:
    guess = QUESTION_INTENTS.classify(corrected.original)
    return UnderstoodQuery(
        original_query=corrected.original,
        processed_query=normalise_query(corrected.text).text,
        intent=guess.intent,
        confidence=guess.confidence,
        reason=guess.reason,
    )


def _result(found: Placed, explanation: Explanation | None) -> SearchResult:
    passage = found.passage
    return SearchResult(
        chunk_id=found.chunk,
        document_id=passage.document_id,
        version=passage.version,
        filename=passage.filename,
        title=passage.title,
        text=passage.text,
        score=found.score,
        page=passage.page,
        char_start=passage.char_start,
        char_end=passage.char_end,
        heading_path=passage.heading_path,
        metadata=passage.metadata,
        language=passage.language,
        explanation=explanation,
        is_joined=passage.is_joined,
    )
