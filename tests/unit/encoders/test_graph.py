"""The graphs against a forward pass in numpy, and against the reference implementation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.fakes.encoder_folder import FAMILIES, POSITIONS, write_encoder
from tests.unit.encoders.forward_pass import Array, hidden_states

from groundwell.domain.errors import StartupError
from groundwell.encoders.architecture import read_architecture
from groundwell.encoders.graph import build_encoder, distance_buckets
from groundwell.encoders.layout import BATCH_TOKENS, Layout, cut_batches, lay_out
from groundwell.encoders.runtime import open_core
from groundwell.encoders.tensors import as_float32, map_weights

GOLDEN = Path(__file__).parents[2] / "golden" / "encoders" / "states.expected.json"
SHORT = [2, 4, 7, 3]
LONG = [2, *(4 + number % 7 for number in range(POSITIONS - 10)), 3]


def run_exactly(folder: Path, layout: Layout) -> Array:
    """The compiled graph in float32."""
    graph = build_encoder(map_weights(folder / "model.safetensors"), read_architecture(folder))
    compiled = open_core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    states: Array = compiled(layout.inputs)[0]
    return states


def array(ids: list[int]) -> NDArray[np.int32]:
    return np.array(ids, np.int32)


@pytest.mark.parametrize("family", FAMILIES)
def test_graph_equals_the_forward_pass_in_numpy(tmp_path: Path, family: str):
    folder = write_encoder(tmp_path, family=family)
    texts = [SHORT, [2, *range(4, 11), 3], [2, 3], LONG]
    layout = lay_out([[array(text)] for text in texts], pad_id=0)
    states = run_exactly(folder, layout)
    for text, (row, start, end) in zip(texts, layout.spans, strict=True):
        np.testing.assert_allclose(states[row, start:end], hidden_states(text, family), atol=3e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_texts_that_share_a_row_do_not_see_each_other(tmp_path: Path, family: str):
    folder = write_encoder(tmp_path, family=family)
    texts = [SHORT, LONG, [2, 3], [2, *range(4, 11), 3]]
    layout = lay_out([[array(text) for text in texts]], pad_id=0)
    states = run_exactly(folder, layout)
    for text, (row, start, end) in zip(texts, layout.spans, strict=True):
        np.testing.assert_allclose(states[row, start:end], hidden_states(text, family), atol=3e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_states_are_those_of_the_reference_implementation(tmp_path: Path, family: str):
    folder = write_encoder(tmp_path, family=family)
    expected = json.loads(GOLDEN.read_text())["states"][family]
    layout = lay_out([[array(text["ids"])] for text in expected], pad_id=0)
    states = run_exactly(folder, layout)
    for text, (row, start, end) in zip(expected, layout.spans, strict=True):
        chosen = states[row, start:end][[0, (end - start) // 2, -1]]
        np.testing.assert_allclose(chosen, text["states"], atol=3e-4)


@pytest.mark.parametrize("family", ["bert", "roberta", "electra"])
def test_tokens_of_a_second_text_have_its_segment_where_there_are_two(tmp_path: Path, family: str):
    folder = write_encoder(tmp_path, family=family)
    ids, segments = [2, 4, 3, 7, 5, 3], [0, 0, 0, 1, 1, 1]
    layout = lay_out([[array(ids)], [array(ids)]], pad_id=0)
    layout.segments[1, 3:6] = 1
    alone, paired = run_exactly(folder, layout)[:, :6]
    np.testing.assert_allclose(alone, hidden_states(ids, family), atol=3e-4)
    np.testing.assert_allclose(paired, hidden_states(ids, family, segments), atol=3e-4)
    assert np.allclose(alone, paired, atol=1e-3) == (family == "roberta")


@pytest.mark.parametrize("family", FAMILIES)
def test_weights_are_found_below_the_prefix_of_the_family(tmp_path: Path, family: str):
    folder = write_encoder(tmp_path, family=family, prefix=f"{family}.")
    states = run_exactly(folder, lay_out([[array(SHORT)]], pad_id=0))
    np.testing.assert_allclose(states[0], hidden_states(SHORT, family), atol=3e-4)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("change", [{"layers": 3}, {"width": 64}])
def test_weights_of_another_shape_are_refused(tmp_path: Path, family: str, change: dict[str, int]):
    names = {"layers": "num_hidden_layers", "width": "hidden_size"}
    if family == "distilbert":
        names = {"layers": "n_layers", "width": "dim"}
    config = {names[key]: value for key, value in change.items()}
    folder = write_encoder(tmp_path, family=family, **config)
    with pytest.raises(StartupError, match=r"weights lack|do not fit"):
        run_exactly(folder, lay_out([[array(SHORT)]], pad_id=0))


def test_distances_share_buckets_by_their_logarithm():
    distances = np.array([0, -1, -7, -8, -11, -12, -16, -64, -127, -128, -500, 1, 8, 500])
    buckets = distance_buckets(distances, 32).tolist()
    assert buckets == [0, 1, 7, 8, 8, 9, 10, 14, 15, 15, 15, 17, 24, 31]


def test_half_precision_tensors_are_widened_exactly():
    numbers = np.array([1.0, -2.5, 0.0], np.float32)
    as_bfloat16 = (numbers.view(np.uint32) >> 16).astype(np.uint16)
    assert as_float32(as_bfloat16).tolist() == numbers.tolist()
    assert as_float32(numbers.astype(np.float16)).tolist() == numbers.tolist()


def test_batches_hold_every_text_once_within_the_token_budget():
    lengths = [3, 40, 7, 256, 12, 256, 90] * 9 + [BATCH_TOKENS + 5]
    batches = list(cut_batches(lengths))
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches[1:]:
        assert len(batch) * max(lengths[index] for index in batch) <= BATCH_TOKENS
    assert batches[0] == [len(lengths) - 1]
