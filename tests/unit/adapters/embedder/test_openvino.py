"""The in-process embedder against a forward pass written in numpy."""

from __future__ import annotations

import asyncio
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tests.fakes.encoder_folder import HEADS, HIDDEN, LAYERS, WORDS, make_weights, write_encoder
from tests.fakes.onnx_file import make_onnx
from tests.unit.adapters.embedder.setting import cosine, ids_of, make_runner, tokenized

from groundwell.adapters.embedder.openvino import OpenVinoEmbedder
from groundwell.adapters.embedder.openvino.graph import load_graph, ov
from groundwell.adapters.embedder.openvino.inference import BATCH_TOKENS, cut_batches
from groundwell.adapters.embedder.openvino.recipe import read_recipe
from groundwell.adapters.embedder.openvino.tensors import as_float32
from groundwell.adapters.embedder.openvino.tokenization import TokenizedText
from groundwell.domain.errors import StartupError, UnavailableError

Array = NDArray[np.float32]


def norm(x: Array, weights: dict[str, Array], name: str) -> Array:
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12)
    return scaled * weights[name + ".weight"] + weights[name + ".bias"]


def dense(x: Array, weights: dict[str, Array], name: str) -> Array:
    return x @ weights[name + ".weight"].T + weights[name + ".bias"]


def hidden_states(ids: list[int], weights: dict[str, Array], offset: int = 0) -> Array:
    """One text through the encoder, in float32."""
    x = weights["embeddings.word_embeddings.weight"][ids]
    x = x + weights["embeddings.position_embeddings.weight"][offset : offset + len(ids)]
    x = x + weights["embeddings.token_type_embeddings.weight"][0]
    x = norm(x, weights, "embeddings.LayerNorm")
    size = HIDDEN // HEADS
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}."
        q, k, v = (
            dense(x, weights, f"{name}attention.self.{part}").reshape(len(ids), HEADS, size)
            for part in ("query", "key", "value")
        )
        scores = np.einsum("ihd,jhd->hij", q, k) / math.sqrt(size)
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        mixed = np.einsum("hij,jhd->ihd", shares, v).reshape(len(ids), HIDDEN)
        mixed = dense(mixed, weights, name + "attention.output.dense")
        x = norm(mixed + x, weights, name + "attention.output.LayerNorm")
        inner = dense(x, weights, name + "intermediate.dense")
        inner = inner * 0.5 * (1 + np.vectorize(math.erf)(inner / math.sqrt(2)))
        x = norm(
            dense(inner, weights, name + "output.dense") + x, weights, name + "output.LayerNorm"
        )
    return x.astype(np.float32)


def run_exactly(folder: Path, texts: list[list[int]]) -> Array:
    """The states of the compiled graph in float32, a text in each row, without lanes."""
    core = ov.Core()
    graph, _ = load_graph(folder, read_recipe(folder), core)
    compiled = core.compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    length = max(map(len, texts))
    ids = np.array([text + [0] * (length - len(text)) for text in texts], np.int32)
    places = np.broadcast_to(np.arange(length, dtype=np.int32), ids.shape).copy()
    numbers = np.array([[1] * len(t) + [0] * (length - len(t)) for t in texts], np.int32)
    states: Array = compiled([ids, places, numbers])[0]
    return states


def test_graph_equals_the_forward_pass_in_numpy(tmp_path: Path):
    texts = [ids_of("red fox"), ids_of("green blue fox red fox ##es"), [2, 3]]
    states = run_exactly(write_encoder(tmp_path), texts)
    for row, text in enumerate(texts):
        expected = hidden_states(text, make_weights())
        np.testing.assert_allclose(states[row, : len(text)], expected, atol=2e-4)


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_vector_pools_the_states_of_its_own_text(tmp_path: Path, pooling: str):
    texts = [ids_of("red fox"), ids_of("green blue fox red fox ##es"), [2, 3]]
    encodings = make_runner(write_encoder(tmp_path, pooling=pooling)).run(tokenized(*texts))
    for text, encoding in zip(texts, encodings, strict=True):
        states = hidden_states(text, make_weights())
        pooled = states.mean(0) if pooling == "mean" else states[0]
        assert np.linalg.norm(encoding.vector) == pytest.approx(1, abs=1e-5)
        assert cosine(encoding.vector, pooled) >= 0.9999
        assert encoding.token_vectors.shape == (len(text) - 2, HIDDEN)
        # bfloat16, where the processor has it, keeps two to three digits.
        np.testing.assert_allclose(encoding.token_vectors, states[1:-1], atol=0.05)


def test_roberta_counts_positions_from_behind_the_padding(tmp_path: Path):
    folder = write_encoder(tmp_path, model_type="roberta", pad_token_id=1)
    states = run_exactly(folder, [ids_of("red fox")])
    expected = hidden_states(ids_of("red fox"), make_weights(), offset=2)
    np.testing.assert_allclose(states[0], expected, atol=2e-4)


@pytest.mark.parametrize("prefix", ["bert.", "roberta."])
def test_weights_are_found_below_a_prefix(tmp_path: Path, prefix: str):
    folder = write_encoder(tmp_path)
    prefixed = {prefix + name: tensor for name, tensor in make_weights().items()}
    save_file(prefixed, folder / "model.safetensors")
    states = run_exactly(folder, [ids_of("red fox")])
    np.testing.assert_allclose(
        states[0], hidden_states(ids_of("red fox"), make_weights()), atol=2e-4
    )


