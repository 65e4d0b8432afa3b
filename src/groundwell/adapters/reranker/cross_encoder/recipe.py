"""What a cross-encoder's own files say about how it is to be run."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from groundwell.domain.errors import StartupError
from groundwell.encoders.architecture import Architecture, read_architecture

_LABELS_UNLESS_SAID = 2  # of a classifier in the transformers format


class Activation(Enum):
    """What makes a score of the head's output; named like the class in torch."""

    IDENTITY = "Identity"
    SIGMOID = "Sigmoid"


class Recipe(BaseModel):
    """All that is needed beside weights and tokenizer."""

    model_config = ConfigDict(frozen=True)

    architecture: Architecture
    activation: Activation
    max_tokens: int


class _Section(BaseModel):
    activation_fn: str | None = None


class _ConfigFile(BaseModel):
    num_labels: int | None = None
    id2label: dict[str, str] | None = None
    sentence_transformers: _Section = _Section()
    sbert_ce_default_activation_function: str | None = None

    @property
    def labels(self) -> int:
        if self.id2label is not None:
            return len(self.id2label)
        return self.num_labels or _LABELS_UNLESS_SAID


class _TokenizerFile(BaseModel):
    model_config = ConfigDict(protected_namespaces=())

    # Files without a limit say 1e30.
    model_max_length: float | None = None


class _LengthFile(BaseModel):
    max_seq_length: int | None = None


def read_recipe(folder: Path) -> Recipe:
    """Read a cross-encoder's folder.

    Errors: StartupError when a file is missing or broken, or the model is of another kind than
    those supported.
    """
    try:
        return _read(folder)
    except (OSError, ValidationError) as error:
        raise StartupError(f"{folder} does not hold a usable cross-encoder: {error}") from error


def _read(folder: Path) -> Recipe:
    architecture = read_architecture(folder)
    config = _ConfigFile.model_validate_json(_text(folder / "config.json"))
    if config.labels != 1:
        raise StartupError(
            f"{folder}: the model answers {config.labels} numbers; a reranker's answers one."
        )
    tokenizer = _TokenizerFile.model_validate_json(_text(folder / "tokenizer_config.json"))
    length = _LengthFile.model_validate_json(_text(folder / "sentence_bert_config.json"))
    most = architecture.most_tokens
    limits = (tokenizer.model_max_length, length.max_seq_length)
    return Recipe(
        architecture=architecture,
        activation=_activation_of(config, folder),
        max_tokens=int(min([most, *(limit for limit in limits if limit)])),
    )


def _activation_of(config: _ConfigFile, folder: Path) -> Activation:
    section = _Section.model_validate_json(_text(folder / "config_sentence_transformers.json"))
    name = (
        section.activation_fn
        or config.sentence_transformers.activation_fn
        or config.sbert_ce_default_activation_function
        # What sentence-transformers takes for a model with one output.
        or Activation.SIGMOID.value
    ).rsplit(".", 1)[-1]
    try:
        return Activation(name)
    except ValueError:
        raise StartupError(
            f"{folder}: the activation {name} is not supported; choose a model with Identity or "
            "Sigmoid."
        ) from None


def _text(file: Path) -> bytes:
    return file.read_bytes() if file.is_file() else b"{}"
