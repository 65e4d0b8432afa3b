"""Calls of models elsewhere are counted by what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from uuid import uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.fakes.embedder import FakeEmbedder
from tests.fakes.language_model import FakeLanguageModel

from groundwell.adapters.metrics.prometheus import PrometheusMetrics
from groundwell.adapters.metrics.providers import (
    ObservedEmbedder,
    ObservedLanguageModel,
    ObservedReranker,
)
from groundwell.domain.answers import ChatMessage, Role
from groundwell.domain.chunks import ChunkId
from groundwell.domain.errors import ProviderError, UnavailableError
from groundwell.domain.search import AnalysedQuery
from groundwell.ports.reranker import Candidate

ASKED = (ChatMessage(Role.USER, "Why?"),)


def calls(metrics: PrometheusMetrics) -> dict[tuple[str, str], float]:
    text, _ = metrics.exposition(None)
    return {
        (sample.labels["provider"], sample.labels["outcome"]): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if sample.name == "groundwell_provider_calls_total"
    }


async def test_answers_failures_and_callers_who_left_are_told_apart() -> None:
    metrics = PrometheusMetrics()
    scripts = [["Be", "cause."], ["Be", ProviderError("No.")], ["Be", "cause."], ["Because."]]
    fake = FakeLanguageModel(list(scripts))
    model = ObservedLanguageModel(fake, metrics)
    assert [piece async for piece in model.stream(ASKED, 50)] == ["Be", "cause."]
    with pytest.raises(ProviderError):
        [piece async for piece in model.stream(ASKED, 50)]
    async with aclosing(model.stream(ASKED, 50)) as pieces:
        assert await anext(pieces) == "Be"
    assert fake.open_streams == 0, "the provider went on for nobody"
    assert (await model.complete(ASKED, 50)).text == "Because."
    assert calls(metrics) == {
        ("language_model", "ok"): 2,
        ("language_model", ProviderError.default_code): 1,
        ("language_model", "cancelled"): 1,
    }
    assert model.model == fake.model
    await model.close()


async def test_an_embedder_keeps_all_its_properties() -> None:
    metrics = PrometheusMetrics()
    fake = FakeEmbedder()
    embedder = ObservedEmbedder(fake, metrics)
    assert (embedder.model, embedder.dimension) == (fake.model, fake.dimension)
    assert (embedder.max_tokens, embedder.tokenizer) == (fake.max_tokens, fake.tokenizer)
    assert embedder.has_token_vectors == fake.has_token_vectors
    await embedder.embed_query("heron")
    assert len(await embedder.embed_documents(["heron", "stork"])) == 2
    assert await embedder.document_spans(["heron"]) == await fake.document_spans(["heron"])
    await embedder.close()
    assert calls(metrics) == {("embedder", "ok"): 2}


class _Away:
    needs_text = True

    async def rerank(
        self, query: AnalysedQuery, candidates: Sequence[Candidate]
    ) -> list[float | None]:
        del query
        raise (RuntimeError("a bug") if candidates else UnavailableError("Away."))


async def test_a_reranker_that_is_away_counts_by_the_code_of_its_error() -> None:
    metrics = PrometheusMetrics()
    reranker = ObservedReranker(_Away(), metrics)
    query = AnalysedQuery("heron", ("heron",), None)
    with pytest.raises(UnavailableError):
        await reranker.rerank(query, [])
    with pytest.raises(RuntimeError):
        await reranker.rerank(query, [Candidate(ChunkId(uuid4()))])
    assert reranker.needs_text
    assert calls(metrics) == {
        ("reranker", UnavailableError.default_code): 1,
        ("reranker", "internal_error"): 1,
    }
