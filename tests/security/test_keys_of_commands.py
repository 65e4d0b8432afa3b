"""A key that the command line holds goes to its own server, and nowhere else."""

from __future__ import annotations

import io
import json
import logging
import sys
from pathlib import Path
from urllib.parse import urlsplit

import click
import pytest
import typer
from tests.fakes.key_listener import KeyListener, listening
from tests.security.seed import dice, tell

from groundwell import cli
from groundwell.cli.client import ServerError, connect
from groundwell.cli.login import login, logout
from groundwell.cli.session import Session, read_session, session_file, write_session
from groundwell.domain.api_keys import make_api_key
from groundwell.domain.errors import GroundwellError, StartupError

ME = {"id": "1", "tenant": "2", "role": "member", "tier": "free", "scopes": ["read"], "keys": []}
REDIRECTS = (301, 302, 303, 307, 308)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    unset = ("GROUNDWELL_API_KEY", "GROUNDWELL_URL", "GROUNDWELL_DATA_DIR", "NO_PROXY", "no_proxy")
    for name in unset:
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    return tmp_path


@pytest.fixture
def key() -> str:
    return make_api_key().text


def typed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """What comes on standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


def test_the_key_of_a_session_goes_to_its_server_so_that_the_rest_shows_something(
    key: str,
) -> None:
    with listening(body=ME) as server:
        write_session(Session(server.url, key))
        with connect(None, None, None) as client:
            client.get("/api/v1/users/me")
        with connect(None, server.url, None) as client:
            client.get("/api/v1/users/me")
    assert server.seen == [f"Bearer {key}"] * 2


def beside(url: str) -> list[str]:
    """Addresses that look like `url`, and are not."""
    parts = urlsplit(url)
    port = parts.port
    assert port is not None
    known = [
        *(f"http://{host}:{port}" for host in ("localhost", "127.0.0.2", "0.0.0.0", "[::1]")),
        f"https://127.0.0.1:{port}",
        f"{url}/other",
        f"{url}.example.com",
        f"http://127.0.0.1.example.com:{port}",
        f"http://{parts.netloc}@127.0.0.2:{port}",
        f"http://127.0.0.2:{port}\\@{parts.netloc}",
        f"http://127.0.0.2:{port}#@{parts.netloc}",
        f"http://127.0.0.2:{port}?{parts.netloc}",
        "http://127.0.0.1",
    ]
    random = dice("addresses beside")
    ports = (random.randint(1, 65_535) for _ in range(100))
    return [*known, *(f"http://127.0.0.1:{other}" for other in ports if other != port)]


def test_a_session_of_another_server_is_not_sent_to_an_address_that_is_named(key: str) -> None:
    refused = 0
    with listening(body=ME) as server, listening(body=ME) as other:
        write_session(Session(server.url, key))
        addresses = [*beside(server.url), other.url]
        for address in addresses:
            with pytest.raises(StartupError) as caught, connect(None, address, None) as client:
                client.get("/api/v1/users/me")
            refused += caught.value.code in {"no_key", "bad_address"}
            assert key not in caught.value.detail
        assert refused == len(addresses)
        assert other.seen == []
        assert server.seen == []
    tell(f"{len(addresses)} addresses beside that of the session: none was sent the key")


def test_the_key_of_this_machine_is_not_sent_to_an_address_that_is_named(
    home: Path, key: str
) -> None:
    with listening(body=ME) as own, listening(body=ME) as other:
        for folder in (home / "groundwell", home / "named"):
            folder.mkdir()
            (folder / "server.json").write_text(json.dumps({"url": own.url, "pid": 1}))
            (folder / "owner.key").write_text(key)
        with connect(home / "named", None, None) as client:
            client.get("/api/v1/users/me")
        for data_dir in (None, home / "named"):
            with pytest.raises(StartupError), connect(data_dir, other.url, None) as client:
                client.get("/api/v1/users/me")
    assert (own.seen, other.seen) == ([f"Bearer {key}"], [])


@pytest.mark.parametrize("status", REDIRECTS)
def test_a_redirect_does_not_take_the_key_along(key: str, status: int, tmp_path: Path) -> None:
    with (
        listening(body=ME) as thief,
        listening(status, location=f"{thief.url}/api/v1/x") as server,
    ):
        write_session(Session(server.url, key))
        with connect(None, None, None) as client:
            attempts = (
                lambda: client.get("/api/v1/users/me"),
                lambda: client.post("/api/v1/search", {}),
                lambda: client.patch("/api/v1/users/1", {}),
                lambda: client.delete("/api/v1/keys/1"),
                lambda: client.download("/api/v1/tenant/export", tmp_path / "all.zip"),
                lambda: list(client.events("/api/v1/ask", {})),
            )
            for attempt in attempts:
                with pytest.raises(ServerError) as caught:
                    attempt()
                assert caught.value.code == "redirected"
                assert thief.url in caught.value.detail
        assert server.seen == [f"Bearer {key}"] * len(attempts)
        assert thief.seen == []
    tell(f"{len(attempts)} requests answered with {status}: the other address was asked 0 times")


def test_what_is_for_this_machine_goes_through_no_proxy(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listening(body=ME) as server, listening(body=ME) as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        write_session(Session(server.url, key))
        for url in (None, server.url):
            with connect(None, url, None) as client:
                client.get("/api/v1/users/me")
    assert (len(server.seen), proxy.seen) == (2, [])


def test_a_login_at_something_else_keeps_nothing(
    key: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    answers = (
        b"<!doctype html>",
        b"",
        b"[" * 70_000,
        [],
        {},
        {"id": 1, "scopes": 7},
        {**ME, "keys": 7},
        {"id": "1"},
    )
    for body in answers:
        typed(monkeypatch, key)
        with listening(body=body) as server, pytest.raises(ServerError) as caught:
            login(server.url)
        assert caught.value.code == "bad_answer"
    assert not session_file().exists()
    assert key not in "".join(capfd.readouterr())


def test_a_login_that_is_refused_keeps_the_session_before(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Session("https://rag.example.com", key)
    write_session(before)
    problem = {"detail": "This API key is not valid.", "code": "unauthenticated"}
    typed(monkeypatch, make_api_key().text)
    with listening(401, problem) as server, pytest.raises(ServerError) as caught:
        login(server.url)
    assert caught.value.detail == problem["detail"]
    assert read_session() == before


def test_a_key_is_not_sent_unencrypted_unless_that_is_asked_for(
    key: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    # An address for documentation (RFC 5737), behind a proxy that notes what comes.
    url = "http://192.0.2.7:8765"
    with listening(body=ME) as network:
        monkeypatch.setenv("http_proxy", network.url)
        typed(monkeypatch, key)
        with pytest.raises(StartupError) as caught:
            login(url)
        assert (caught.value.code, network.seen) == ("not_encrypted", [])
        assert "--insecure" in caught.value.detail

        login(url, insecure=True)
        assert "not encrypted" in capfd.readouterr().err
        assert read_session() == Session(url, key)

        monkeypatch.setenv("GROUNDWELL_API_KEY", key)
        with connect(None, url, None) as client:
            client.get("/api/v1/users/me")
        assert "The key goes unencrypted to http://192.0.2.7:8765." in capfd.readouterr().err


def test_a_session_whose_key_is_refused_says_to_log_in_again(key: str) -> None:
    problem = {"detail": "This API key is not valid.", "code": "unauthenticated"}
    with listening(401, problem) as server:
        write_session(Session(server.url, key))
        with connect(None, None, None) as client, pytest.raises(ServerError) as caught:
            client.get("/api/v1/users/me")
        assert "Log in again with `groundwell login`." in caught.value.detail
        assert caught.value.code == "unauthenticated"
        # What is refused already need not be revoked.
        logout(revoke=True)
    assert read_session() is None


def test_a_session_whose_server_is_gone_says_so(key: str) -> None:
    with listening() as server:
        write_session(Session(server.url, key))
    with connect(None, None, None) as client, pytest.raises(StartupError) as caught:
        client.get("/api/v1/users/me")
    assert "You are logged in there" in caught.value.detail


def test_what_a_server_says_does_not_command_the_terminal(key: str) -> None:
    problem = {"detail": "\x1b]0;owned\x07 no\u202e", "code": "not_found"}
    with listening(404, problem) as server:
        write_session(Session(server.url, key))
        with connect(None, None, None) as client, pytest.raises(ServerError) as caught:
            client.get("/api/v1/users/me")
    assert caught.value.detail.isprintable()


def test_a_session_whose_key_cannot_be_revoked_is_kept(key: str) -> None:
    problem = {"detail": "It needs the scope 'write'.", "code": "insufficient_scope"}
    with listening(403, problem) as server:
        write_session(Session(server.url, key))
        with pytest.raises(ServerError):
            logout(revoke=True)
    assert read_session() == Session(server.url, key)


def commands() -> list[list[str]]:
    def below(command: click.Command, path: list[str]) -> list[list[str]]:
        inner = getattr(command, "commands", {})
        found = [name for child, item in inner.items() for name in below(item, [*path, child])]
        return found if inner else [path]

    return below(typer.main.get_command(cli._app), [])


def test_no_command_takes_a_key_from_its_arguments(
    key: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    every = commands()
    assert ["users", "delete"] in every
    with listening(body=ME) as server:
        for command in every:
            for typed_in in ([key], ["--key", key], [f"--key={key}"], ["-k" + key]):
                called = ["groundwell", *command, *typed_in, "--url", server.url]
                monkeypatch.setattr(sys, "argv", called)
                with pytest.raises(SystemExit) as ended:
                    cli.main()
                said = "".join(capfd.readouterr())
                assert ended.value.code == 1
                assert "groundwell keys revoke" in said
                assert key not in said
        assert server.seen == []
    tell(f"{len(every)} commands with a key among their arguments: none used or repeated it")


def test_no_failure_and_no_log_line_shows_the_key(
    key: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    failures = []
    for status, body in ((200, b"no JSON"), (500, b"no JSON"), (404, {"detail": 1}), (302, {})):
        with listening(status, body) as server:
            write_session(Session(server.url, key))
            failures.append(failure_of(server))
    failures.append(failure_of(server))
    for error in failures:
        shown: BaseException | None = error
        while shown is not None:
            assert key not in f"{shown!s} {shown!r} {vars(shown)}"
            shown = shown.__cause__
    assert key not in caplog.text + "".join(capfd.readouterr())
    tell(f"{len(failures)} failures, {len(caplog.records)} lines of the log: no key in any")


def failure_of(server: KeyListener) -> GroundwellError:
    with (
        pytest.raises(GroundwellError) as caught,
        connect(None, server.url, None) as client,
    ):
        client.get("/api/v1/users/me")
    return caught.value
