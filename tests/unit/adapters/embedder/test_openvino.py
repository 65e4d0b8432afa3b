"""The in-process embedder against a forward pass written in numpy."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.fakes.encoder_folder import HIDDEN, WORDS, write_encoder
from tests.fakes.onnx_file import make_onnx
from tests.unit.adapters.embedder.setting import ids_of
from tests.unit.encoders.forward_pass import hidden_states

from groundwell.adapters.embedder.openvino import OpenVinoEmbedder
from groundwell.adapters.embedder.openvino.graph import load_graph
from groundwell.adapters.embedder.openvino.recipe import read_recipe
from groundwell.domain.errors import StartupError, UnavailableError
from groundwell.encoders.layout import lay_out
from groundwell.encoders.runtime import open_core


def test_onnx_is_read_where_there_are_no_safetensors(tmp_path: Path):
    folder = write_encoder(tmp_path, has_weights=False, hidden_size=8)
    table = np.random.default_rng(1).standard_normal((len(WORDS), 8)).astype(np.float32)
    (folder / "model.onnx").write_bytes(make_onnx(table))
    graph, shares_rows = load_graph(folder, read_recipe(folder))
    compiled = open_core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    texts = [ids_of("red fox"), ids_of("blue")]
    layout = lay_out([[np.array(text, np.int32)] for text in texts], pad_id=0)
    states = compiled(layout.inputs)[0]
    assert not shares_rows
    for text, (row, start, end) in zip(texts, layout.spans, strict=True):
        np.testing.assert_allclose(states[row, start:end], table[text].cumsum(0), atol=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("words", ["red fox", "green blue fox red fox", ""])
async def test_vector_is_pooled_from_the_states_of_the_forward_pass(
    tmp_path: Path, pooling: str, words: str
):
    embedder = OpenVinoEmbedder(write_encoder(tmp_path, pooling=pooling), name="tiny", threads=1)
    states = hidden_states(ids_of(words))
    expected = states.mean(0) if pooling == "mean" else states[0]
    query = await embedder.embed_query(words)
    assert float(query.vector @ expected) / float(np.linalg.norm(expected)) > 0.9999
    await embedder.close()


async def test_queries_of_one_pass_get_the_vectors_that_each_gets_alone(tmp_path: Path):
    embedder = OpenVinoEmbedder(write_encoder(tmp_path), name="tiny", threads=1)
    texts = ["red fox", "blue", "green blue fox red", "query : red"]
    together = await asyncio.gather(*(embedder.embed_query(text) for text in texts))
    for text, encoding in zip(texts, together, strict=True):
        alone = await embedder.embed_query(text)
        assert float(encoding.vector @ alone.vector) > 0.9999
    await embedder.close()


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
    prompts = {"query": "query: ", "passage": "fox: "}
    prefixed = OpenVinoEmbedder(write_encoder(tmp_path / "b", prompts=prompts), name="b", threads=1)
    expected = await plain.embed_query("query: red fox")
    query = await prefixed.embed_query("red fox")
    passage = (await prefixed.embed_documents(["red fox"]))[0]
    assert float(query.vector @ expected.vector) > 0.9999
    assert float(query.vector @ passage.vector) < 0.9999
    assert query.token_spans == ((0, 3), (4, 7))
    assert await prefixed.document_spans(["red fox"]) == [((0, 3), (4, 7))]
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


def test_openvino_is_loaded_without_its_telemetry():
    assert sys.modules.get("openvino_telemetry", "absent") is None
