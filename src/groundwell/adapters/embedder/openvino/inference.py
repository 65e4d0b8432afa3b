"""The compiled model and the batches that it runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from groundwell.adapters.embedder.openvino.graph import load_graph, ov
from groundwell.adapters.embedder.openvino.recipe import Recipe
from groundwell.adapters.embedder.openvino.tokenization import TokenizedText
from groundwell.domain.chunks import Encoding
from groundwell.domain.errors import StartupError

CompiledModel: TypeAlias = Any

BATCH_TOKENS = 512
"""Padded tokens of a batch: enough for full speed, few enough that a query waits briefly."""

_FINE_LENGTH = 32
_SMALLEST_NORM = 1e-12


def compile_model(folder: Path, recipe: Recipe, threads: int, lanes: int) -> CompiledModel:
    """Compile for this processor: `lanes` batches at once, which share `threads`.

    bfloat16 where the processor multiplies it natively (cosine to float32 at least 0.9999),
    else float32.

    Errors: StartupError when the graph cannot be built or compiled.
    """
    core = _open_core()
    abilities = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    options = {
        "INFERENCE_PRECISION_HINT": "bf16" if "BF16" in abilities else "f32",
        "NUM_STREAMS": lanes,
        "INFERENCE_NUM_THREADS": threads,
        "ENABLE_CPU_PINNING": False,
    }
    try:
        return core.compile_model(load_graph(folder, recipe, core), "CPU", options)
    except RuntimeError as error:
        raise StartupError(f"OpenVINO cannot compile the model in {folder}.") from error


@cache
def _open_core() -> Any:  # noqa: ANN401 - OpenVINO has no types
    """One for the whole process.

    Unloading OpenVINO's processor plugin in another thread than loaded it frees the signal stack
    of the loading thread, whose next signal then kills the process (OpenVINO 2026.4).
    """
    return ov.Core()


class Runner:
    """Runs batches one after the other; one for each lane, used by one thread at a time."""

    def __init__(self, model: CompiledModel, pad_id: int) -> None:
        self._request = model.create_infer_request()
        self._pad_id = pad_id

    def run(self, texts: Sequence[TokenizedText]) -> list[Encoding]:
        """One forward pass."""
        length = _padded_length(max(len(text.ids) for text in texts))
        ids = np.full((len(texts), length), self._pad_id, np.int32)
        mask = np.zeros((len(texts), length), np.float32)
        for row, text in enumerate(texts):
            ids[row, : len(text.ids)] = text.ids
            mask[row, : len(text.ids)] = 1
        # Always given as arrays: a request of one model that brings its own tensors makes a
        # later request that does not write into freed memory (OpenVINO 2026.4).
        self._request.infer([ids, mask])
        pooled = self._request.get_output_tensor(0).data.astype(np.float32)
        states = self._request.get_output_tensor(1).data
        norms = np.linalg.norm(pooled, axis=1, keepdims=True)
        pooled /= np.maximum(norms, _SMALLEST_NORM)
        # Copied, because the next pass overwrites the tensor; padding is left behind.
        return [
            Encoding(pooled[row], states[row, text.rows].copy(), text.spans)
            for row, text in enumerate(texts)
        ]


def cut_batches(texts: Sequence[TokenizedText]) -> Iterator[list[int]]:
    """Indices of texts of about one length, in batches of at most BATCH_TOKENS padded tokens.

    The longest come first, so that the last batches, on which lanes wait, are short.
    """
    batch: list[int] = []
    longest = 0
    for index in sorted(range(len(texts)), key=lambda index: -len(texts[index].ids)):
        if batch and (len(batch) + 1) * longest > BATCH_TOKENS:
            yield batch
            batch = []
        if not batch:
            longest = _padded_length(len(texts[index].ids))
        batch.append(index)
    if batch:
        yield batch


def _padded_length(length: int) -> int:
    # Few different shapes: the compiler prepares and remembers a plan for each.
    step = 4 if length <= _FINE_LENGTH else 8
    return -(-length // step) * step
