"""What a model's own files say about how it is to be run."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from groundwell.domain.errors import StartupError
from groundwell.encoders.architecture import Architecture, Positive, read_architecture


class Pooling(Enum):
    """How token vectors become the vector of a text."""

    MEAN = "mean"
    CLS = "cls"


class Recipe(BaseModel):
    """All that is needed beside weights and tokenizer."""

    model_config = ConfigDict(frozen=True)

    architecture: Architecture
    pooling: Pooling
    max_tokens: int
    query_prefix: str = ""
    passage_prefix: str = ""


class _Module(BaseModel):
    type: str
    path: str


class _PoolingFile(BaseModel):
    pooling_mode: str | None = None
    pooling_mode_cls_token: bool = False
    pooling_mode_mean_tokens: bool = False
    include_prompt: bool = True


class _LengthFile(BaseModel):
    max_seq_length: Positive | None = None


class _PromptFile(BaseModel):
    prompts: dict[str, str | None] | None = None


def read_recipe(folder: Path) -> Recipe:
    """Read a sentence encoder's folder.

    Errors: StartupError when a file is missing or broken, or the model is of another kind than
    those supported.
    """
    try:
        return _read(folder)
    except (OSError, ValidationError) as error:
        raise StartupError(f"{folder} does not hold a usable sentence encoder: {error}") from error


def _read(folder: Path) -> Recipe:
    architecture = read_architecture(folder)
    pooling_file = _pooling_file(folder)
    prompts = _PromptFile.model_validate_json(
        _text(folder / "config_sentence_transformers.json")
    ).prompts
    if prompts and not pooling_file.include_prompt:
        raise StartupError(f"{folder}: leaving the prompt out of the mean is not supported.")
    prompts = prompts or {}
    length = _LengthFile.model_validate_json(_text(folder / "sentence_bert_config.json"))
    most = architecture.most_tokens
    return Recipe(
        architecture=architecture,
        pooling=_pooling_of(pooling_file, folder),
        max_tokens=min(length.max_seq_length or most, most),
        query_prefix=prompts.get("query") or "",
        passage_prefix=prompts.get("passage") or prompts.get("document") or "",
    )


def _pooling_file(folder: Path) -> _PoolingFile:
    listing = folder / "modules.json"
    if not listing.is_file():
        return _PoolingFile(pooling_mode_mean_tokens=True)
    modules = TypeAdapter(list[_Module]).validate_json(listing.read_bytes())
    kinds = {module.type.rsplit(".", 1)[-1]: module for module in modules}
    if unknown := kinds.keys() - {"Transformer", "Pooling", "Normalize"}:
        raise StartupError(
            f"{folder}: modules {', '.join(sorted(unknown))} are not supported; choose a model "
            "of Transformer, Pooling and Normalize only."
        )
    if "Pooling" not in kinds:
        raise StartupError(f"{folder}: modules.json names no Pooling module.")
    return _PoolingFile.model_validate_json(
        (folder / kinds["Pooling"].path / "config.json").read_bytes()
    )


def _pooling_of(file: _PoolingFile, folder: Path) -> Pooling:
    is_cls = file.pooling_mode == "cls" or file.pooling_mode_cls_token
    is_mean = file.pooling_mode == "mean" or file.pooling_mode_mean_tokens
    if is_cls == is_mean:
        raise StartupError(f"{folder}: only mean and CLS pooling are supported.")
    return Pooling.CLS if is_cls else Pooling.MEAN


def _text(file: Path) -> bytes:
    return file.read_bytes() if file.is_file() else b"{}"
