from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from uuid import UUID

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fakes.embedder import FakeEmbedder
from tests.unit.retrieval.setting import (
    TEXTS,
    ScriptedIndex,
    ScriptedReranker,
    failing,
    request,
    retriever,
    script,
)
from tests.unit.store.setting import DIMENSION, Shelf, put

from groundwell.adapters.reranker.late_interaction import LateInteractionReranker
from groundwell.adapters.search_index.postgres import PostgresSearchIndex
from groundwell.domain.chunks import ChunkId
from groundwell.domain.errors import (
    GroundwellError,
    InvalidInputError,
    ProviderError,
    UnavailableError,
)
from groundwell.domain.filters import parse_filter
from groundwell.domain.search import (
    AnalysedQuery,
    LegScores,
    SearchType,
)
from groundwell.domain.search_switches import SearchSwitches
from groundwell.retrieval.rank import FusionOptions
from groundwell.retrieval.rerank import RerankOptions


@pytest.mark.parametrize("kind", list(SearchType))
@pytest.mark.parametrize("rerank", [True, False])
async def test_scores_lie_in_zero_to_one_and_fall_with_the_rank(
    shelf: Shelf, kind: SearchType, rerank: bool
):
    search = retriever(shelf, reranker=LateInteractionReranker(shelf.space.centre))
    answer = await search.search(
        request(shelf, "steel arch bridge", search_type=kind, rerank=rerank, explain=True)
    )
    found = [result.score for result in answer.results]
    assert found == sorted(found, reverse=True)
    assert all(0 <= score <= 1 for score in found)
    assert {result.document_id for result in answer.results[:2]} == {"arch", "cable"}
    explained = [result.explanation for result in answer.results]
    assert [e.rank_final for e in explained if e] == list(range(1, len(found) + 1))
    assert answer.degraded == ()
    assert answer.timings_ms.keys() == {"embed", "index", "rerank", "load", "explain", "total"}


scores = st.dictionaries(st.integers(0, 4), st.floats(-1, 40))


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    dense=scores,
    keyword=scores,
    reranked=st.lists(st.none() | st.floats(-1, 1), min_size=5, max_size=5),
)
async def test_ranks_follow_scores_whatever_the_stages_say(
    shelf: Shelf, dense: dict[int, float], keyword: dict[int, float], reranked: list[float | None]
):
    async with shelf.database.transaction(shelf.tenant) as connection:
        cursor = await connection.execute("SELECT id FROM chunks ORDER BY id")
        chunks = [ChunkId(str(row[0])) for row in await cursor.fetchall()]
    legs = LegScores(
        {chunks[number]: score for number, score in dense.items()},
        {chunks[number]: score for number, score in keyword.items()},
    )
    search = retriever(
        shelf,
        index=ScriptedIndex(legs),
        reranker=ScriptedReranker(lambda candidates: reranked[: len(candidates)]),
    )
    found = (await search.search(request(shelf))).results
    assert {result.chunk_id for result in found} == legs.dense.keys() | legs.keyword.keys()
    assert all(0 <= result.score <= 1 for result in found)
    assert all(a.score >= b.score for a, b in pairwise(found))


async def test_results_below_the_threshold_are_left_out(shelf: Shelf):
    search = retriever(shelf)
    everything = (await search.search(request(shelf))).results
    middle = everything[1].score
    kept = (await search.search(request(shelf, threshold=middle))).results
    assert [r.chunk_id for r in kept] == [r.chunk_id for r in everything if r.score >= middle]
    assert 0 < len(kept) < len(everything)
    assert (await search.search(request(shelf, threshold=1.0))).results == ()


async def test_the_last_candidate_keeps_its_own_score(shelf: Shelf):
    index = await script(shelf, {"arch": 0.8, "cable": 0.7}, {})
    found = (await retriever(shelf, index=index).search(request(shelf, threshold=0.1))).results
    assert [(r.document_id, r.score) for r in found] == [("arch", 0.8), ("cable", 0.7)]


async def test_a_score_does_not_depend_on_candidates_with_less_evidence(shelf: Shelf):
    alone = await script(shelf, {"arch": 0.8}, {})
    among = await script(shelf, {"arch": 0.8, "bread": 0.2, "tide": 0.1}, {})
    for index in (alone, among):
        assert (await retriever(shelf, index=index).search(request(shelf))).results[0].score == 0.8


async def test_ranks_instead_of_scores_are_joined_when_so_set(shelf: Shelf):
    # By scores the lead of "arch" in one list counts, by ranks only that "cable" is in both.
    index = await script(
        shelf, {"arch": 0.9, "cable": 0.2, "beam": 0.1}, {"tide": 9.0, "cable": 1.5, "bread": 1.0}
    )
    by_score = await retriever(shelf, index=index).search(request(shelf))
    by_rank = await retriever(shelf, index=index, fusion=FusionOptions(method="rrf")).search(
        request(shelf, explain=True)
    )
    assert by_score.results[0].document_id in {"arch", "tide"}
    assert by_rank.results[0].document_id == "cable"
    explained = by_rank.results[0].explanation
    assert explained is not None
    assert explained.fused == pytest.approx(1 / 62)


async def test_at_most_as_many_results_as_asked_for(shelf: Shelf):
    assert len((await retriever(shelf).search(request(shelf, limit=2))).results) == 2


async def test_the_first_results_are_the_same_however_many_are_asked_for(shelf: Shelf):
    dense = {"arch": 0.9, "cable": 0.7, "beam": 0.1, "bread": 0.0}
    index = await script(shelf, dense, {"cable": 9.0, "beam": 8.0, "tide": 0.1})
    search = retriever(
        shelf, index=index, fusion=FusionOptions(depth=2), second=RerankOptions(depth=2)
    )
    few = await search.search(request(shelf, limit=2))
    many = await search.search(request(shelf, limit=5))
    assert [r.chunk_id for r in many.results][:2] == [r.chunk_id for r in few.results]
    assert len(many.results) == 5