def test_half_precision_tensors_are_widened_exactly():
    numbers = np.array([1.0, -2.5, 0.0], np.float32)
    as_bfloat16 = (numbers.view(np.uint32) >> 16).astype(np.uint16)
    assert as_float32(as_bfloat16).tolist() == numbers.tolist()
    assert as_float32(numbers.astype(np.float16)).tolist() == numbers.tolist()


def test_onnx_is_read_where_there_are_no_safetensors(tmp_path: Path):
    folder = write_encoder(tmp_path, has_weights=False, hidden_size=8)
    table = np.random.default_rng(1).standard_normal((len(WORDS), 8)).astype(np.float32)
    (folder / "model.onnx").write_bytes(make_onnx(table))
    texts = [ids_of("red fox"), ids_of("blue")]
    expected = [table[text].cumsum(0) for text in texts]
    states = run_exactly(folder, texts)
    for row, text in enumerate(texts):
        np.testing.assert_allclose(states[row, : len(text)], expected[row], atol=1e-5)
    encodings = make_runner(folder).run(tokenized(*texts))
    for encoding, own in zip(encodings, expected, strict=True):
        assert cosine(encoding.vector, own.mean(0)) >= 0.9999


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"model_type": "t5"}, "xlm-roberta"),
        ({"hidden_act": "silu"}, "relu"),
        ({"position_embedding_type": "relative_key"}, "absolute"),
        ({"pooling": "max"}, "CLS"),
        ({"has_weights": False}, "safetensors"),
        ({"num_hidden_layers": 3}, "encoder.layer.2"),
        ({"hidden_size": 64}, "config.json"),
        ({"hidden_size": "wide"}, "hidden_size"),
    ],
)
def test_unusable_model_is_refused_with_what_is_supported(
    tmp_path: Path, change: dict[str, str], word: str
):
    folder = write_encoder(tmp_path, **change)
    with pytest.raises(StartupError, match=word):
        OpenVinoEmbedder(folder, name="tiny", threads=1)


@pytest.mark.parametrize("content", [b"", b"\xff" * 64, b"\x02" + b"\0" * 7 + b"{}"])
def test_damaged_weights_are_refused(tmp_path: Path, content: bytes):
    folder = write_encoder(tmp_path)
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(StartupError):
        OpenVinoEmbedder(folder, name="tiny", threads=1)


def test_damaged_tokenizer_is_refused(tmp_path: Path):
    folder = write_encoder(tmp_path)
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(StartupError, match="tokenizer"):
        OpenVinoEmbedder(folder, name="tiny", threads=1)


async def test_prefix_counts_in_the_vector_but_not_among_the_tokens(tmp_path: Path):
    plain = OpenVinoEmbedder(write_encoder(tmp_path / "a"), name="a", threads=1)
    prompts = {"query": "query: "}
    prefixed = OpenVinoEmbedder(write_encoder(tmp_path / "b", prompts=prompts), name="b", threads=1)
    expected = await plain.embed_query("query: red fox")
    query = await prefixed.embed_query("red fox")
    passage = (await prefixed.embed_documents(["red fox"]))[0]
    assert float(query.vector @ expected.vector) > 0.9999
    assert float(query.vector @ passage.vector) < 0.9999
    assert query.token_spans == ((0, 3), (4, 7))
    np.testing.assert_allclose(query.token_vectors, expected.token_vectors[2:], atol=0.02)
    await plain.close()
    await prefixed.close()


async def test_model_has_the_length_and_name_it_was_given(tmp_path: Path):
    embedder = OpenVinoEmbedder(write_encoder(tmp_path), name="tiny", threads=1)
    assert (embedder.model, embedder.dimension, embedder.max_tokens) == ("tiny", HIDDEN, 16)
    encoding = await embedder.embed_query("fox " * 100)
    assert len(encoding.token_vectors) == 14
    await embedder.close()


async def test_closed_embedder_refuses_and_closes_again(tmp_path: Path):
    embedder = OpenVinoEmbedder(write_encoder(tmp_path), name="tiny", threads=1)
    await embedder.close()
    await embedder.close()
    with pytest.raises(UnavailableError):
        await embedder.embed_query("fox")
    with pytest.raises(UnavailableError):
        await embedder.embed_documents(["fox"])


async def test_closing_refuses_the_passages_that_still_wait(tmp_path: Path):
    embedder = OpenVinoEmbedder(write_encoder(tmp_path), name="tiny", threads=1)
    order = asyncio.create_task(embedder.embed_documents(["red fox"] * 20_000))
    await asyncio.sleep(0)
    await embedder.close()
    with pytest.raises(UnavailableError):
        await order


async def test_abandoned_passages_do_not_hold_up_the_next_call(tmp_path: Path):
    embedder = OpenVinoEmbedder(write_encoder(tmp_path), name="tiny", threads=1)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(embedder.embed_documents(["red fox"] * 20_000), 0.01)
    assert len(await embedder.embed_documents(["fox"])) == 1
    await embedder.close()


def test_batches_hold_every_text_once_within_the_token_budget():
    lengths = [3, 40, 7, 256, 12, 256, 90] * 9 + [BATCH_TOKENS + 5]
    texts = [TokenizedText(np.zeros(length, np.int32), slice(0), ()) for length in lengths]
    batches = list(cut_batches(texts))
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches[1:]:
        assert len(batch) * max(lengths[index] for index in batch) <= BATCH_TOKENS
    assert batches[0] == [len(lengths) - 1]


def test_openvino_is_loaded_without_its_telemetry():
    assert sys.modules.get("openvino_telemetry", "absent") is None
