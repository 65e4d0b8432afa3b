"""In what the supported families of models differ: names of tensors, positions, segments, head.

BERT: Devlin et al., 2019 (arXiv:1810.04805). RoBERTa: Liu et al., 2019 (arXiv:1907.11692).
DistilBERT: Sanh et al., 2019 (arXiv:1910.01108). ELECTRA: Clark et al., 2020 (arXiv:2003.10555).
MPNet: Song et al., 2020 (arXiv:2004.09297).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class LayerNames:
    """The tensors of a layer. `layer` stands before the layer's number, the rest behind it."""

    layer: str
    query: str
    key: str
    value: str
    mixed: str
    mixed_norm: str
    inner: str
    outer: str
    outer_norm: str


@dataclass(frozen=True, slots=True)
class Head:
    """What makes a number of the first token's state: dense layer, activation, last layer."""

    dense: str
    activation: str
    out: str


@dataclass(frozen=True, slots=True)
class Family:
    """One way to build an encoder.

    `prefix` stands before the encoder's tensors in a checkpoint that has a head too. `segments`:
    how many segments have vectors of their own; 1 where the tokens of all texts share one.
    `is_offset`: positions are counted from behind the padding's id. `relative_bias`: the table of
    biases by the distance of two tokens.
    """

    prefix: str
    names: LayerNames
    head: Head
    segments: int = 0
    is_offset: bool = False
    relative_bias: str | None = None


_BERT_LAYER = LayerNames(
    layer="encoder.layer.",
    query="attention.self.query",
    key="attention.self.key",
    value="attention.self.value",
    mixed="attention.output.dense",
    mixed_norm="attention.output.LayerNorm",
    inner="intermediate.dense",
    outer="output.dense",
    outer_norm="output.LayerNorm",
)
_MPNET_LAYER = LayerNames(
    layer="encoder.layer.",
    query="attention.attn.q",
    key="attention.attn.k",
    value="attention.attn.v",
    mixed="attention.attn.o",
    mixed_norm="attention.LayerNorm",
    inner="intermediate.dense",
    outer="output.dense",
    outer_norm="output.LayerNorm",
)
_DISTILBERT_LAYER = LayerNames(
    layer="transformer.layer.",
    query="attention.q_lin",
    key="attention.k_lin",
    value="attention.v_lin",
    mixed="attention.out_lin",
    mixed_norm="sa_layer_norm",
    inner="ffn.lin1",
    outer="ffn.lin2",
    outer_norm="output_layer_norm",
)
_TWO_LAYERS = Head("classifier.dense", "tanh", "classifier.out_proj")
_ROBERTA = Family("roberta.", _BERT_LAYER, _TWO_LAYERS, segments=1, is_offset=True)

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "bert": Family(
            "bert.", _BERT_LAYER, Head("bert.pooler.dense", "tanh", "classifier"), segments=2
        ),
        "roberta": _ROBERTA,
        "xlm-roberta": _ROBERTA,
        "camembert": _ROBERTA,
        "mpnet": Family(
            "mpnet.",
            _MPNET_LAYER,
            _TWO_LAYERS,
            is_offset=True,
            relative_bias="encoder.relative_attention_bias.weight",
        ),
        "distilbert": Family(
            "distilbert.", _DISTILBERT_LAYER, Head("pre_classifier", "relu", "classifier")
        ),
        "electra": Family(
            "electra.",
            _BERT_LAYER,
            Head("classifier.dense", "gelu", "classifier.out_proj"),
            segments=2,
        ),
    }
)
"""By `model_type` of config.json."""
