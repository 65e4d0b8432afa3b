"""The cross-encoder against scores that the reference implementation computed."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tests.fakes.encoder_folder import FAMILIES, PAIR_TOKENS, write_cross_encoder

from groundwell.adapters.reranker.cross_encoder import CrossEncoderReranker
from groundwell.adapters.reranker.cross_encoder.recipe import Activation, read_recipe
from groundwell.adapters.reranker.cross_encoder.scoring import (
    PairTokenizer,
    activate,
    lay_out_pairs,
)
from groundwell.domain.chunks import ChunkId
from groundwell.domain.documents import TenantId
from groundwell.domain.errors import StartupError, UnavailableError
from groundwell.domain.search import AnalysedQuery
from groundwell.encoders.graph import build_classifier
from groundwell.encoders.runtime import open_core
from groundwell.encoders.tensors import map_weights
from groundwell.ports.reranker import Candidate

GOLDEN = json.loads(
    (Path(__file__).parents[3] / "golden" / "encoders" / "scores.expected.json").read_text()
)
IDENTITY, SIGMOID = GOLDEN["scores"]["bert"]
TENANT = TenantId(uuid4())


def asked(text: str) -> AnalysedQuery:
    return AnalysedQuery(text, (), None)


def candidates(*texts: str) -> list[Candidate]:
    return [Candidate(ChunkId(str(uuid4())), text) for text in texts]


def score_exactly(folder: Path, query: str, passages: list[str]) -> list[float]:
    """The compiled graph in float32, without the thread."""
    recipe = read_recipe(folder)
    weights = map_weights(folder / "model.safetensors")
    graph = build_classifier(weights, recipe.architecture)
    compiled = open_core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    tokenizer = PairTokenizer(folder / "tokenizer.json", recipe.max_tokens)
    layout = lay_out_pairs(tokenizer.tokenize(query, passages), recipe.architecture.pad_token_id)
    return activate(compiled(layout.inputs)[0][:, 0], recipe.activation)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("activation", [IDENTITY, SIGMOID])
def test_scores_are_those_of_the_reference_implementation(
    tmp_path: Path, family: str, activation: str
):
    folder = write_cross_encoder(
        tmp_path, family=family, sbert_ce_default_activation_function=activation
    )
    for query, expected in zip(
        GOLDEN["queries"], GOLDEN["scores"][family][activation], strict=True
    ):
        scores = score_exactly(folder, query, GOLDEN["passages"])
        np.testing.assert_allclose(scores, expected, atol=3e-4)


@pytest.mark.parametrize("family", FAMILIES)
async def test_reranker_gives_these_scores_in_the_precision_of_the_processor(
    tmp_path: Path, family: str
):
    reranker = CrossEncoderReranker(write_cross_encoder(tmp_path, family=family), threads=2)
    for query, expected in zip(GOLDEN["queries"], GOLDEN["scores"][family][SIGMOID], strict=True):
        scores = await reranker.rerank(asked(query), candidates(*GOLDEN["passages"]))
        np.testing.assert_allclose(np.array(scores, np.float32), expected, atol=0.02)
    await reranker.close()


def test_the_longer_of_query_and_passage_is_cut(tmp_path: Path):
    folder = write_cross_encoder(tmp_path)
    tokenizer = PairTokenizer(folder / "tokenizer.json", read_recipe(folder).max_tokens)
    (pair,) = tokenizer.tokenize("red fox", ["blue " * 500])
    assert len(pair.ids) == PAIR_TOKENS
    assert pair.ids[:4].tolist() == [2, 4, 7, 3]
    assert pair.segments.tolist() == [0] * 4 + [1] * (PAIR_TOKENS - 4)
    (pair,) = tokenizer.tokenize("red " * 500, ["blue fox"])
    assert pair.ids[-3:].tolist() == [6, 7, 3]
    assert len(pair.ids) == PAIR_TOKENS


async def test_scores_do_not_depend_on_what_else_is_scored(tmp_path: Path):
    reranker = CrossEncoderReranker(write_cross_encoder(tmp_path), threads=2)
    texts = [f"{'fox ' * (number % 40)}red {'blue ' * (number % 7)}" for number in range(120)]
    together = await reranker.rerank(asked("red fox"), candidates(*texts))
    for number in (0, 39, 77, 119):
        alone = await reranker.rerank(asked("red fox"), candidates(texts[number]))
        assert alone == pytest.approx([together[number]], abs=0.02)
    await reranker.close()


async def test_a_blank_passage_has_no_score(tmp_path: Path):
    reranker = CrossEncoderReranker(write_cross_encoder(tmp_path), threads=1)
    scores = await reranker.rerank(asked("fox"), candidates("", "red", " \n", "\ud800"))
    assert [score is None for score in scores] == [True, False, True, False]
    await reranker.close()


SECTION = {"sentence_transformers": {"activation_fn": IDENTITY}}


@pytest.mark.parametrize(
    ("config", "section", "activation"),
    [
        ({}, {}, Activation.SIGMOID),
        ({"sbert_ce_default_activation_function": IDENTITY}, {}, Activation.IDENTITY),
        (SECTION, {}, Activation.IDENTITY),
        (SECTION, {"activation_fn": SIGMOID}, Activation.SIGMOID),
    ],
)
def test_activation_comes_from_the_files(
    tmp_path: Path, config: dict[str, object], section: dict[str, str], activation: Activation
):
    folder = write_cross_encoder(tmp_path, **config)
    (folder / "config_sentence_transformers.json").write_text(json.dumps(section))
    assert read_recipe(folder).activation is activation


def test_sigmoid_keeps_high_scores_apart_and_stands_any_output():
    outputs = np.array([-800, -1, 0, 18, 19, 800], np.float32)
    scores = activate(outputs, Activation.SIGMOID)
    assert scores[1:3] == pytest.approx([0.268941, 0.5], abs=1e-6)
    assert scores[3] < scores[4]
    assert (scores[0], scores[-1]) == (pytest.approx(0), 1)


@pytest.mark.parametrize(
    ("most", "tokens"), [({}, 160), ({"model_max_length": 1e30}, 160), ({"model_max_length": 9}, 9)]
)
def test_length_is_the_least_of_what_the_files_say(
    tmp_path: Path, most: dict[str, float], tokens: int
):
    folder = write_cross_encoder(tmp_path)
    (folder / "tokenizer_config.json").write_text(json.dumps(most))
    assert read_recipe(folder).max_tokens == tokens
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 7}')
    assert read_recipe(folder).max_tokens == 7


@pytest.mark.parametrize(
    ("config", "word"),
    [
        ({"model_type": "t5"}, "xlm-roberta"),
        ({"id2label": {"0": "no", "1": "yes"}}, "answers 2"),
        ({"id2label": None}, "answers 2"),
        ({"sbert_ce_default_activation_function": "torch.nn.Tanh"}, "Tanh"),
        ({"hidden_size": "wide"}, "hidden_size"),
        ({"model_type": "roberta"}, "weights lack"),
    ],
)
def test_unusable_model_is_refused_with_what_is_supported(
    tmp_path: Path, config: dict[str, object], word: str
):
    folder = write_cross_encoder(tmp_path, **config)
    with pytest.raises(StartupError, match=word):
        CrossEncoderReranker(folder, threads=1)


def test_model_without_head_or_without_safetensors_is_refused(tmp_path: Path):
    folder = write_cross_encoder(tmp_path)
    file = folder / "model.safetensors"
    weights = {n: t for n, t in load_file(file).items() if not n.startswith("classifier")}
    save_file(weights, file)
    with pytest.raises(StartupError, match="lack classifier"):
        CrossEncoderReranker(folder, threads=1)
    file.unlink()
    with pytest.raises(StartupError, match="safetensors"):
        CrossEncoderReranker(folder, threads=1)


async def test_abandoned_call_does_not_hold_up_the_next(tmp_path: Path):
    reranker = CrossEncoderReranker(write_cross_encoder(tmp_path), threads=1)
    many = candidates(*["red fox " * 30] * 20_000)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await reranker.rerank(asked("fox"), many)
    async with asyncio.timeout(20):
        assert len(await reranker.rerank(asked("fox"), candidates("fox"))) == 1
    await reranker.close()


async def test_closing_refuses_calls_that_run_or_come_later_and_closes_again(tmp_path: Path):
    reranker = CrossEncoderReranker(write_cross_encoder(tmp_path), threads=1)
    many = candidates(*["red fox " * 30] * 2_000)
    calls = [asyncio.create_task(reranker.rerank(asked("fox"), many)) for _ in range(2)]
    await asyncio.sleep(0)
    await reranker.close()
    await reranker.close()
    for call in calls:
        with pytest.raises(UnavailableError):
            await call
    with pytest.raises(UnavailableError):
        await reranker.rerank(asked("fox"), candidates("fox"))
