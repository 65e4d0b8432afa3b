"""Queries are embedded once, by whomever and however often they are asked."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from tests.fakes.embedder import FakeEmbedder

from groundwell.domain.chunks import Encoding
from groundwell.domain.errors import ProviderError
from groundwell.retrieval.cached_embedder import CachedEmbedder
from groundwell.retrieval.memory import Memory


class GatedEmbedder(FakeEmbedder):
    """An embedder that waits until the test lets it go on."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()

    async def embed_query(self, text: str) -> Encoding:
        await self.gate.wait()
        return await super().embed_query(text)


def cached(embedder: FakeEmbedder) -> CachedEmbedder:
    return CachedEmbedder(embedder, Memory(1 << 20, 60))


async def test_the_second_time_a_query_is_not_computed():
    embedder = FakeEmbedder()
    remembering = cached(embedder)
    first = await remembering.embed_query("herons")
    second = await remembering.embed_query("herons")
    assert embedder.calls == [1]
    direct = await FakeEmbedder().embed_query("herons")
    for encoding in (first, second):
        assert np.array_equal(encoding.vector, direct.vector)
        assert np.array_equal(encoding.token_vectors, direct.token_vectors)
        assert encoding.token_spans == direct.token_spans


@pytest.mark.parametrize("other", ["Herons", "herons ", " herons", "heron", "hérons", ""])
async def test_only_exactly_the_same_text_is_the_same_query(other: str):
    embedder = FakeEmbedder()
    remembering = cached(embedder)
    await remembering.embed_query("herons")
    await remembering.embed_query(other)
    assert embedder.calls == [1, 1]


async def test_two_models_that_share_a_memory_share_no_encoding():
    memory: Memory[Encoding] = Memory(1 << 20, 60)
    first, second = FakeEmbedder(), FakeEmbedder()
    second.model = "another"
    await CachedEmbedder(first, memory).embed_query("herons")
    await CachedEmbedder(second, memory).embed_query("herons")
    assert (first.calls, second.calls) == ([1], [1])


async def test_equal_queries_at_the_same_time_are_computed_once():
    embedder = GatedEmbedder()
    remembering = cached(embedder)
    asking = [asyncio.ensure_future(remembering.embed_query("herons")) for _ in range(20)]
    other = asyncio.ensure_future(remembering.embed_query("storks"))
    await asyncio.sleep(0)
    embedder.gate.set()
    encodings = await asyncio.gather(*asking)
    await other
    assert embedder.calls == [1, 1]
    assert all(encoding is encodings[0] for encoding in encodings)


async def test_one_who_gives_up_takes_the_result_from_nobody():
    embedder = GatedEmbedder()
    remembering = cached(embedder)
    impatient = asyncio.ensure_future(remembering.embed_query("herons"))
    patient = asyncio.ensure_future(remembering.embed_query("herons"))
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.sleep(0)
    embedder.gate.set()
    assert (await patient).vector.shape == (32,)
    assert impatient.cancelled()
    assert embedder.calls == [1]


async def test_an_error_reaches_everyone_who_waits_and_is_not_remembered():
    embedder = GatedEmbedder()
    remembering = cached(embedder)
    embedder.error = ProviderError("No.")
    asking = [asyncio.ensure_future(remembering.embed_query("herons")) for _ in range(3)]
    embedder.gate.set()
    outcomes = await asyncio.gather(*asking, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ProviderError] * 3
    assert embedder.calls == [1]
    embedder.error = None
    await remembering.embed_query("herons")
    assert embedder.calls == [1, 1]


async def test_an_error_that_nobody_waits_for_is_nobodys_problem(
    caplog: pytest.LogCaptureFixture,
):
    embedder = GatedEmbedder()
    remembering = cached(embedder)
    embedder.error = ProviderError("No.")
    asking = asyncio.ensure_future(remembering.embed_query("herons"))
    await asyncio.sleep(0)
    asking.cancel()
    embedder.gate.set()
    await asyncio.wait([asking])
    await asyncio.sleep(0.01)
    assert asking.cancelled()
    assert embedder.calls == [1]
    assert not caplog.records


async def test_what_is_remembered_cannot_be_overwritten():
    remembering = cached(FakeEmbedder())
    encoding = await remembering.embed_query("herons")
    for array in (encoding.vector, encoding.token_vectors):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


async def test_passages_and_everything_else_come_straight_from_the_embedder():
    embedder = FakeEmbedder()
    remembering = cached(embedder)
    await remembering.embed_documents(["a", "b"])
    await remembering.embed_documents(["a", "b"])
    await remembering.close()
    assert embedder.calls == [2, 2]
    for name in ("model", "dimension", "max_tokens", "has_token_vectors", "tokenizer"):
        assert getattr(remembering, name) == getattr(embedder, name)
