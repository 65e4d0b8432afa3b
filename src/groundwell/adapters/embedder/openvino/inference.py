"""The compiled model and the batches that it runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from groundwell.adapters.embedder.openvino.graph import load_graph
from groundwell.adapters.embedder.openvino.recipe import Pooling, Recipe
from groundwell.domain.chunks import Encoding, Floats
from groundwell.encoders.layout import BATCH_TOKENS, lay_out
from groundwell.encoders.runtime import CompiledModel, compile_graph, infer
from groundwell.encoders.tokenization import TokenizedText

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

    Errors: StartupError when the graph cannot be built or compiled.
    """
    graph, shares_rows = load_graph(folder, recipe)
    return Encoder(compile_graph(graph, threads=threads, lanes=lanes), recipe, shares_rows)


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
        layout = lay_out([[text.ids for text in row] for row in rows], self._pad_id)
        states = infer(self._request, layout)
        texts = [text for row in rows for text in row]
        return [
            self._encoding(text, states[row, start:end])
            for text, (row, start, end) in zip(texts, layout.spans, strict=True)
        ]

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
