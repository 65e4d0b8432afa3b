"""What every reranker promises, shown on those that there are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from tests.fakes.matching_encoder import write_matching_encoder
from tests.fakes.rerank_server import serve_reranking
from tests.unit.store.setting import DIMENSION, Shelf, asked, make_shelf, put

from groundwell.adapters.reranker.cross_encoder import CrossEncoderReranker
from groundwell.adapters.reranker.http import HttpReranker
from groundwell.adapters.reranker.late_interaction import LateInteractionReranker
from groundwell.domain.chunks import ChunkId
from groundwell.domain.search import AnalysedQuery
from groundwell.ports.reranker import Candidate, Reranker
from groundwell.store.chunk_vectors import ChunkVectors
from groundwell.store.database import Database

TEXTS = {"a": "steel cables hold the bridge", "b": "bread rises slowly", "c": "the bridge is red"}


@pytest.fixture
async def shelf(database: Database, database_url: str) -> Shelf:
    shelf = await make_shelf(database, database_url)
    await put(shelf, TEXTS)
    return shelf


@pytest.fixture(params=["late_interaction", "cross_encoder", "http"])
async def reranker(
    request: pytest.FixtureRequest, shelf: Shelf, tmp_path: Path
) -> AsyncIterator[Reranker]:
    match request.param:
        case "cross_encoder":
            words = sorted(set(" ".join(TEXTS.values()).split()))
            cross_encoder = CrossEncoderReranker(write_matching_encoder(tmp_path, words), threads=1)
            yield cross_encoder
            await cross_encoder.close()
        case "http":
            async with serve_reranking() as base_url:
                remote = HttpReranker(base_url=base_url, api_key="key", model="words")
                yield remote
                await remote.close()
        case _:
            yield LateInteractionReranker(shelf.space.centre)


@pytest.fixture
def from_store(reranker: Reranker) -> Reranker:
    """A reranker that reads what was stored of a chunk, not the candidate's text."""
    if reranker.needs_text:
        pytest.skip("reads the text that it is given")
    return reranker


@pytest.fixture
async def candidates(shelf: Shelf) -> dict[str, Candidate]:
    async with shelf.database.transaction(shelf.tenant) as connection:
        cursor = await connection.execute(
            "SELECT d.id, c.id, c.text FROM chunks c JOIN documents d ON d.uid = c.document_uid"
        )
        rows = await cursor.fetchall()
    chunks = [ChunkId(str(chunk)) for _, chunk, _ in rows]
    vectors = await ChunkVectors(shelf.database, shelf.space).read(shelf.tenant, chunks)
    return {
        key: Candidate(chunk, text, vectors[chunk].token_bits)
        for (key, _, text), chunk in zip(rows, chunks, strict=True)
    }


async def test_the_passage_that_shares_more_words_scores_higher(
    reranker: Reranker, candidates: dict[str, Candidate]
):
    chosen = [candidates[key] for key in "bca"]
    bread, red, steel = await reranker.rerank(asked("steel bridge"), chosen)
    assert bread is not None
    assert red is not None
    assert steel is not None
    assert bread < red < steel


async def test_scores_come_in_the_order_of_the_candidates(
    reranker: Reranker, candidates: dict[str, Candidate]
):
    chosen = [candidates[key] for key in "abc"]
    scores = await reranker.rerank(asked("red bridge"), chosen)
    backwards = await reranker.rerank(asked("red bridge"), chosen[::-1])
    assert scores == pytest.approx(backwards[::-1])


async def test_no_candidates_are_no_work(reranker: Reranker):
    assert await reranker.rerank(asked("bridge"), []) == []


async def test_a_candidate_that_is_gone_has_no_score(
    reranker: Reranker, candidates: dict[str, Candidate]
):
    chosen = [Candidate(ChunkId(str(uuid4()))), candidates["a"]]
    gone, there = await reranker.rerank(asked("bridge"), chosen)
    assert gone is None
    assert there is not None


async def test_a_query_without_token_vectors_scores_nothing(
    from_store: Reranker, candidates: dict[str, Candidate]
):
    query = asked("bridge")
    assert query.encoding is not None
    nothing = np.empty((0, DIMENSION), dtype=np.float32)
    bare = replace(query.encoding, token_vectors=nothing, token_spans=())
    for blind in (AnalysedQuery("bridge", (), None), replace(query, encoding=bare)):
        assert await from_store.rerank(blind, [candidates["a"]]) == [None]


async def test_a_reranker_of_text_needs_nothing_but_text(reranker: Reranker):
    if not reranker.needs_text:
        pytest.skip("reads what was stored")
    query = AnalysedQuery("steel bridge", (), None)
    strangers = [Candidate(ChunkId(str(uuid4())), TEXTS[key]) for key in "ab"]
    steel, bread = await reranker.rerank(query, strangers)
    assert steel is not None
    assert bread is not None
    assert steel > bread