async def test_a_result_is_a_verbatim_passage_with_its_document(shelf: Shelf):
    (result, *_) = (await retriever(shelf).search(request(shelf, "wild yeast"))).results
    assert (result.document_id, result.text) == ("bread", TEXTS["bread"])
    assert TEXTS["bread"][result.char_start : result.char_end] == result.text
    assert (result.filename, result.metadata, result.version) == ("note.txt", {"kind": "bread"}, 1)


async def test_scores_of_the_stages_are_shown_only_on_request(shelf: Shelf):
    reranker = ScriptedReranker(lambda candidates: [0.5] * len(candidates))
    search = retriever(shelf, reranker=reranker)
    plain = (await search.search(request(shelf))).results
    explained = (await search.search(request(shelf, explain=True))).results
    assert all(result.explanation is None for result in plain)
    best = explained[0].explanation
    assert best is not None
    assert best.dense is not None
    assert best.keyword is not None
    assert (best.rerank, best.rank_fused, best.rank_final) == (0.5, 1, 1)


@pytest.mark.parametrize("error", [ProviderError("No."), UnavailableError("Away.")])
async def test_the_search_goes_on_without_its_embedder_and_says_so(
    shelf: Shelf, error: GroundwellError
):
    answer = await retriever(shelf, embedder=failing(error)).search(request(shelf))
    assert answer.degraded == ("embedder",)
    assert answer.encoding is None
    assert {r.document_id for r in answer.results} == {"arch", "cable", "beam"}


async def test_a_semantic_search_without_an_embedder_is_an_error(shelf: Shelf):
    search = retriever(shelf, embedder=failing(ProviderError("No.")))
    with pytest.raises(ProviderError):
        await search.search(request(shelf, search_type=SearchType.SEMANTIC))


async def test_a_keyword_search_needs_no_embedder(shelf: Shelf):
    search = retriever(shelf, embedder=failing(ProviderError("No.")))
    answer = await search.search(request(shelf, search_type=SearchType.KEYWORD))
    assert answer.degraded == ()
    assert len(answer.results) == 3


async def test_a_search_that_finds_nothing_answers_nothing(shelf: Shelf):
    search = retriever(shelf, reranker=LateInteractionReranker(shelf.space.centre))
    nothing = parse_filter({"kind": "submarine"})
    assert (await search.search(request(shelf, filter=nothing))).results == ()


async def test_a_chunk_that_was_deleted_while_the_search_ran_is_left_out(shelf: Shelf):
    gone = ChunkId(str(UUID(int=5)))
    index = ScriptedIndex(LegScores({gone: 0.9}, {gone: 3.0}))
    assert (await retriever(shelf, index=index).search(request(shelf))).results == ()


async def test_scores_that_are_below_zero_become_zero(shelf: Shelf):
    index = PostgresSearchIndex(shelf.database, shelf.space)
    encoding = await FakeEmbedder(DIMENSION).embed_query("bridge")
    query = AnalysedQuery("bridge", (), replace(encoding, vector=-np.abs(encoding.vector)))
    legs = await index.search(shelf.scope, query, SearchType.SEMANTIC, 100)
    opposite = LegScores({chunk: -abs(score) for chunk, score in legs.dense.items()}, {})
    answer = await retriever(shelf, index=ScriptedIndex(opposite)).search(request(shelf))
    assert [r.score for r in answer.results] == [0.0] * len(TEXTS)


async def test_a_recent_document_of_the_wanted_category_overtakes(shelf: Shelf):
    await put(
        shelf,
        {"old": "Rope bridges sway.", "new": "Rope bridges sway."},
        {
            "old": {"date": "2020-01-01", "category": "news"},
            "new": {"published": "2025-12-31", "category": ["News", "bridges"]},
        },
    )
    search = retriever(shelf)

    async def order(**switches: object) -> list[str]:
        asked = request(
            shelf,
            "rope bridges sway",
            rerank=False,
            explain=True,
            switches=SearchSwitches(**switches),  # type: ignore[arg-type] - a test's shorthand
        )
        found = (await search.search(asked)).results
        for result in found:
            assert result.explanation is not None
            assert (result.explanation.metadata is None) == (not switches)
        return [result.document_id for result in found[:2]]

    assert set(await order()) == {"old", "new"}
    assert await order(metadata_weight=0.1, recency_half_life_days=30) == ["new", "old"]
    (first, *_) = await order(metadata_weight=0.1, category="bridges")
    assert first == "new"


async def test_weights_that_are_all_zero_are_refused_before_anything_is_searched(shelf: Shelf):
    search = retriever(shelf, embedder=failing(ProviderError("No.")))
    switches = SearchSwitches(dense_weight=0, keyword_weight=0)
    with pytest.raises(InvalidInputError, match="all 0"):
        await search.search(request(shelf, switches=switches))


async def test_alpha_decides_between_meaning_and_words(shelf: Shelf):
    index = await script(shelf, {"arch": 0.9, "cable": 0.1}, {"tide": 9.0, "bread": 1.0})
    search = retriever(shelf, index=index)
    for alpha, first in ((0.9, "arch"), (0.1, "tide")):
        asked = request(shelf, switches=SearchSwitches(dense_weight=alpha), explain=True)
        best = (await search.search(asked)).results[0]
        assert best.document_id == first
        assert best.explanation is not None
        assert best.explanation.fused == pytest.approx(0.9)
