"""Builds the transformer as an OpenVINO graph, straight from its weights.

Each graph takes three int32 inputs of shape (rows, length): `ids`; `places`, each token's place in
its text; `texts`, the number of the text in its row that a token belongs to, from 1, and 0 for
padding. It yields the last hidden states (rows, length, dimension). Tokens see only tokens of their
own text, so that short texts can share a row.

The architecture: Devlin et al., BERT, 2019 (arXiv:1810.04805).
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from groundwell.adapters.embedder.openvino.recipe import Architecture, Recipe
from groundwell.adapters.embedder.openvino.tensors import as_float32, map_weights
from groundwell.domain.errors import StartupError

# At its import OpenVINO would report to Google Analytics and write to ~/intel. Without this module
# it takes the stub that it has for that case. (None is how Python marks a module as absent; the
# type stubs do not know it.)
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
# Imported by name because its type stubs do not export what the package exports.
ov: Any = importlib.import_module("openvino")
ops: Any = importlib.import_module("openvino.opset13")

Node: TypeAlias = Any
Graph: TypeAlias = Any
Core: TypeAlias = Any

_MASKED_SCORE = -10_000.0
_ONNX_FILES = ("onnx/model.onnx", "model.onnx")
_PREFIXES = ("", "bert.", "roberta.")


def load_graph(folder: Path, recipe: Recipe, core: Core) -> tuple[Graph, bool]:
    """The model's graph, and whether texts can share a row in it.

    From model.safetensors, or else from the ONNX file.

    Errors: StartupError when the weights are damaged or are not those of the architecture.
    """
    file = folder / "model.safetensors"
    if file.is_file():
        return build_graph(map_weights(file), recipe), True
    onnx = next((folder / name for name in _ONNX_FILES if (folder / name).is_file()), None)
    if onnx is None:
        raise StartupError(f"{folder} holds neither model.safetensors nor model.onnx.")
    return read_onnx(onnx, core), False


def build_graph(weights: Mapping[str, NDArray[np.generic]], recipe: Recipe) -> Graph:
    """The graph of a BERT-like encoder.

    Errors: StartupError when a tensor is missing or has another shape than config.json says.
    """
    parts = _Parts(weights, recipe.architecture)
    ids, places, texts = inputs = _inputs()
    try:
        hidden = parts.embeddings(ids, places)
        is_own = ops.equal(ops.unsqueeze(texts, _axes(1, 3)), ops.unsqueeze(texts, _axes(1, 2)))
        bias = ops.select(is_own, np.float32(0), np.float32(_MASKED_SCORE))
        for number in range(recipe.architecture.num_hidden_layers):
            hidden = parts.layer(hidden, bias, f"encoder.layer.{number}.")
    except RuntimeError as error:
        raise StartupError("The model's weights do not fit its config.json.") from error
    return ov.Model([hidden], inputs, "encoder")


def read_onnx(file: Path, core: Core) -> Graph:
    """The same graph around an exported model, which ignores `places`: one text to a row.

    Errors: StartupError when the file cannot be read or has other inputs or outputs than an
    encoder.
    """
    try:
        model = core.read_model(file)
    except RuntimeError as error:
        raise StartupError(f"{file} cannot be read as ONNX; export it again.") from error
    ids, places, texts = _inputs()
    wide = ops.convert(ids, np.int64)
    feeds = {
        "input_ids": wide,
        "attention_mask": ops.convert(ops.greater(texts, np.int32(0)), np.int64),
        "token_type_ids": ops.multiply(wide, np.int64(0)),
    }
    hidden = next((out for out in model.outputs if out.partial_shape.rank == ov.Dimension(3)), None)
    unknown = [port.any_name for port in model.inputs if port.any_name not in feeds]
    if hidden is None or unknown:
        raise StartupError(f"{file} is not an encoder: it needs input_ids and last_hidden_state.")
    states = hidden.get_node().input_value(0)
    for parameter in model.get_parameters():
        parameter.output(0).replace(feeds[parameter.output(0).any_name].output(0))
    return ov.Model([states], [ids, places, texts], "encoder")


class _Parts:
    """The pieces of the encoder, cut from the weights by name."""

    def __init__(
        self, weights: Mapping[str, NDArray[np.generic]], architecture: Architecture
    ) -> None:
        self._weights = weights
        self._architecture = architecture
        table = "embeddings.word_embeddings.weight"
        found = (prefix for prefix in _PREFIXES if prefix + table in weights)
        self._prefix = next(found, "")

    def embeddings(self, ids: Node, places: Node) -> Node:
        name = "embeddings."
        words = ops.gather(self._constant(name + "word_embeddings.weight"), ids, np.int32(0))
        # Every text is of one segment, so its vector is added to the positions once, here.
        table = self._tensor(name + "position_embeddings.weight")
        table = table[self._architecture.position_offset :]
        table = table + self._tensor(name + "token_type_embeddings.weight")[0]
        positions = ops.gather(ops.constant(table), places, np.int32(0))
        return self._norm(ops.add(words, positions), name + "LayerNorm.")

    def layer(self, hidden: Node, bias: Node, name: str) -> Node:
        mixed = self._attention(hidden, bias, name + "attention.self.")
        mixed = self._linear(mixed, name + "attention.output.dense.")
        hidden = self._norm(ops.add(mixed, hidden), name + "attention.output.LayerNorm.")
        inner = self._activate(self._linear(hidden, name + "intermediate.dense."))
        outer = self._linear(inner, name + "output.dense.")
        return self._norm(ops.add(outer, hidden), name + "output.LayerNorm.")

    def _attention(self, hidden: Node, bias: Node, name: str) -> Node:
        # Plain products and a softmax: the compiler fuses these into one kernel, which measured
        # no slower than its scaled-dot-product operation.
        size = self._architecture.hidden_size // self._architecture.num_attention_heads
        query = self._heads(self._linear(hidden, name + "query.", scale=size**-0.5))
        key = self._heads(self._linear(hidden, name + "key."))
        value = self._heads(self._linear(hidden, name + "value."))
        scores = ops.add(ops.matmul(query, key, False, True), bias)
        mixed = ops.matmul(ops.softmax(scores, -1), value, False, False)
        mixed = ops.transpose(mixed, _axes(0, 2, 1, 3))
        return ops.reshape(mixed, _axes(0, 0, self._architecture.hidden_size), True)

    def _heads(self, states: Node) -> Node:
        heads = self._architecture.num_attention_heads
        size = self._architecture.hidden_size // heads
        return ops.transpose(ops.reshape(states, _axes(0, 0, heads, size), True), _axes(0, 2, 1, 3))

    def _activate(self, states: Node) -> Node:
        match self._architecture.hidden_act:
            case "gelu":
                return ops.gelu(states, "erf")
            case "relu":
                return ops.relu(states)
            case _:
                return ops.gelu(states, "tanh")

    def _linear(self, states: Node, name: str, scale: float = 1.0) -> Node:
        weight, bias = name + "weight", name + "bias"
        if scale == 1.0:
            return ops.add(
                ops.matmul(states, self._constant(weight), False, True), self._constant(bias)
            )
        product = ops.matmul(
            states, ops.constant(self._tensor(weight) * np.float32(scale)), False, True
        )
        return ops.add(product, ops.constant(self._tensor(bias) * np.float32(scale)))

    def _norm(self, states: Node, name: str) -> Node:
        epsilon = self._architecture.layer_norm_eps
        norm = ops.mvn(states, _axes(-1), True, epsilon, "inside_sqrt")
        scaled = ops.multiply(norm, self._constant(name + "weight"))
        return ops.add(scaled, self._constant(name + "bias"))

    def _constant(self, name: str) -> Node:
        return ops.constant(self._tensor(name), shared_memory=True)

    def _tensor(self, name: str) -> NDArray[np.float32]:
        tensor = self._weights.get(self._prefix + name)
        if tensor is None:
            raise StartupError(f"The model's weights lack {name}; it is not a BERT-like encoder.")
        return as_float32(tensor)


def _inputs() -> list[Node]:
    return [ops.parameter([-1, -1], np.int32, name=name) for name in ("ids", "places", "texts")]


def _axes(*numbers: int) -> Node:
    return ops.constant(np.array(numbers, np.int64))
