from __future__ import annotations

from pathlib import Path

import pytest

from groundwell.domain.errors import StartupError
from groundwell.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in os.environ:
        if name.startswith(("GROUNDWELL_", "OPENAI_", "EMBEDDING_")) or name == "DATABASE_URL":
            monkeypatch.delenv(name)


def write(folder: Path, text: str) -> None:
    (folder / "groundwell.toml").write_text(text)


def test_defaults_need_no_network_no_key_and_no_other_server(tmp_path: Path):
    settings = load_settings(data_dir=tmp_path)
    assert (settings.host, settings.embedder) == ("127.0.0.1", "openvino")
    assert (settings.database_url, settings.llm_model, settings.blob_url) == (None, None, None)


def test_arguments_win_over_the_environment_and_the_environment_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    write(tmp_path, 'port = 1111\nhost = "file"\nlog_level = "error"\n')
    monkeypatch.setenv("GROUNDWELL_PORT", "2222")
    monkeypatch.setenv("GROUNDWELL_HOST", "environment")
    settings = load_settings(data_dir=tmp_path, port=3333, host=None)
    assert (settings.port, settings.host, settings.log_level) == (3333, "environment", "error")


def test_the_folder_of_the_file_can_come_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    write(tmp_path, "port = 4444\n")
    monkeypatch.setenv("GROUNDWELL_DATA_DIR", str(tmp_path))
    assert load_settings().port == 4444


@pytest.mark.parametrize(
    ("variable", "field"),
    [
        ("DATABASE_URL", "database_url"),
        ("GROUNDWELL_DATABASE_URL", "database_url"),
        ("EMBEDDING_MODEL", "embedding_model"),
        ("OPENAI_BASE_URL", "llm_base_url"),
        ("OPENAI_API_BASE", "llm_base_url"),
        ("OPENAI_API_KEY", "llm_api_key"),
        ("OPENAI_API_KEY", "embedding_api_key"),
    ],
)
def test_names_that_other_tools_use_are_understood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, field: str
):
    monkeypatch.setenv(variable, "given")
    value = getattr(load_settings(data_dir=tmp_path), field)
    assert getattr(value, "get_secret_value", lambda: value)() == "given"


@pytest.mark.parametrize(
    "field",
    ["database_url", "embedding_model", "embedding_dimension", "llm_base_url", "llm_api_key"],
)
def test_every_setting_can_stand_in_the_file_under_its_own_name(tmp_path: Path, field: str):
    write(tmp_path, f'{field} = "77"\n')
    value = getattr(load_settings(data_dir=tmp_path), field)
    assert str(getattr(value, "get_secret_value", lambda: value)()) == "77"


@pytest.mark.parametrize(
    ("variable", "field", "value"),
    [("DATABASE_URL", "database_url", "a"), ("EMBEDDING_DIM", "embedding_dimension", "64")],
)
def test_the_environment_wins_over_the_file_under_any_of_its_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, field: str, value: str
):
    write(tmp_path, f'{field} = "999"\n')
    monkeypatch.setenv(variable, value)
    found = getattr(load_settings(data_dir=tmp_path), field)
    assert str(getattr(found, "get_secret_value", lambda: found)()) == value


def test_unknown_names_in_the_file_are_refused_by_name(tmp_path: Path):
    write(tmp_path, "port = 1\nprot = 2\n")
    with pytest.raises(StartupError, match=r"groundwell\.toml has unknown settings: prot"):
        load_settings(data_dir=tmp_path)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"port": 70000}, "port"),
        ({"dense_weight": 1.5}, "dense_weight"),
        ({"chunking": "by the moon"}, "chunking"),
        ({"worker_jobs": 0}, "worker_jobs"),
        ({"reranker": "crystal ball"}, "reranker"),
        ({"reranker_timeout": 0}, "reranker_timeout"),
        # One connection alone would wait for itself where a second one is needed beside it.
        ({"database_pool_size": 1}, "database_pool_size"),
    ],
)
def test_a_wrong_value_is_refused_by_name(tmp_path: Path, arguments: dict[str, object], name: str):
    with pytest.raises(StartupError, match=f"A setting is wrong: {name}") as caught:
        load_settings(data_dir=tmp_path, **arguments)
    assert caught.value.code == "bad_settings"


def test_a_wrong_value_in_the_file_is_refused_by_name(tmp_path: Path):
    write(tmp_path, 'port = "high"\n')
    with pytest.raises(StartupError, match="A setting is wrong: port"):
        load_settings(data_dir=tmp_path)


@pytest.mark.parametrize("content", [b"port = = 1", b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_a_clear_error(tmp_path: Path, content: bytes):
    (tmp_path / "groundwell.toml").write_bytes(content)
    with pytest.raises(StartupError, match="cannot be read"):
        load_settings(data_dir=tmp_path)


def test_secrets_are_not_shown(tmp_path: Path):
    settings = load_settings(
        data_dir=tmp_path,
        secret_key="hush",
        llm_api_key="hush",
        database_url="hush",
        reranker_api_key="hush",
    )
    assert "hush" not in repr(settings)
    assert "hush" not in str(settings.model_dump())


def test_every_setting_has_a_description_and_there_are_not_too_many():
    assert all(field.description for field in Settings.model_fields.values())
    assert len(Settings.model_fields) <= 60
