"""What every reranker promises, shown on those that there are."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import numpy as np
import pytest
from tests.unit.store.setting import DIMENSION, Shelf, asked, make_shelf, put

from groundwell.adapters.reranker.late_interaction import LateInteractionReranker
from groundwell.domain.chunks import ChunkId
from groundwell.domain.documents import TenantId
from groundwell.domain.search import AnalysedQuery
from groundwell.ports.reranker import Candidate, Reranker
from groundwell.store.database import Database

TEXTS = {"a": "steel cables hold the bridge", "b": "bread rises slowly", "c": "the bridge is red"}


@pytest.fixture
async def shelf(database: Database, database_url: str) -> Shelf:
    shelf = await make_shelf(database, database_url)
    await put(shelf, TEXTS)
    return shelf


@pytest.fixture(params=[0, 1 << 20], ids=["without memory", "with memory"])
def reranker(request: pytest.FixtureRequest, shelf: Shelf) -> Reranker:
    return LateInteractionReranker(shelf.database, shelf.space, memory_bytes=request.param)


@pytest.fixture
async def candidates(shelf: Shelf) -> dict[str, Candidate]:
    async with shelf.database.transaction(shelf.tenant) as connection:
        cursor = await connection.execute(
            "SELECT d.id, c.id, c.text FROM chunks c JOIN documents d ON d.uid = c.document_uid"
        )
        return {
            key: Candidate(ChunkId(str(chunk)), text)
            for key, chunk, text in await cursor.fetchall()
        }


async def test_the_passage_that_shares_more_words_scores_higher(
    shelf: Shelf, reranker: Reranker, candidates: dict[str, Candidate]
):
    chosen = [candidates[key] for key in "bca"]
    bread, red, steel = await reranker.rerank(shelf.tenant, asked("steel bridge"), chosen)
    assert bread is not None
    assert red is not None
    assert steel is not None
    assert bread < red < steel


async def test_scores_come_in_the_order_of_the_candidates(
    shelf: Shelf, reranker: Reranker, candidates: dict[str, Candidate]
):
    chosen = [candidates[key] for key in "abc"]
    scores = await reranker.rerank(shelf.tenant, asked("red bridge"), chosen)
    backwards = await reranker.rerank(shelf.tenant, asked("red bridge"), chosen[::-1])
    assert scores == pytest.approx(backwards[::-1])


async def test_no_candidates_are_no_work(shelf: Shelf, reranker: Reranker):
    assert await reranker.rerank(shelf.tenant, asked("bridge"), []) == []


async def test_a_candidate_that_is_gone_has_no_score(
    shelf: Shelf, reranker: Reranker, candidates: dict[str, Candidate]
):
    chosen = [Candidate(ChunkId(str(uuid4())), ""), candidates["a"]]
    gone, there = await reranker.rerank(shelf.tenant, asked("bridge"), chosen)
    assert gone is None
    assert there is not None


async def test_a_foreign_candidate_has_no_score(
    shelf: Shelf, reranker: Reranker, candidates: dict[str, Candidate]
):
    # Even where the owner's own search has just brought it into memory.
    assert await reranker.rerank(shelf.tenant, asked("bridge"), [candidates["a"]]) != [None]
    scores = await reranker.rerank(TenantId(uuid4()), asked("bridge"), [candidates["a"]])
    assert scores == [None]


async def test_a_query_without_token_vectors_scores_nothing(
    shelf: Shelf, reranker: Reranker, candidates: dict[str, Candidate]
):
    query = asked("bridge")
    assert query.encoding is not None
    nothing = np.empty((0, DIMENSION), dtype=np.float32)
    bare = replace(query.encoding, token_vectors=nothing, token_spans=())
    for blind in (AnalysedQuery("bridge", (), None), replace(query, encoding=bare)):
        assert await reranker.rerank(shelf.tenant, blind, [candidates["a"]]) == [None]


@pytest.mark.parametrize("memory_bytes", [1, 100, 1 << 20])
async def test_memory_of_any_size_changes_no_score(
    shelf: Shelf, candidates: dict[str, Candidate], memory_bytes: int
):
    fresh = LateInteractionReranker(shelf.database, shelf.space)
    remembering = LateInteractionReranker(shelf.database, shelf.space, memory_bytes=memory_bytes)
    for keys in ("ab", "bc", "abc", "ca"):
        chosen = [candidates[key] for key in keys]
        expected = await fresh.rerank(shelf.tenant, asked("red bridge"), chosen)
        assert await remembering.rerank(shelf.tenant, asked("red bridge"), chosen) == expected
