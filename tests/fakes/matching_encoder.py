"""A cross-encoder by construction: it scores a passage by the query's words that are in it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from tests.fakes.encoder_folder import Weights, make_tokenizer

HIDDEN, LAYERS, POSITIONS, INNER = 64, 2, 64, 4
CODE = slice(0, 48)  # a word's own code
SEGMENT, MATCH, SCORE = 48, 49, 50


def write_matching_encoder(folder: Path, words: Sequence[str]) -> Path:
    """Write the folder of a cross-encoder that knows `words`, in lower case."""
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words]
    config = {
        "model_type": "bert",
        "hidden_size": HIDDEN,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 1,
        "max_position_embeddings": POSITIONS,
        "num_labels": 1,
    }
    (folder / "config.json").write_text(json.dumps(config))
    make_tokenizer(vocabulary).save(str(folder / "tokenizer.json"))
    save_file(_weights(len(vocabulary)), folder / "model.safetensors")
    return folder


def _weights(size: int) -> Weights:
    weights = _neutral_weights(size)
    words = weights["bert.embeddings.word_embeddings.weight"]
    words[:, CODE] = np.random.default_rng(5).choice([-1, 1], (size, 48))
    weights["bert.embeddings.token_type_embeddings.weight"][:, SEGMENT] = [-3, 3]
    # In the first layer a token sees the same word alone, and learns whether that stands in both
    # texts: the mean of the segments is then 0.
    first = "bert.encoder.layer.0.attention."
    for part in ("query", "key"):
        np.fill_diagonal(weights[f"{first}self.{part}.weight"][:48, :48], 2)
    weights[f"{first}self.value.weight"][MATCH, SEGMENT] = 1
    # In the second, every token sees the query's tokens, and takes the mean of what they learnt.
    second = "bert.encoder.layer.1.attention."
    weights[f"{second}self.query.bias"][0] = 4
    weights[f"{second}self.key.weight"][0, SEGMENT] = -10
    weights[f"{second}self.value.weight"][SCORE, MATCH] = 1
    weights["bert.pooler.dense.weight"][0, SCORE] = 0.5
    weights["classifier.weight"][0, 0] = 4
    return weights


def _neutral_weights(size: int) -> Weights:
    """Zeros, and what passes its input on where that must go on."""
    shapes: dict[str, tuple[int, ...]] = {
        "bert.embeddings.word_embeddings.weight": (size, HIDDEN),
        "bert.embeddings.position_embeddings.weight": (POSITIONS, HIDDEN),
        "bert.embeddings.token_type_embeddings.weight": (2, HIDDEN),
        "bert.pooler.dense.weight": (HIDDEN, HIDDEN),
        "bert.pooler.dense.bias": (HIDDEN,),
        "classifier.weight": (1, HIDDEN),
        "classifier.bias": (1,),
    }
    norms = ["bert.embeddings.LayerNorm"]
    parts = ("self.query", "self.key", "self.value", "output.dense")
    for layer in range(LAYERS):
        name = f"bert.encoder.layer.{layer}."
        for part in parts:
            shapes[f"{name}attention.{part}.weight"] = (HIDDEN, HIDDEN)
            shapes[f"{name}attention.{part}.bias"] = (HIDDEN,)
        shapes[name + "intermediate.dense.weight"] = (INNER, HIDDEN)
        shapes[name + "intermediate.dense.bias"] = (INNER,)
        shapes[name + "output.dense.weight"] = (HIDDEN, INNER)
        shapes[name + "output.dense.bias"] = (HIDDEN,)
        norms += [name + "attention.output.LayerNorm", name + "output.LayerNorm"]
    weights: Weights = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    for name in norms:
        weights[name + ".weight"] = np.ones(HIDDEN, np.float32)
        weights[name + ".bias"] = np.zeros(HIDDEN, np.float32)
    for layer in range(LAYERS):
        mixed = weights[f"bert.encoder.layer.{layer}.attention.output.dense.weight"]
        np.fill_diagonal(mixed, 1)
    return weights
