"""Short texts share a row of the model's input, and nothing else."""

from __future__ import annotations

import asyncio
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from tests.fakes.encoder_folder import WORDS, write_encoder
from tests.fakes.onnx_file import make_onnx
from tests.unit.adapters.embedder.setting import cosine, ids_of, make_runner, tokenized

from groundwell.adapters.embedder.openvino import OpenVinoEmbedder
from groundwell.domain.chunks import Encoding
from groundwell.encoders.layout import BATCH_TOKENS

ALIKE = 0.9999


def random_texts(count: int, most: int = 14) -> list[list[int]]:
    """Texts of one token and more, special tokens not counted."""
    rng = np.random.default_rng(3)
    lengths = [1, most, *rng.integers(1, most + 1, count - 2).tolist()]
    return [[2, *rng.integers(4, len(WORDS), length).tolist(), 3] for length in lengths]


def write_model(folder: Path, kind: str) -> Path:
    if kind != "onnx":
        return write_encoder(folder, pooling=kind)
    write_encoder(folder, has_weights=False, hidden_size=8)
    table = np.random.default_rng(1).standard_normal((len(WORDS), 8)).astype(np.float32)
    (folder / "model.onnx").write_bytes(make_onnx(table))
    return folder


def assert_alike(encoding: Encoding, own: Encoding) -> None:
    assert encoding.token_vectors.shape == own.token_vectors.shape
    assert cosine(encoding.vector, own.vector) >= ALIKE
    if len(own.token_vectors):
        assert cosine(encoding.token_vectors, own.token_vectors) >= ALIKE
    assert encoding.token_spans == own.token_spans


@pytest.mark.parametrize("kind", ["mean", "cls", "onnx"])
def test_texts_of_one_pass_are_encoded_as_if_each_was_alone(tmp_path: Path, kind: str):
    runner = make_runner(write_model(tmp_path, kind))
    texts = tokenized(*random_texts(30), [2, 3])
    assert sum(len(text.ids) for text in texts) <= BATCH_TOKENS
    alone = [runner.run([text])[0] for text in texts]
    (together,) = runner.run_short(texts)
    for encoding, own in zip(together, alone, strict=True):
        assert_alike(encoding, own)


def test_what_a_text_shares_its_row_with_makes_no_difference(tmp_path: Path):
    runner = make_runner(write_encoder(tmp_path))
    (text,) = tokenized(ids_of("red fox"))
    (own,) = runner.run([text])
    for neighbour in tokenized(*random_texts(20)):
        ((before, _),) = runner.run_short([text, neighbour])
        ((_, behind),) = runner.run_short([neighbour, text])
        assert_alike(before, own)
        assert_alike(behind, own)


@pytest.mark.parametrize("kind", ["mean", "cls", "onnx"])
def test_more_texts_than_a_pass_may_hold_take_several_in_order(tmp_path: Path, kind: str):
    runner = make_runner(write_model(tmp_path, kind))
    texts = tokenized(*random_texts(150))
    alone = [runner.run([text])[0] for text in texts]
    passes = list(runner.run_short(texts))
    assert 1 < len(passes) < len(texts)
    for encoding, own in zip(chain(*passes), alone, strict=True):
        assert_alike(encoding, own)
    lengths = iter(len(text.ids) for text in texts)
    for encodings in passes:
        assert sum(next(lengths) for _ in encodings) <= BATCH_TOKENS


def test_a_text_of_more_tokens_than_a_pass_should_hold_has_one_of_its_own(tmp_path: Path):
    runner = make_runner(write_model(tmp_path, "onnx"))
    short, long = ids_of("red fox"), [2] * (BATCH_TOKENS + 5)
    passes = list(runner.run_short(tokenized(short, short, long, short)))
    assert [len(encodings) for encodings in passes] == [2, 1, 1]
    assert len(passes[1][0].token_vectors) == len(long) - 2
    assert list(runner.run_short([])) == []


@pytest.mark.parametrize("lanes", [1, 2])
async def test_each_of_many_queries_at_once_gets_its_own_answer(tmp_path: Path, lanes: int):
    embedder = OpenVinoEmbedder(write_encoder(tmp_path), name="tiny", threads=2, lanes=lanes)
    queries = [
        " ".join(WORDS[number] for number in ids[1:-1] if number != WORDS.index("##es"))
        for ids in random_texts(400)
    ]
    known = {query: await embedder.embed_query(query) for query in set(queries)}
    answers = await asyncio.gather(*(embedder.embed_query(query) for query in queries))
    for query, answer in zip(queries, answers, strict=True):
        assert_alike(answer, known[query])
    await embedder.close()
