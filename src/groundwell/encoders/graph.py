"""Builds the transformer as an OpenVINO graph, straight from its weights.

Each graph takes the four int32 inputs of a Layout, shape (rows, length): `ids`, `places`,
`segments`, `texts`. Tokens see only tokens of their own text, so that short texts can share a row.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from groundwell.domain.errors import StartupError
from groundwell.encoders.architecture import Architecture
from groundwell.encoders.parts import Parts, activate, axes
from groundwell.encoders.runtime import Graph, Node, ops, ov

_MASKED_SCORE = -10_000.0
_MOST_DISTANCE = 128


def build_encoder(weights: Mapping[str, NDArray[np.generic]], architecture: Architecture) -> Graph:
    """The graph that yields the last hidden states, shape (rows, length, dimension).

    Errors: StartupError when a tensor is missing or has another shape than config.json says.
    """
    inputs = make_inputs()
    with _fitting():
        hidden = _Encoder(weights, architecture).states(*inputs)
        return ov.Model([hidden], inputs, "encoder")


def build_classifier(
    weights: Mapping[str, NDArray[np.generic]], architecture: Architecture
) -> Graph:
    """The graph that yields the outputs of the head, shape (rows, outputs): one text to a row.

    Errors: StartupError as for `build_encoder`.
    """
    inputs = make_inputs()
    head = architecture.family.head
    with _fitting():
        encoder = _Encoder(weights, architecture)
        first = ops.gather(encoder.states(*inputs), np.int32(0), np.int32(1))
        dense = activate(encoder.parts.linear(first, head.dense), head.activation)
        return ov.Model([encoder.parts.linear(dense, head.out)], inputs, "classifier")


def make_inputs() -> list[Node]:
    """The graph's inputs, in the order of `Layout.inputs`."""
    names = ("ids", "places", "segments", "texts")
    return [ops.parameter([-1, -1], np.int32, name=name) for name in names]


@contextmanager
def _fitting() -> Iterator[None]:
    try:
        yield
    except (RuntimeError, ValueError) as error:
        raise StartupError("The model's weights do not fit its config.json.") from error


class _Encoder:
    """The encoder's graph, from embeddings to the last hidden states."""

    def __init__(
        self, weights: Mapping[str, NDArray[np.generic]], architecture: Architecture
    ) -> None:
        self.parts = Parts(weights, architecture.family.prefix)
        self._architecture = architecture
        self._names = architecture.family.names

    def states(self, ids: Node, places: Node, segments: Node, texts: Node) -> Node:
        hidden = self._embeddings(ids, places, segments)
        is_own = ops.equal(ops.unsqueeze(texts, axes(1, 3)), ops.unsqueeze(texts, axes(1, 2)))
        near: Node = np.float32(0)
        if self._architecture.family.relative_bias is not None:
            near = self._relative_bias(self._architecture.family.relative_bias, places)
        bias = ops.select(is_own, near, np.float32(_MASKED_SCORE))
        for number in range(self._architecture.num_hidden_layers):
            hidden = self._layer(hidden, bias, f"{self._names.layer}{number}.")
        return hidden

    def _embeddings(self, ids: Node, places: Node, segments: Node) -> Node:
        words = ops.gather(
            self.parts.constant("embeddings.word_embeddings.weight"), ids, np.int32(0)
        )
        table = self.parts.tensor("embeddings.position_embeddings.weight")
        table = table[self._architecture.position_offset :]
        rows = places
        if count := self._architecture.family.segments:
            # One table of positions for each segment, so that the two are added once, here.
            kinds = self.parts.tensor("embeddings.token_type_embeddings.weight")[:count]
            if len(kinds) > 1:
                rows = ops.add(places, ops.multiply(segments, np.int32(len(table))))
            table = (kinds[:, None] + table).reshape(-1, table.shape[1])
        positions = ops.gather(ops.constant(table), rows, np.int32(0))
        hidden = self._norm(ops.add(words, positions), "embeddings.LayerNorm")
        # The embeddings of a small ELECTRA are narrower than its layers.
        is_narrow = self.parts.has("embeddings_project.weight")
        return self.parts.linear(hidden, "embeddings_project") if is_narrow else hidden

    def _relative_bias(self, name: str, places: Node) -> Node:
        """What the distance of two tokens adds to their score: (rows, heads, length, length)."""
        most = self._architecture.most_tokens
        biases = self.parts.tensor(name)
        table = biases[distance_buckets(np.arange(1 - most, most), len(biases))]
        distances = ops.subtract(ops.unsqueeze(places, axes(1)), ops.unsqueeze(places, axes(2)))
        found = ops.gather(ops.constant(table), ops.add(distances, np.int32(most - 1)), np.int32(0))
        return ops.transpose(found, axes(0, 3, 1, 2))

    def _layer(self, hidden: Node, bias: Node, name: str) -> Node:
        names = self._names
        mixed = self.parts.linear(self._attention(hidden, bias, name), name + names.mixed)
        hidden = self._norm(ops.add(mixed, hidden), name + names.mixed_norm)
        inner = self.parts.linear(hidden, name + names.inner)
        inner = activate(inner, self._architecture.hidden_act)
        outer = self.parts.linear(inner, name + names.outer)
        return self._norm(ops.add(outer, hidden), name + names.outer_norm)

    def _attention(self, hidden: Node, bias: Node, name: str) -> Node:
        # Plain products and a softmax: the compiler fuses these into one kernel, which measured
        # no slower than its scaled-dot-product operation.
        names, linear = self._names, self.parts.linear
        size = self._architecture.hidden_size // self._architecture.num_attention_heads
        query = self._heads(linear(hidden, name + names.query, scale=size**-0.5))
        key = self._heads(linear(hidden, name + names.key))
        value = self._heads(linear(hidden, name + names.value))
        scores = ops.add(ops.matmul(query, key, False, True), bias)
        mixed = ops.matmul(ops.softmax(scores, -1), value, False, False)
        mixed = ops.transpose(mixed, axes(0, 2, 1, 3))
        return ops.reshape(mixed, axes(0, 0, self._architecture.hidden_size), True)

    def _heads(self, states: Node) -> Node:
        heads = self._architecture.num_attention_heads
        size = self._architecture.hidden_size // heads
        return ops.transpose(ops.reshape(states, axes(0, 0, heads, size), True), axes(0, 2, 1, 3))

    def _norm(self, states: Node, name: str) -> Node:
        return self.parts.norm(states, name, self._architecture.layer_norm_eps)


def distance_buckets(distances: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The bucket of each distance, of `count`: half of them for tokens that come later.

    Short distances have a bucket each, longer ones share them by their logarithm, up to 128
    tokens (Raffel et al., 2020, arXiv:1910.10683, section 2.1).
    """
    half = count // 2
    exact = half // 2
    far = np.abs(distances)
    # In float32, as models are trained: at a power of two the last bit decides.
    logs = np.log(np.maximum(far, 1).astype(np.float32) / np.float32(exact))
    share = logs / np.float32(math.log(_MOST_DISTANCE / exact)) * np.float32(half - exact)
    shared = np.minimum(exact + share.astype(np.int64), half - 1)
    buckets: NDArray[np.int64] = np.where(far < exact, far, shared) + half * (distances > 0)
    return buckets
