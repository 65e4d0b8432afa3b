"""The forward pass of an encoder, written in numpy."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from tests.fakes.encoder_folder import HEADS, HIDDEN, LAYERS, Weights, make_weights

Array = NDArray[np.float32]


def norm(x: Array, weights: Weights, name: str) -> Array:
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12)
    return scaled * weights[name + ".weight"] + weights[name + ".bias"]


def dense(x: Array, weights: Weights, name: str) -> Array:
    return x @ weights[name + ".weight"].T + weights[name + ".bias"]


def gelu(x: Array) -> Array:
    return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def embeddings(
    ids: list[int], weights: Weights, family: str, segments: list[int] | None = None
) -> Array:
    offset = 2 if family in {"roberta", "mpnet"} else 0
    x = weights["embeddings.word_embeddings.weight"][ids]
    x = x + weights["embeddings.position_embeddings.weight"][offset : offset + len(ids)]
    if family in {"bert", "roberta", "electra"}:
        kinds = [0] * len(ids) if segments is None or family == "roberta" else segments
        x = x + weights["embeddings.token_type_embeddings.weight"][kinds]
    x = norm(x, weights, "embeddings.LayerNorm")
    return dense(x, weights, "embeddings_project") if family == "electra" else x


def bucket(distance: int) -> int:
    """A token behind or at the same place has one of the first 16 buckets, one ahead the rest."""
    base, far = (16, distance) if distance > 0 else (0, -distance)
    if far < 8:
        return base + far
    return base + min(8 + int(math.log2(far / 8) * 2), 15)


def near(length: int, weights: Weights, family: str) -> Array:
    if family != "mpnet":
        return np.zeros((HEADS, length, length), np.float32)
    buckets = [[bucket(ahead - place) for ahead in range(length)] for place in range(length)]
    return weights["encoder.relative_attention_bias.weight"][np.array(buckets)].transpose(2, 0, 1)


def hidden_states(ids: list[int], family: str = "bert", segments: list[int] | None = None) -> Array:
    """The last hidden states of one text, in float32."""
    weights = make_weights(family=family)
    x = embeddings(ids, weights, family, segments)
    bias = near(len(ids), weights, family)
    size = HIDDEN // HEADS
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}."
        q, k, v = (
            dense(x, weights, f"{name}attention.self.{part}").reshape(len(ids), HEADS, size)
            for part in ("query", "key", "value")
        )
        scores = np.einsum("ihd,jhd->hij", q, k) / math.sqrt(size) + bias
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        mixed = np.einsum("hij,jhd->ihd", shares, v).reshape(len(ids), HIDDEN)
        mixed = dense(mixed, weights, name + "attention.output.dense")
        x = norm(mixed + x, weights, name + "attention.output.LayerNorm")
        inner = gelu(dense(x, weights, name + "intermediate.dense"))
        outer = dense(inner, weights, name + "output.dense")
        x = norm(outer + x, weights, name + "output.LayerNorm")
    return x.astype(np.float32)
