"""Which server a command talks to, and with which key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from groundwell.cli.destination import KeySource, find_destination, read_address
from groundwell.cli.session import Session, write_session
from groundwell.domain.errors import StartupError

OWN = "http://127.0.0.1:8765"
AWAY = "https://rag.example.com"


@pytest.fixture(autouse=True)
def usual(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's home, with a server on the usual data folder, which is returned."""
    for name in ("GROUNDWELL_API_KEY", "GROUNDWELL_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    folder = tmp_path / "usual"
    monkeypatch.setenv("GROUNDWELL_DATA_DIR", str(folder))
    return serving(folder, OWN, "gw_owner")


def serving(folder: Path, url: str, key: str) -> Path:
    """A data folder as a running server leaves it."""
    folder.mkdir(exist_ok=True)
    (folder / "server.json").write_text(json.dumps({"url": url, "pid": 1}))
    (folder / "owner.key").write_text(key + "\n")
    return folder


def found(
    data_dir: Path | None = None, url: str | None = None, key_file: Path | None = None
) -> tuple[str, str, KeySource]:
    destination = find_destination(data_dir, url, key_file)
    assert destination.key not in repr(destination)
    return destination.address.url, destination.key, destination.source


def refusal(data_dir: Path | None = None, url: str | None = None) -> str:
    with pytest.raises(StartupError) as caught:
        find_destination(data_dir, url, None)
    return caught.value.code


def test_without_anything_it_is_the_server_of_the_usual_folder() -> None:
    assert found() == (OWN, "gw_owner", KeySource.FOLDER)


def test_the_session_comes_before_the_usual_folder() -> None:
    write_session(Session(AWAY, "gw_session"))
    assert found() == (AWAY, "gw_session", KeySource.SESSION)


def test_the_session_comes_before_the_owner_of_the_same_server() -> None:
    write_session(Session(OWN, "gw_session"))
    assert found() == (OWN, "gw_session", KeySource.SESSION)
    assert found(url=OWN) == (OWN, "gw_session", KeySource.SESSION)


def test_a_folder_that_is_named_comes_before_the_session(tmp_path: Path) -> None:
    write_session(Session(AWAY, "gw_session"))
    other = serving(tmp_path / "other", "http://127.0.0.1:9000", "gw_other")
    assert found(other) == ("http://127.0.0.1:9000", "gw_other", KeySource.FOLDER)


def test_the_environment_comes_before_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    write_session(Session(AWAY, "gw_session"))
    monkeypatch.setenv("GROUNDWELL_API_KEY", "gw_environment")
    assert found() == (AWAY, "gw_environment", KeySource.ENVIRONMENT)


def test_a_file_comes_before_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GROUNDWELL_API_KEY", "gw_environment")
    (tmp_path / "ann.key").write_text("gw_file\n")
    assert found(key_file=tmp_path / "ann.key") == (OWN, "gw_file", KeySource.FILE)


def test_the_session_of_an_address_is_used_beside_a_folder_that_is_named(usual: Path) -> None:
    write_session(Session(AWAY, "gw_session"))
    assert found(usual, AWAY) == (AWAY, "gw_session", KeySource.SESSION)


def test_a_file_of_the_session_that_is_refused_harms_no_command_that_needs_none(
    usual: Path, tmp_path: Path
) -> None:
    write_session(Session(AWAY, "gw_session")).chmod(0o644)
    (tmp_path / "ann.key").write_text("gw_file\n")
    assert refusal() == "bad_session"
    assert refusal(url=AWAY) == "bad_session"
    assert found(usual) == (OWN, "gw_owner", KeySource.FOLDER)
    assert found(url=AWAY, key_file=tmp_path / "ann.key") == (AWAY, "gw_file", KeySource.FILE)


@pytest.mark.parametrize("name", ["http://localhost:8765", "http://127.0.0.1:8765/"])
def test_the_own_server_is_known_by_its_other_names(name: str) -> None:
    assert found(url=name)[1:] == ("gw_owner", KeySource.FOLDER)


def test_a_server_that_listens_everywhere_is_known_on_loopback_only(usual: Path) -> None:
    serving(usual, "http://0.0.0.0:8765", "gw_owner")
    assert found(url=OWN)[1:] == ("gw_owner", KeySource.FOLDER)
    assert refusal(url="http://192.0.2.1:8765") == "no_key"


def test_a_server_that_listens_on_one_address_is_known_by_that_one_only(usual: Path) -> None:
    serving(usual, "http://192.0.2.1:8765", "gw_owner")
    assert found(url="http://192.0.2.1:8765")[1:] == ("gw_owner", KeySource.FOLDER)
    assert refusal(url=OWN) == "no_key"


def test_without_server_and_session_there_is_nothing_to_talk_to(usual: Path) -> None:
    (usual / "server.json").unlink()
    assert refusal() == "no_server"


@pytest.mark.parametrize(("text", "code"), [("", "no_key"), (" \n", "no_key"), ("ключ", "bad_key")])
def test_a_file_without_a_key_is_refused(tmp_path: Path, text: str, code: str) -> None:
    (tmp_path / "ann.key").write_text(text)
    with pytest.raises(StartupError) as caught:
        find_destination(None, None, tmp_path / "ann.key")
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://RAG.Example.com:443/", AWAY),
        ("HTTP://127.0.0.1:8765", OWN),
        ("https://rag.example.com/groundwell/", f"{AWAY}/groundwell"),
        ("http://[::1]:8765", "http://[::1]:8765"),
    ],
)
def test_an_address_has_one_way_of_writing(text: str, url: str) -> None:
    assert read_address(text).url == url
    assert read_address(url).url == url


@pytest.mark.parametrize(
    "text",
    [
        *("", "localhost", "ftp://a", "http://", "http:///a", "http://[", "http://a:0"),
        *("http://a:99999", "http://a?b", "http://a#b", "http://a b", "http://a%20b"),
        *("http://ann:secret@a", "http://a\\@b", "http://a\nb", "file:///etc/passwd"),
    ],
)
def test_what_is_no_address_is_refused_and_no_password_repeated(text: str) -> None:
    with pytest.raises(StartupError) as caught:
        read_address(text)
    assert caught.value.code == "bad_address"
    assert "secret" not in caught.value.detail


@pytest.mark.parametrize(
    ("url", "is_exposed"),
    [
        ("http://rag.example.com", True),
        ("http://192.0.2.1", True),
        ("http://127.0.0.1.example.com", True),
        ("https://rag.example.com", False),
        ("http://localhost:8765", False),
        ("http://127.9.9.9", False),
        ("http://[::1]", False),
    ],
)
def test_http_to_another_machine_is_exposed(url: str, is_exposed: bool) -> None:
    assert read_address(url).is_exposed is is_exposed
