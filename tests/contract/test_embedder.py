"""What every embedder promises."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from tests.fakes.embedder import FakeEmbedder
from tests.fakes.encoder_folder import write_encoder

from groundwell.adapters.embedder.openai import OpenAIEmbedder
from groundwell.adapters.embedder.openvino import OpenVinoEmbedder
from groundwell.ports.embedder import Embedder

ODD_TEXTS = [
    "",
    " ",
    "a",
    "?",
    "🙂",
    "👩‍👩‍👧‍👦 fox",
    "糖尿病患者",
    "red\x00fox\n",
    "x" * 5000,
    "red fox " * 300,
    "\ud800 fox",
    "[CLS] [SEP] [PAD]",
    "{'a': [1, 2]}",
]


def answer(request: httpx.Request) -> httpx.Response:
    texts = json.loads(request.content)["input"]
    data = []
    for index, text in enumerate(texts):
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")
        vector = np.random.default_rng(seed).standard_normal(24)
        data.append({"object": "embedding", "index": index, "embedding": vector.tolist()})
    return httpx.Response(200, json={"object": "list", "data": data[::-1], "model": "m"})


def make_embedder(kind: str, folder: Path) -> Embedder:
    match kind:
        case "openvino":
            return OpenVinoEmbedder(write_encoder(folder), name="tiny", threads=2)
        case "openai":
            return OpenAIEmbedder(
                base_url="http://model.test/v1",
                api_key="key",
                model="m",
                dimension=24,
                batch_size=4,
                transport=httpx.MockTransport(answer),
            )
        case _:
            return FakeEmbedder()


@pytest.fixture(params=["fake", "openvino", "openai"])
async def embedder(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Embedder]:
    embedder = make_embedder(request.param, tmp_path / "model")
    yield embedder
    await embedder.close()


@pytest.mark.parametrize("text", ODD_TEXTS, ids=range(len(ODD_TEXTS)))
async def test_any_text_yields_a_finite_vector_of_length_one(embedder: Embedder, text: str):
    for encoding in (await embedder.embed_query(text), *await embedder.embed_documents([text])):
        assert encoding.vector.shape == (embedder.dimension,)
        assert encoding.vector.dtype == np.float32
        assert np.linalg.norm(encoding.vector) == pytest.approx(1, abs=1e-4)
        assert np.isfinite(encoding.token_vectors).all()


async def test_results_come_in_the_order_of_the_texts(embedder: Embedder):
    texts = [f"{'red ' * (n % 7)}fox{' blue' * (n % 5)}" for n in range(35)]
    alone = [(await embedder.embed_documents([text]))[0].vector for text in texts]
    together = [encoding.vector for encoding in await embedder.embed_documents(texts)]
    assert len(together) == len(texts)
    for one, other in zip(alone, together, strict=True):
        assert float(one @ other) > 0.999


async def test_no_texts_yield_no_encodings(embedder: Embedder):
    assert await embedder.embed_documents([]) == []


async def test_same_text_gives_the_same_vector(embedder: Embedder):
    first, second = await embedder.embed_documents(["red fox", "red fox"])
    again = await embedder.embed_query("red fox")
    assert float(first.vector @ second.vector) > 0.9999
    assert float(first.vector @ again.vector) > 0.999


async def test_different_texts_give_different_vectors(embedder: Embedder):
    first, second = await embedder.embed_documents(["red fox", "blue"])
    assert float(first.vector @ second.vector) < 0.99


async def test_token_vectors_and_spans_belong_together(embedder: Embedder):
    text = "red fox, green fox"
    encoding = await embedder.embed_query(text)
    if not embedder.has_token_vectors:
        assert encoding.token_vectors.shape == (0, embedder.dimension)
        assert encoding.token_spans == ()
        return
    assert encoding.token_vectors.shape == (len(encoding.token_spans), embedder.dimension)
    words = [text[start:end] for start, end in encoding.token_spans]
    assert words == ["red", "fox", ",", "green", "fox"]


@pytest.mark.parametrize("texts", [[], ["red fox, green"], ODD_TEXTS], ids=["none", "one", "odd"])
async def test_spans_of_passages_are_known_without_embedding_them(
    embedder: Embedder, texts: list[str]
):
    encodings = await embedder.embed_documents(texts)
    assert await embedder.document_spans(texts) == [encoding.token_spans for encoding in encodings]


async def test_long_text_is_cut_to_the_limit(embedder: Embedder):
    encoding = (await embedder.embed_documents(["red fox " * 500]))[0]
    assert len(encoding.token_vectors) <= embedder.max_tokens


async def test_calls_at_the_same_time_get_their_own_results(embedder: Embedder):
    texts = ["red", "green", "blue", "fox", "red fox", "blue fox"] * 4
    alone = {text: (await embedder.embed_query(text)).vector for text in set(texts)}
    encodings = await asyncio.gather(*(embedder.embed_query(text) for text in texts))
    for text, encoding in zip(texts, encodings, strict=True):
        assert float(alone[text] @ encoding.vector) > 0.999


async def test_tokenizer_gives_spans_in_order_within_the_text(embedder: Embedder):
    text = "red fox, 糖尿 green 🙂 fox"
    spans = embedder.tokenizer.spans(text)
    assert spans == sorted(spans)
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert embedder.tokenizer.spans_of([text, ""]) == [spans, []]


async def test_tokenizer_does_not_cut(embedder: Embedder):
    text = "red " * 1000
    assert len(embedder.tokenizer.spans(text)) >= 1000
