"""The compiled model and the batches that it runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from groundwell.adapters.embedder.openvino.graph import load_graph, ov
from groundwell.adapters.embedder.openvino.recipe import Pooling, Recipe
from groundwell.adapters.embedder.openvino.tokenization import TokenizedText
from groundwell.domain.chunks import Encoding, Floats
from groundwell.domain.errors import StartupError

CompiledModel: TypeAlias = Any

BATCH_TOKENS = 512
"""Padded tokens of a batch: enough for full speed, few enough that a query waits briefly."""

_FINE_LENGTH = 32
_SMALLEST_NORM = 1e-12


@dataclass(frozen=True, slots=True)
class Encoder:
    """A compiled model and what its files say about it.

    `shares_rows`: several texts may stand in one row of its input.
    """

    model: CompiledModel
    recipe: Recipe
    shares_rows: bool


def compile_encoder(folder: Path, recipe: Recipe, threads: int, lanes: int) -> Encoder:
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
    graph, shares_rows = load_graph(folder, recipe, core)
    try:
        return Encoder(core.compile_model(graph, "CPU", options), recipe, shares_rows)
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

    def __init__(self, encoder: Encoder) -> None:
        self._request = encoder.model.create_infer_request()
        self._pad_id = encoder.recipe.architecture.pad_token_id
        self._pooling = encoder.recipe.pooling
        self._shares_rows = encoder.shares_rows

    def run(self, texts: Sequence[TokenizedText]) -> list[Encoding]:
        """Texts of about one length, in one pass."""
        return self._pass([[text] for text in texts])

    def run_short(self, texts: Sequence[TokenizedText]) -> Iterator[list[Encoding]]:
        """Short texts of any lengths, without padding where the model allows it.

        Yields the encodings of one pass after the other, in the order of the texts.
        """
        for batch in _consecutive(texts):
            yield self._pass([batch] if self._shares_rows else [[text] for text in batch])

    def _pass(self, rows: Sequence[Sequence[TokenizedText]]) -> list[Encoding]:
        length = _padded_length(max(sum(len(text.ids) for text in row) for row in rows))
        ids = np.full((len(rows), length), self._pad_id, np.int32)
        places = np.zeros((len(rows), length), np.int32)
        numbers = np.zeros((len(rows), length), np.int32)
        spans: list[tuple[TokenizedText, int, int, int]] = []
        for row, texts in enumerate(rows):
            end = 0
            for number, text in enumerate(texts, start=1):
                start, end = end, end + len(text.ids)
                ids[row, start:end] = text.ids
                places[row, start:end] = np.arange(end - start)
                numbers[row, start:end] = number
                spans.append((text, row, start, end))
        # Always given as arrays: a request of one model that brings its own tensors makes a
        # later request that does not write into freed memory (OpenVINO 2026.4).
        self._request.infer([ids, places, numbers])
        states = self._request.get_output_tensor(0).data
        return [self._encoding(text, states[row, start:end]) for text, row, start, end in spans]

    def _encoding(self, text: TokenizedText, states: Floats) -> Encoding:
        pooled = states[0] if self._pooling is Pooling.CLS else states.mean(axis=0)
        vector = pooled / max(float(np.linalg.norm(pooled)), _SMALLEST_NORM)
        # Copied, because the next pass overwrites the tensor.
        return Encoding(vector, states[text.rows].copy(), text.spans)


def _consecutive(texts: Sequence[TokenizedText]) -> Iterator[list[TokenizedText]]:
    """The texts in order, in batches of at most BATCH_TOKENS tokens."""
    batch: list[TokenizedText] = []
    tokens = 0
    for text in texts:
        if batch and tokens + len(text.ids) > BATCH_TOKENS:
            yield batch
            batch, tokens = [], 0
        batch.append(text)
        tokens += len(text.ids)
    if batch:
        yield batch


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
