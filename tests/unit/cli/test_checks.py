"""What `groundwell doctor` says of the reranker and of the malware scanner."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.fakes.clamd import clamd
from tests.fakes.encoder_folder import write_cross_encoder
from tests.fakes.rerank_server import serve_reranking

from groundwell.cli.checks import Finding, _check_reranker, _check_scanner
from groundwell.settings import load_settings


def finding(folder: Path, **settings: object) -> Finding:
    (found,) = _check_reranker(load_settings(data_dir=folder, **settings))
    return found


@pytest.mark.parametrize("kind", ["late_interaction", "none"])
def test_a_reranker_without_a_model_is_in_order(tmp_path: Path, kind: str):
    assert finding(tmp_path, reranker=kind) == Finding("reranker", "ok", kind)


def test_late_interaction_with_a_remote_embedder_is_a_warning(tmp_path: Path):
    found = finding(tmp_path, embedder="openai")
    assert (found.state, found.check) == ("warning", "reranker")
    assert "cross_encoder" in found.advice


def test_a_cross_encoder_is_loaded_and_tried(tmp_path: Path):
    folder = write_cross_encoder(tmp_path / "model")
    good = finding(tmp_path, reranker="cross_encoder", reranker_model=str(folder))
    assert good == Finding("reranker", "ok", f"{folder}, cross_encoder")
    (folder / "model.safetensors").write_bytes(b"none")
    bad = finding(tmp_path, reranker="cross_encoder", reranker_model=str(folder))
    assert bad.state == "error"
    assert "safetensors" in bad.message


async def test_a_reranking_server_is_tried(tmp_path: Path):
    async with serve_reranking() as base_url:
        good = await asyncio.to_thread(
            finding, tmp_path, reranker="http", reranker_base_url=base_url
        )
    bad = await asyncio.to_thread(finding, tmp_path, reranker="http", reranker_base_url=base_url)
    assert (good.state, bad.state) == ("ok", "error")
    assert "out of reach" in bad.message


def scanner_finding(folder: Path, address: str | None) -> Finding:
    (found,) = _check_scanner(load_settings(data_dir=folder, malware_scanner=address))
    return found


async def test_a_malware_scanner_is_asked_whether_it_is_there(tmp_path: Path):
    none = await asyncio.to_thread(scanner_finding, tmp_path, None)
    async with clamd() as server:
        good = await asyncio.to_thread(scanner_finding, tmp_path, server.address)
    away = await asyncio.to_thread(scanner_finding, tmp_path, server.address)
    wrong = await asyncio.to_thread(scanner_finding, tmp_path, "clamd:3310")
    assert [found.state for found in (none, good, away, wrong)] == ["ok", "ok", "error", "error"]
    assert "not scanned" in none.message
    assert server.address in good.message
    assert "clamd.conf" in away.advice
    assert "unix:/path" in wrong.message
