"""Which settings are told beside the figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from groundwell.cli.evaluation.run import Place
from groundwell.cli.evaluation.search_settings import settings_that_count

SECRETS = {
    "GROUNDWELL_EMBEDDING_API_KEY": "canary-1",
    "GROUNDWELL_SECRET_KEY": "canary-2",
    "DATABASE_URL": "postgresql://canary-3@host/db",
    "GROUNDWELL_EMBEDDING_BASE_URL": "https://user:canary-4@host/v1",
}


def make_place(work: Path, url: str | None = None, data_dir: Path | None = None) -> Place:
    return Place(url, None, data_dir, None, work, 1)


def test_what_was_set_for_searches_is_told_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROUNDWELL_FUSION", "rrf")
    monkeypatch.setenv("GROUNDWELL_RERANK_DEPTH", "20")
    monkeypatch.setenv("EMBEDDING_MODEL", "another-model")
    monkeypatch.setenv("GROUNDWELL_LOG_LEVEL", "error")
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    found = settings_that_count(make_place(tmp_path).settings())
    assert found.pop("model_threads", None) in (None, 1)
    assert found == {"embedding_model": "another-model", "fusion": "rrf", "rerank_depth": 20}


def test_the_temporary_server_does_not_read_the_user_s_file(tmp_path: Path) -> None:
    (tmp_path / "groundwell.toml").write_text("max_upload_mb = 7")
    assert make_place(tmp_path, None, tmp_path).settings().max_upload_mb == 100
    assert make_place(tmp_path, "http://x", tmp_path).settings().max_upload_mb == 7
