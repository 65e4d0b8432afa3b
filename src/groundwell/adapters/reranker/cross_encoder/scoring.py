"""Pairs of a query and a passage, through the model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from groundwell.adapters.reranker.cross_encoder.recipe import Activation, Recipe
from groundwell.domain.chunks import Floats
from groundwell.encoders.layout import Ids, Layout, cut_batches, lay_out
from groundwell.encoders.runtime import CompiledModel, infer
from groundwell.encoders.tokenization import encodable, load_tokenizer


@dataclass(frozen=True, slots=True)
class TokenizedPair:
    """A query and a passage as the model reads them.

    `ids`: int32, special tokens included. `segments`: int32, 1 for the passage's tokens.
    """

    ids: Ids
    segments: Ids


class PairTokenizer:
    """Reads tokenizer.json. For one thread at a time."""

    def __init__(self, file: Path, max_tokens: int) -> None:
        self._tokenizer = load_tokenizer(file)
        # The longer of the two gives way, which is the passage unless the query is very long.
        self._tokenizer.enable_truncation(max_tokens, strategy="longest_first")

    def tokenize(self, query: str, passages: Sequence[str]) -> list[TokenizedPair]:
        """The query with each passage, cut to the model's length."""
        asked = encodable(query)
        encodings = self._tokenizer.encode_batch([(asked, encodable(p)) for p in passages])
        return [
            TokenizedPair(np.array(e.ids, np.int32), np.array(e.type_ids, np.int32))
            for e in encodings
        ]


class Scorer:
    """Runs batches one after the other; used by one thread at a time."""

    def __init__(self, model: CompiledModel, recipe: Recipe) -> None:
        self._request = model.create_infer_request()
        self._pad_id = recipe.architecture.pad_token_id
        self._activation = recipe.activation

    def score(self, pairs: Sequence[TokenizedPair]) -> Iterator[dict[int, float]]:
        """The scores of each batch, by the number of the pair."""
        for batch in cut_batches([len(pair.ids) for pair in pairs]):
            outputs = infer(self._request, lay_out_pairs([pairs[n] for n in batch], self._pad_id))
            yield dict(zip(batch, activate(outputs[:, 0], self._activation), strict=True))


def lay_out_pairs(pairs: Sequence[TokenizedPair], pad_id: int) -> Layout:
    """One pair to a row."""
    layout = lay_out([[pair.ids] for pair in pairs], pad_id)
    for pair, (row, start, end) in zip(pairs, layout.spans, strict=True):
        layout.segments[row, start:end] = pair.segments
    return layout


def activate(outputs: Floats, activation: Activation) -> list[float]:
    """Scores of the head's outputs."""
    # In double precision the sigmoid keeps apart what single precision rounds to 1.
    wide = outputs.astype(np.float64)
    if activation is Activation.SIGMOID:
        wide = np.exp(-np.logaddexp(0, -wide))
    scores: list[float] = wide.tolist()
    return scores
