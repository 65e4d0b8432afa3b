"""The file of the session: nobody else reads it, and nothing but a session is read from it."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from groundwell.cli.session import (
    Session,
    read_session,
    remove_session,
    session_file,
    write_session,
)
from groundwell.domain.errors import StartupError

SESSION = Session("https://rag.example.com", "gw_key")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def refusal() -> str:
    with pytest.raises(StartupError) as caught:
        read_session()
    assert caught.value.code == "bad_session"
    assert SESSION.key not in caught.value.detail
    return caught.value.detail


def test_a_session_is_kept_and_forgotten() -> None:
    assert read_session() is None
    assert write_session(SESSION) == session_file()
    assert read_session() == SESSION
    assert remove_session()
    assert read_session() is None
    assert not remove_session()


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o277, 0o777])
def test_only_the_user_can_read_file_and_folder_whatever_the_umask_is(umask: int) -> None:
    session_file().parent.parent.mkdir(parents=True, exist_ok=True)
    before = os.umask(umask)
    try:
        write_session(SESSION)
    finally:
        os.umask(before)
    assert (mode(session_file()), mode(session_file().parent)) == (0o600, 0o700)


def test_a_folder_that_was_open_to_others_is_closed() -> None:
    session_file().parent.mkdir(parents=True)
    session_file().parent.chmod(0o777)
    write_session(SESSION)
    assert mode(session_file().parent) == 0o700


@pytest.mark.parametrize("open_to", [0o640, 0o604, 0o620, 0o602, 0o610, 0o644, 0o666])
def test_a_file_that_others_can_read_or_write_is_refused(open_to: int) -> None:
    write_session(SESSION).chmod(open_to)
    assert "can be read or written by others" in refusal()


def test_a_link_at_the_place_of_the_file_is_not_followed(home: Path) -> None:
    elsewhere = home / "elsewhere.json"
    write_session(SESSION).rename(elsewhere)
    session_file().symlink_to(elsewhere)
    assert "is a link" in refusal()
    held = elsewhere.read_bytes()

    other = Session("https://other.example.com", "gw_other")
    write_session(other)
    assert not session_file().is_symlink()
    assert (read_session(), elsewhere.read_bytes()) == (other, held)


def test_a_link_is_removed_and_what_it_points_to_is_left(home: Path) -> None:
    elsewhere = home / "elsewhere.json"
    write_session(SESSION).rename(elsewhere)
    session_file().symlink_to(elsewhere)
    assert remove_session()
    assert elsewhere.exists()


def test_a_pipe_at_the_place_of_the_file_keeps_nobody_waiting() -> None:
    session_file().parent.mkdir(parents=True)
    os.mkfifo(session_file(), 0o600)
    assert "is not a file" in refusal()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_belongs_to_another_user_is_refused() -> None:
    os.chown(write_session(SESSION), 65534, 65534)
    assert "belongs to another user" in refusal()
    os.chown(session_file().parent, 65534, 65534)
    with pytest.raises(StartupError, match="belongs to another user"):
        write_session(SESSION)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "7", '{"url": "x"}', "\x00", "[" * 70_000, '{"url": {}']
)
def test_a_file_with_something_else_is_refused(text: str) -> None:
    write_session(SESSION).write_text(text)
    assert "does not hold a session" in refusal()


def test_a_write_that_fails_leaves_nothing_behind() -> None:
    session_file().mkdir(parents=True)
    with pytest.raises(StartupError, match="cannot be kept"):
        write_session(SESSION)
    assert [path.name for path in session_file().parent.iterdir()] == ["session.json"]


def test_a_key_does_not_show_when_a_session_is_printed() -> None:
    assert SESSION.key not in repr(SESSION)
    assert json.loads(write_session(SESSION).read_text())["key"] == SESSION.key
