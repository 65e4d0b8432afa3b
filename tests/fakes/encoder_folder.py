"""Writes the folder of a tiny sentence encoder with random weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "red", "green", "blue", "fox", "query", ":", "##es"]
HIDDEN, HEADS, INNER, LAYERS, POSITIONS = 32, 4, 64, 2, 40


def make_weights(seed: int = 7) -> dict[str, NDArray[np.float32]]:
    """Weights of a BERT of two layers, by the names of its published checkpoints."""
    rng = np.random.default_rng(seed)

    def table(*shape: int) -> NDArray[np.float32]:
        return (rng.standard_normal(shape) * 0.3).astype(np.float32)

    weights = {
        "embeddings.word_embeddings.weight": table(len(WORDS), HIDDEN),
        "embeddings.position_embeddings.weight": table(POSITIONS, HIDDEN),
        "embeddings.token_type_embeddings.weight": table(2, HIDDEN),
        "embeddings.LayerNorm.weight": 1 + table(HIDDEN),
        "embeddings.LayerNorm.bias": table(HIDDEN),
    }
    shapes = {
        "attention.self.query": (HIDDEN, HIDDEN),
        "attention.self.key": (HIDDEN, HIDDEN),
        "attention.self.value": (HIDDEN, HIDDEN),
        "attention.output.dense": (HIDDEN, HIDDEN),
        "intermediate.dense": (INNER, HIDDEN),
        "output.dense": (HIDDEN, INNER),
    }
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}."
        for part, shape in shapes.items():
            weights[f"{name}{part}.weight"] = table(*shape)
            weights[f"{name}{part}.bias"] = table(shape[0])
        for part in ("attention.output.LayerNorm", "output.LayerNorm"):
            weights[f"{name}{part}.weight"] = 1 + table(HIDDEN)
            weights[f"{name}{part}.bias"] = table(HIDDEN)
    return weights


def write_encoder(
    folder: Path,
    *,
    pooling: str = "mean",
    prompts: dict[str, str] | None = None,
    has_weights: bool = True,
    **config: object,
) -> Path:
    """Write the folder; `config` replaces entries of config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    shape = {
        "model_type": "bert",
        "hidden_size": HIDDEN,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "max_position_embeddings": POSITIONS,
    }
    modules = [
        {"path": "", "type": "sentence_transformers.models.Transformer"},
        {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    ]
    files: dict[str, object] = {
        "config.json": shape | config,
        "modules.json": modules,
        "1_Pooling/config.json": {
            "pooling_mode_cls_token": pooling == "cls",
            "pooling_mode_mean_tokens": pooling == "mean",
        },
        "sentence_bert_config.json": {"max_seq_length": 16},
        "config_sentence_transformers.json": {"prompts": prompts or {}},
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(content))
    _make_tokenizer().save(str(folder / "tokenizer.json"))
    if has_weights:
        save_file(make_weights(), folder / "model.safetensors")
    return folder


def _make_tokenizer() -> Tokenizer:
    vocabulary = {word: number for number, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer
