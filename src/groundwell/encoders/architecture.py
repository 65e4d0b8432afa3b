"""config.json: the shape of the transformer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from groundwell.domain.errors import StartupError
from groundwell.encoders.families import FAMILIES, Family

_ACTIVATIONS = ("gelu", "gelu_new", "gelu_pytorch_tanh", "relu")

Positive = Annotated[int, Field(gt=0)]


def _named(name: str, in_distilbert: str) -> AliasChoices:
    return AliasChoices(name, in_distilbert)


class Architecture(BaseModel):
    """The entries of config.json that the graph depends on."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())

    model_type: str
    hidden_size: Positive = Field(validation_alias=_named("hidden_size", "dim"))
    num_hidden_layers: Positive = Field(validation_alias=_named("num_hidden_layers", "n_layers"))
    num_attention_heads: Positive = Field(validation_alias=_named("num_attention_heads", "n_heads"))
    max_position_embeddings: Positive
    layer_norm_eps: float = 1e-12
    hidden_act: str = Field("gelu", validation_alias=_named("hidden_act", "activation"))
    pad_token_id: int = 0
    position_embedding_type: str = "absolute"

    @property
    def family(self) -> Family:
        """How models of this type are built."""
        return FAMILIES[self.model_type]

    @property
    def position_offset(self) -> int:
        """Number of rows of the position table that stand before the first token's."""
        return self.pad_token_id + 1 if self.family.is_offset else 0

    @property
    def most_tokens(self) -> int:
        """Most tokens for which there are positions."""
        return self.max_position_embeddings - self.position_offset


def read_architecture(folder: Path) -> Architecture:
    """Read config.json.

    Errors: StartupError when it asks for what is not supported; OSError and ValidationError when
    it is missing or broken.
    """
    architecture = Architecture.model_validate_json((folder / "config.json").read_bytes())
    supported = {
        "model_type": FAMILIES,
        "hidden_act": _ACTIVATIONS,
        "position_embedding_type": ("absolute",),
    }
    for field, values in supported.items():
        if (value := getattr(architecture, field)) not in values:
            raise StartupError(
                f"{folder}: {field} {value!r} is not supported; choose a model with one of "
                f"{', '.join(values)}."
            )
    return architecture
