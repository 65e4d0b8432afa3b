"""Writes the folders of tiny sentence encoders and cross-encoders with random weights."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "red", "green", "blue", "fox", "query", ":", "##es"]
HIDDEN, HEADS, INNER, LAYERS, POSITIONS = 32, 4, 64, 2, 160
NARROW, BUCKETS, PAIR_TOKENS = 24, 32, 48
FAMILIES = ("bert", "roberta", "mpnet", "distilbert", "electra")

Weights: TypeAlias = dict[str, NDArray[np.float32]]

_MPNET_NAMES = {
    "attention.self.query": "attention.attn.q",
    "attention.self.key": "attention.attn.k",
    "attention.self.value": "attention.attn.v",
    "attention.output.dense": "attention.attn.o",
    "attention.output.LayerNorm": "attention.LayerNorm",
}
_DISTILBERT_NAMES = {
    "encoder.layer": "transformer.layer",
    "attention.self.query": "attention.q_lin",
    "attention.self.key": "attention.k_lin",
    "attention.self.value": "attention.v_lin",
    "attention.output.dense": "attention.out_lin",
    "attention.output.LayerNorm": "sa_layer_norm",
    "intermediate.dense": "ffn.lin1",
    "output.dense": "ffn.lin2",
    "output.LayerNorm": "output_layer_norm",
}
_OWN_NAMES = {"mpnet": _MPNET_NAMES, "distilbert": _DISTILBERT_NAMES}
_HEADS = {
    "bert": ("bert.pooler.dense", "classifier"),
    "distilbert": ("pre_classifier", "classifier"),
}


class _Draw:
    """Draws tables from one seed, the same on every machine."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def table(self, *shape: int) -> NDArray[np.float32]:
        return (self._rng.standard_normal(shape) * 0.3).astype(np.float32)

    def linear(self, name: str, rows: int, columns: int) -> Weights:
        return {f"{name}.weight": self.table(rows, columns), f"{name}.bias": self.table(rows)}

    def norm(self, name: str, size: int) -> Weights:
        return {f"{name}.weight": 1 + self.table(size), f"{name}.bias": self.table(size)}


def make_weights(seed: int = 7, family: str = "bert") -> Weights:
    """Weights of an encoder of two layers, by the names of a BERT's published checkpoints."""
    draw = _Draw(seed)
    width = NARROW if family == "electra" else HIDDEN
    weights = {
        "embeddings.word_embeddings.weight": draw.table(len(WORDS), width),
        "embeddings.position_embeddings.weight": draw.table(POSITIONS, width),
        "embeddings.token_type_embeddings.weight": draw.table(2, width),
        **draw.norm("embeddings.LayerNorm", width),
    }
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}."
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            weights |= draw.linear(f"{name}attention.{part}", HIDDEN, HIDDEN)
        weights |= draw.linear(name + "intermediate.dense", INNER, HIDDEN)
        weights |= draw.linear(name + "output.dense", HIDDEN, INNER)
        for part in ("attention.output.LayerNorm", "output.LayerNorm"):
            weights |= draw.norm(name + part, HIDDEN)
    if family == "electra":
        weights |= draw.linear("embeddings_project", HIDDEN, NARROW)
    if family == "mpnet":
        weights["encoder.relative_attention_bias.weight"] = 3 * draw.table(BUCKETS, HEADS)
    return weights


def make_head(family: str, seed: int = 8) -> Weights:
    """Weights of a cross-encoder's head, by the names of the family."""
    draw = _Draw(seed)
    dense, out = _HEADS.get(family, ("classifier.dense", "classifier.out_proj"))
    return draw.linear(dense, HIDDEN, HIDDEN) | draw.linear(out, 1, HIDDEN)


def named_as_published(weights: Weights, family: str, prefix: str = "") -> Weights:
    """The same weights by the names of the family."""
    named = {}
    for given, tensor in weights.items():
        name = given
        if family in _OWN_NAMES:
            if "token_type" in name:
                continue
            for old, new in _OWN_NAMES[family].items():
                name = name.replace(old, new)
        is_shared = family == "roberta" and "token_type" in name
        named[prefix + name] = tensor[:1].copy() if is_shared else tensor
    return named


def config_of(family: str) -> dict[str, object]:
    """What config.json of such a model says."""
    config: dict[str, object] = {
        "model_type": family,
        "vocab_size": len(WORDS),
        "max_position_embeddings": POSITIONS,
        "layer_norm_eps": 1e-12,
        "pad_token_id": 1 if family in {"roberta", "mpnet"} else 0,
    }
    if family == "distilbert":
        shape = {"dim": HIDDEN, "hidden_dim": INNER, "n_layers": LAYERS, "n_heads": HEADS}
        return config | shape | {"activation": "gelu"}
    config |= {
        "hidden_size": HIDDEN,
        "intermediate_size": INNER,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "type_vocab_size": 1 if family == "roberta" else 2,
    }
    return config | ({"embedding_size": NARROW} if family == "electra" else {})


def write_encoder(
    folder: Path,
    *,
    pooling: str = "mean",
    prompts: dict[str, str] | None = None,
    has_weights: bool = True,
    family: str = "bert",
    prefix: str = "",
    **config: object,
) -> Path:
    """Write the folder; `config` replaces entries of config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    modules = [
        {"path": "", "type": "sentence_transformers.models.Transformer"},
        {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    ]
    files: dict[str, object] = {
        "config.json": config_of(family) | config,
        "modules.json": modules,
        "1_Pooling/config.json": {
            "pooling_mode_cls_token": pooling == "cls",
            "pooling_mode_mean_tokens": pooling == "mean",
        },
        "sentence_bert_config.json": {"max_seq_length": 16},
        "config_sentence_transformers.json": {"prompts": prompts or {}},
    }
    _write_json(folder, files)
    make_tokenizer(WORDS).save(str(folder / "tokenizer.json"))
    if has_weights:
        weights = named_as_published(make_weights(family=family), family, prefix)
        save_file(weights, folder / "model.safetensors")
    return folder


def write_cross_encoder(folder: Path, *, family: str = "bert", **config: object) -> Path:
    """Write the folder of a cross-encoder; `config` replaces entries of config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    names = {"input_ids", "attention_mask", "token_type_ids"}
    if family not in {"bert", "electra"}:
        names.remove("token_type_ids")
    files: dict[str, object] = {
        "config.json": config_of(family) | {"id2label": {"0": "LABEL_0"}} | config,
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": PAIR_TOKENS,
            "model_input_names": sorted(names),
            "pad_token": "[PAD]",
            "unk_token": "[UNK]",
            "cls_token": "[CLS]",
            "sep_token": "[SEP]",
        },
    }
    _write_json(folder, files)
    make_tokenizer(WORDS).save(str(folder / "tokenizer.json"))
    encoder = named_as_published(make_weights(family=family), family, f"{family}.")
    save_file(encoder | make_head(family), folder / "model.safetensors")
    return folder


def _write_json(folder: Path, files: Mapping[str, object]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(content))


def make_tokenizer(words: Sequence[str]) -> Tokenizer:
    """A tokenizer of whole words; the first four are padding, unknown, start and separator."""
    vocabulary = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return tokenizer
