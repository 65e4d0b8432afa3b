"""Ranking texts that are not in the index."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest
from tests.fakes.embedder import FakeEmbedder

from groundwell.domain.errors import GroundwellError, ProviderError
from groundwell.domain.search import AnalysedQuery
from groundwell.ports.reranker import Candidate, Reranker
from groundwell.retrieval.rank_texts import TextRanker

CENTRE = np.zeros(32, np.float32)
TEXTS = ["bread rises slowly", "steel cables hold the bridge", "the red bridge"]


class LengthReranker:
    """Prefers long texts. `error`, when set, is raised by every call."""

    def __init__(self, *, needs_text: bool = True, error: GroundwellError | None = None) -> None:
        self.needs_text = needs_text
        self.error = error

    async def rerank(
        self, query: AnalysedQuery, candidates: Sequence[Candidate]
    ) -> list[float | None]:
        del query
        if self.error is not None:
            raise self.error
        return [float(len(c.text)) if c.text else None for c in candidates]


def ranker(reranker: Reranker | None = None, *, has_token_vectors: bool = True) -> TextRanker:
    embedder = FakeEmbedder(has_token_vectors=has_token_vectors)
    return TextRanker(embedder, CENTRE, reranker)


@pytest.mark.parametrize("has_token_vectors", [True, False])
async def test_the_text_that_shares_more_words_scores_higher(has_token_vectors: bool):
    ranking = await ranker(has_token_vectors=has_token_vectors).rank("steel bridge", TEXTS)
    bread, steel, red = ranking.scores
    assert bread < red < steel
    assert all(0 <= score <= 1 for score in ranking.scores)
    assert ranking.degraded == ()


async def test_a_text_has_the_same_score_whatever_stands_beside_it():
    alone = await ranker().rank("steel bridge", TEXTS[1:2])
    among = await ranker().rank("steel bridge", TEXTS)
    assert among.scores[1] == pytest.approx(alone.scores[0], abs=1e-5)


async def test_the_query_itself_scores_near_one():
    ranking = await ranker().rank("steel bridge", ["steel bridge"])
    assert ranking.scores[0] > 0.9


async def test_texts_without_words_score_nothing():
    ranking = await ranker().rank("bridge", ["", " \n", "bridge"])
    assert ranking.scores[:2] == (0.0, 0.0)
    assert ranking.scores[2] > 0


async def test_equal_texts_are_embedded_once():
    embedder = FakeEmbedder()
    ranking = await TextRanker(embedder, CENTRE, None).rank("bridge", ["a", "b", "a"])
    assert ranking.scores[0] == ranking.scores[2]
    assert sorted(embedder.calls) == [1, 2]


async def test_a_reranker_that_reads_texts_decides_alone():
    ranking = await ranker(LengthReranker()).rank("bread", [*TEXTS, ""])
    assert ranking.scores == (*(float(len(text)) for text in TEXTS), 0.0)
    assert "rerank" in ranking.timings_ms


async def test_a_reranker_that_needs_stored_bits_is_not_asked():
    with_bits = LengthReranker(needs_text=False, error=ProviderError("It was asked."))
    ranking = await ranker(with_bits).rank("steel bridge", TEXTS)
    assert ranking.scores == (await ranker().rank("steel bridge", TEXTS)).scores


async def test_a_reranker_that_fails_is_replaced_and_named():
    broken = LengthReranker(error=ProviderError("It is away."))
    ranking = await ranker(broken).rank("steel bridge", TEXTS)
    assert ranking.degraded == ("reranker",)
    assert ranking.scores == (await ranker().rank("steel bridge", TEXTS)).scores


async def test_a_late_reranker_is_replaced_and_named():
    class Late(LengthReranker):
        async def rerank(
            self, query: AnalysedQuery, candidates: Sequence[Candidate]
        ) -> list[float | None]:
            await asyncio.sleep(60)
            return await super().rerank(query, candidates)

    late = TextRanker(FakeEmbedder(), CENTRE, Late(), seconds=0.05)
    ranking = await late.rank("steel bridge", TEXTS)
    assert ranking.degraded == ("reranker",)
    assert ranking.scores == (await ranker().rank("steel bridge", TEXTS)).scores


async def test_a_text_that_cannot_be_scored_comes_after_all_others():
    class Logits(LengthReranker):
        async def rerank(
            self, query: AnalysedQuery, candidates: Sequence[Candidate]
        ) -> list[float | None]:
            found = await super().rerank(query, candidates)
            return [None if score is None else score - 1000 for score in found]

    blank, text = (await ranker(Logits()).rank("bridge", ["", "hardly relevant"])).scores
    assert blank < text < 0
