from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from tests.unit.retrieval.setting import (
    ScriptedReranker,
    raising,
    request,
    retriever,
    script,
)
from tests.unit.store.setting import Shelf

from groundwell.domain.errors import ProviderError, UnavailableError
from groundwell.domain.search import (
    AnalysedQuery,
)
from groundwell.domain.search_switches import SearchSwitches
from groundwell.ports.reranker import Candidate
from groundwell.retrieval.rerank import RerankOptions


async def test_passages_whose_evidence_disagrees_with_the_ranking_share_its_mean(shelf: Shelf):
    index = await script(shelf, {"arch": 0.8, "cable": 0.6, "beam": 0.1}, {})
    reranker = ScriptedReranker(lambda all_: [float("cable" in c.text) for c in all_])
    search = retriever(shelf, index=index, reranker=reranker, second=RerankOptions(fused_share=0.1))
    for limit in (1, 3):
        found = (await search.search(request(shelf, limit=limit))).results
        expected = [("cable", 0.7), ("arch", 0.7), ("beam", 0.1)][:limit]
        assert [r.document_id for r in found] == [key for key, _ in expected]
        assert [r.score for r in found] == pytest.approx([score for _, score in expected])


async def test_the_reranker_changes_the_order(shelf: Shelf):
    search = retriever(
        shelf,
        reranker=ScriptedReranker(lambda all_: [float("beam" in c.text) for c in all_]),
        second=RerankOptions(fused_share=0.1),
    )
    assert (await search.search(request(shelf))).results[0].document_id == "beam"
    first = (await search.search(request(shelf, "arch bridge", rerank=False))).results[0]
    assert first.document_id == "arch"


@pytest.mark.parametrize("score", [None, 0.3])
async def test_the_order_stays_when_the_reranker_cannot_tell(shelf: Shelf, score: float | None):
    plain = await retriever(shelf).search(request(shelf))
    reranker = ScriptedReranker(lambda candidates: [score] * len(candidates))
    reranked = await retriever(shelf, reranker=reranker).search(request(shelf))
    assert [r.document_id for r in reranked.results] == [r.document_id for r in plain.results]
    assert len(reranker.seen) == len(plain.results)


async def test_a_candidate_that_cannot_be_scored_stays_below_those_that_can(shelf: Shelf):
    reranker = ScriptedReranker(lambda all_: [None, *(0.5 for _ in all_[1:])])
    plain = (await retriever(shelf).search(request(shelf))).results
    reranked = (await retriever(shelf, reranker=reranker).search(request(shelf))).results
    assert reranked[-1].chunk_id == plain[0].chunk_id or (reranked[-1].score == reranked[-2].score)


async def test_a_reranker_that_needs_no_text_gets_none(shelf: Shelf):
    reranker = ScriptedReranker(lambda all_: [None] * len(all_), needs_text=False)
    await retriever(shelf, reranker=reranker).search(request(shelf))
    assert {candidate.text for candidate in reranker.seen} == {""}


async def test_the_search_goes_on_without_its_reranker_and_says_so(shelf: Shelf):
    plain = await retriever(shelf).search(request(shelf))
    for error in (ProviderError("No."), UnavailableError("Away.")):
        answer = await retriever(shelf, reranker=raising(error)).search(request(shelf))
        assert answer.degraded == ("reranker",)
        assert [r.chunk_id for r in answer.results] == [r.chunk_id for r in plain.results]


@dataclass
class LateReranker:
    """Never answers in time."""

    needs_text: bool = True

    async def rerank(
        self, query: AnalysedQuery, candidates: Sequence[Candidate]
    ) -> list[float | None]:
        assert query.text
        await asyncio.sleep(60)
        return [1.0] * len(candidates)


async def test_a_late_reranker_is_not_waited_for(shelf: Shelf):
    plain = await retriever(shelf).search(request(shelf))
    search = retriever(shelf, reranker=LateReranker(), second=RerankOptions(seconds=0.05))
    answer = await search.search(request(shelf))
    assert answer.degraded == ("reranker",)
    assert [r.chunk_id for r in answer.results] == [r.chunk_id for r in plain.results]
    assert 50 <= answer.timings_ms["rerank"] < 30_000


async def test_smoothing_lifts_a_passage_whose_neighbours_rank_high(shelf: Shelf):
    index = await script(shelf, {"arch": 1.0, "tide": 0.5, "beam": 0.45, "bread": 0.0}, {})
    plain = await retriever(shelf, index=index).search(request(shelf))
    smoothed = await retriever(shelf, index=index).search(
        request(shelf, switches=SearchSwitches(smoothing=True))
    )
    assert [r.document_id for r in plain.results] == ["arch", "tide", "beam", "bread"]
    assert [r.document_id for r in smoothed.results] == ["arch", "beam", "tide", "bread"]


async def test_smoothing_runs_where_it_is_set_and_not_where_a_request_declines(shelf: Shelf):
    index = await script(shelf, {"arch": 1.0, "tide": 0.5, "cable": 0.45, "beam": 0.0}, {})
    reranker = ScriptedReranker(lambda all_: [0.5] * len(all_))
    search = retriever(
        shelf,
        index=index,
        reranker=reranker,
        second=RerankOptions(is_smoothing=True, smoothing_share=1.0),
    )
    plain = await retriever(shelf, index=index, reranker=reranker).search(request(shelf))
    set_so = await search.search(request(shelf))
    declined = await search.search(request(shelf, switches=SearchSwitches(smoothing=False)))
    without_rerank = await search.search(request(shelf, rerank=False))
    order = [r.document_id for r in plain.results]
    assert [r.document_id for r in set_so.results] != order
    assert [r.document_id for r in declined.results] == order
    assert [r.document_id for r in without_rerank.results] == order


async def test_the_fused_order_stays_unsmoothed_when_the_reranker_is_away(shelf: Shelf):
    options = RerankOptions(is_smoothing=True, smoothing_share=1.0)
    plain = await retriever(shelf).search(request(shelf))
    search = retriever(shelf, reranker=raising(UnavailableError("Away.")), second=options)
    answer = await search.search(request(shelf))
    assert [r.chunk_id for r in answer.results] == [r.chunk_id for r in plain.results]
