"""The encoder's graph: from safetensors, or around an exported ONNX file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from groundwell.adapters.embedder.openvino.recipe import Recipe
from groundwell.domain.errors import StartupError
from groundwell.encoders.graph import build_encoder, make_inputs
from groundwell.encoders.runtime import Graph, open_core, ops, ov
from groundwell.encoders.tensors import map_weights

_ONNX_FILES = ("onnx/model.onnx", "model.onnx")


def load_graph(folder: Path, recipe: Recipe) -> tuple[Graph, bool]:
    """The model's graph, and whether texts can share a row in it.

    From model.safetensors, or else from the ONNX file.

    Errors: StartupError when the weights are damaged or are not those of the architecture.
    """
    file = folder / "model.safetensors"
    if file.is_file():
        return build_encoder(map_weights(file), recipe.architecture), True
    onnx = next((folder / name for name in _ONNX_FILES if (folder / name).is_file()), None)
    if onnx is None:
        raise StartupError(f"{folder} holds neither model.safetensors nor model.onnx.")
    return read_onnx(onnx), False


def read_onnx(file: Path) -> Graph:
    """The same graph around an exported model, which ignores `places`: one text to a row.

    Errors: StartupError when the file cannot be read or has other inputs or outputs than an
    encoder.
    """
    try:
        model = open_core().read_model(file)
    except RuntimeError as error:
        raise StartupError(f"{file} cannot be read as ONNX; export it again.") from error
    ids, _, segments, texts = inputs = make_inputs()
    feeds = {
        "input_ids": ops.convert(ids, np.int64),
        "attention_mask": ops.convert(ops.greater(texts, np.int32(0)), np.int64),
        "token_type_ids": ops.convert(segments, np.int64),
    }
    hidden = next((out for out in model.outputs if out.partial_shape.rank == ov.Dimension(3)), None)
    unknown = [port.any_name for port in model.inputs if port.any_name not in feeds]
    if hidden is None or unknown:
        raise StartupError(f"{file} is not an encoder: it needs input_ids and last_hidden_state.")
    states = hidden.get_node().input_value(0)
    for parameter in model.get_parameters():
        parameter.output(0).replace(feeds[parameter.output(0).any_name].output(0))
    return ov.Model([states], inputs, "encoder")
