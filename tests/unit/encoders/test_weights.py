"""Where models are looked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fakes.encoder_folder import write_cross_encoder, write_encoder

from groundwell.domain.errors import StartupError
from groundwell.encoders.weights import find_model


def test_model_is_a_folder_by_its_path(tmp_path: Path):
    folder = write_encoder(tmp_path / "mine")
    assert find_model(str(folder), tmp_path / "data") == folder


def test_model_is_found_by_name_in_the_data_folder(tmp_path: Path):
    folder = write_encoder(tmp_path / "data" / "models" / "org" / "mine")
    assert find_model("org/mine", tmp_path / "data") == folder


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("", ""),
        ("cross-encoder/", ""),
        ("cross-encoder/", "cross-encoder/"),
        ("", "cross-encoder/"),
    ],
)
def test_known_cross_encoder_needs_no_publisher(tmp_path: Path, name: str, folder: str):
    short = "ms-marco-MiniLM-L-6-v2"
    there = write_cross_encoder(tmp_path / "models" / f"{folder}{short}")
    assert find_model(f"{name}{short}", tmp_path) == there


def test_known_cross_encoder_is_asked_for_by_its_full_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(StartupError, match="cross-encoder/ms-marco-MiniLM-L-6-v2 is not here"):
        find_model("ms-marco-MiniLM-L-6-v2", tmp_path)


@pytest.mark.parametrize("name", ["all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"])
def test_default_model_with_other_weights_is_refused(tmp_path: Path, name: str):
    write_encoder(tmp_path / "models" / "all-MiniLM-L6-v2")
    with pytest.raises(StartupError, match="SHA-256"):
        find_model(name, tmp_path)


def test_default_model_without_safetensors_is_refused(tmp_path: Path):
    folder = write_encoder(tmp_path / "models" / "all-MiniLM-L6-v2", has_weights=False)
    (folder / "model.onnx").write_bytes(b"onnx")
    with pytest.raises(StartupError, match="SHA-256"):
        find_model("all-MiniLM-L6-v2", tmp_path)


def test_missing_model_is_not_asked_for_when_the_hub_is_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(StartupError, match="switched off"):
        find_model("org/none", tmp_path)


def test_name_that_no_hub_could_know_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with pytest.raises(StartupError, match="could not be fetched"):
        find_model("no such:model/at/all", tmp_path)
