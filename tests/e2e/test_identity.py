"""Logging in, and managing users and keys, from the command line against a running server."""

from __future__ import annotations

import io
import json
import os
import pty
import select
import stat
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.e2e.running import COMMAND_SECONDS, RunningServer, environment, running

from groundwell import cli
from groundwell.domain.api_keys import make_api_key

pytestmark = pytest.mark.slow

# For what comes at once, on a machine that may stand still for a while.
WAIT_SECONDS = 120


@dataclass(frozen=True)
class Result:
    """How a command ended, and what it said."""

    returncode: int | str | None
    stdout: str
    stderr: str


@dataclass
class Person:
    """Somebody at another machine: a home of its own, and nothing of the server's data folder."""

    home: Path

    @property
    def session(self) -> Path:
        (found,) = self.home.rglob("session.json")
        return found

    def variables(self) -> dict[str, str]:
        kept = environment(self.home)
        del kept["GROUNDWELL_DATA_DIR"]
        places = ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME")
        return kept | dict.fromkeys(places, str(self.home))

    def run(self, *arguments: str, says: str = "", **variables: str) -> Result:
        """Run a command to its end, in this process: starting one for each takes its time."""
        stdout, stderr = io.StringIO(), io.StringIO()
        with (
            pytest.MonkeyPatch.context() as patch,
            redirect_stdout(stdout),
            redirect_stderr(stderr),
        ):
            for name in os.environ.keys() - self.variables().keys():
                patch.delenv(name)
            for name, value in (self.variables() | variables).items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["groundwell", *arguments])
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(says.encode())))
            with pytest.raises(SystemExit) as ended:
                cli.main()
        return Result(ended.value.code, stdout.getvalue(), stderr.getvalue())

    def reads(self, *arguments: str) -> Any:  # noqa: ANN401 - JSON
        """What a command prints as JSON."""
        result = self.run(*arguments, "--json")
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("identity") / "data") as started:
        yield started


@pytest.fixture
def owner(server: RunningServer, tmp_path: Path) -> Person:
    """The owner, logged in from a home far from the server's folder."""
    person = Person(tmp_path / "owner")
    person.home.mkdir()
    result = person.run("login", "--url", server.url, says=server.key)
    assert result.returncode == 0, result.stderr
    return person


@pytest.fixture
def ann(server: RunningServer, owner: Person, tmp_path: Path) -> Person:
    """A member, logged in with a key that the owner has made."""
    made = owner.reads("users", "create", f"Ann {tmp_path.name}", "--role", "member")
    scopes = ("--scope", "read", "--scope", "write")
    key = owner.run("keys", "create", "laptop", *scopes, "--user", made["id"])
    person = Person(tmp_path / "ann")
    person.home.mkdir()
    assert person.run("login", "--url", server.url, says=key.stdout).returncode == 0
    return person


def test_who_has_logged_in_needs_to_name_nothing(owner: Person, server: RunningServer) -> None:
    notes = owner.home / "notes"
    notes.mkdir()
    (notes / "tides.md").write_text("# Tides\n\nSpring tides occur at full moon.\n")
    assert owner.run("ingest", str(notes), "-c", "notes").returncode == 0
    found = owner.reads("search", "spring tides", "-c", "notes")
    assert "full moon" in found["results"][0]["text"]
    assert "full moon" in owner.run("ask", "When do spring tides occur?", "-c", "notes").stdout
    assert "key.first_used" in owner.run("audit").stdout

    me = owner.reads("whoami")
    assert (me["server"], me["role"], me["key_from"]) == (server.url, "owner", "session")
    assert (me["name"], me["key"]["name"], me["key"]["expires_at"]) == ("owner", "owner.key", None)


def test_the_session_is_a_file_of_the_user_alone(owner: Person, server: RunningServer) -> None:
    assert stat.S_IMODE(owner.session.stat().st_mode) == 0o600
    assert stat.S_IMODE(owner.session.parent.stat().st_mode) == 0o700
    assert json.loads(owner.session.read_text()) == {"url": server.url, "key": server.key}

    owner.session.chmod(0o644)
    refused = owner.run("whoami")
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "can be read or written by others" in refused.stderr
    assert owner.run("logout").stdout == "Logged out.\n"
    assert owner.run("logout").stdout == "You were not logged in.\n"
    assert owner.run("whoami").stderr.startswith("Error: No server runs on the data folder ")


def test_login_shows_whom_the_key_stands_for_and_not_the_key(
    owner: Person, server: RunningServer
) -> None:
    result = owner.run("login", says=server.key, GROUNDWELL_API_KEY="gw_other")
    assert result.returncode == 0
    assert "role      owner, tier premium" in result.stdout
    assert "GROUNDWELL_API_KEY is set, and comes before the session." in result.stderr
    for text in (result.stdout, result.stderr, owner.run("whoami").stdout):
        assert server.key.split("_")[2] not in text


def test_a_wrong_key_logs_nobody_in(server: RunningServer, tmp_path: Path) -> None:
    person = Person(tmp_path)
    result = person.run("login", "--url", server.url, says=make_api_key().text)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "Error: This API key is not valid.\n"
    assert not list(tmp_path.rglob("session.json"))


def test_at_a_terminal_the_key_is_asked_for_and_neither_shown_nor_listed(
    server: RunningServer, tmp_path: Path
) -> None:
    person = Person(tmp_path)
    mine, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "groundwell", "login", "--url", server.url],
        env=person.variables(),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    said = read_until(mine, b"API key for ")
    wait_until_silent(mine)
    listed = list_command(process.pid)
    assert server.url in listed
    os.write(mine, server.key.encode() + b"\n")
    listed += list_command(process.pid)
    said += read_until(mine, b"session.json")
    assert process.wait(WAIT_SECONDS) == 0
    os.close(mine)
    assert b"Logged in." in said
    assert server.key.encode() not in said
    assert server.key not in listed
    assert person.reads("whoami")["role"] == "owner"


def list_command(pid: int) -> str:
    """What anybody on the machine can see of the process; nothing once it has ended."""
    with suppress(psutil.NoSuchProcess):
        return " ".join(psutil.Process(pid).cmdline())
    return ""


def read_until(terminal: int, words: bytes) -> bytes:
    """What the terminal shows, up to some words."""
    shown = b""
    while words not in shown:
        ready, _, _ = select.select([terminal], [], [], WAIT_SECONDS)
        assert ready, shown
        shown += os.read(terminal, 4096)
    return shown


def wait_until_silent(terminal: int) -> None:
    """Wait until the terminal does not repeat what is typed. What was typed before is lost."""
    deadline = time.monotonic() + WAIT_SECONDS
    while termios.tcgetattr(terminal)[3] & termios.ECHO:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_revoked_key_says_to_log_in_again(owner: Person, ann: Person) -> None:
    me = ann.reads("whoami")
    assert (me["role"], me["scopes"], me["key"]["name"]) == ("member", ["read", "write"], "laptop")
    assert owner.run("keys", "revoke", me["key"]["id"], "--yes").returncode == 0
    deadline = time.monotonic() + WAIT_SECONDS
    while (result := ann.run("keys", "list")).returncode == 0:
        assert time.monotonic() < deadline, result.stdout
        time.sleep(0.05)
    assert result.returncode == 1
    assert result.stderr.endswith("Log in again with `groundwell login`.\n")
    assert result.stderr.count("\n") == 1


def test_logout_revokes_the_key_if_asked_to(owner: Person, ann: Person) -> None:
    key = ann.reads("whoami")["key"]["id"]
    assert ann.run("logout", "--revoke").stdout == "Logged out.\n"
    (listed,) = [found for found in owner.reads("keys", "list") if found["id"] == key]
    assert listed["revoked_at"] is not None
    assert not list(ann.home.rglob("session.json"))


def test_a_new_key_alone_is_on_standard_output(owner: Person, tmp_path: Path) -> None:
    options = ("--scope", "read", "--expires", "2090-01-31")
    made = owner.run("keys", "create", "notebook", *options)
    assert made.stdout.startswith("gw_")
    assert made.stdout.count("\n") == 1
    assert "expires 2090-01-31T00:00:00Z" in made.stderr
    key = made.stdout.strip()
    assert key.split("_")[2] not in made.stderr

    (tmp_path / "notebook.key").write_text(made.stdout)
    me = owner.reads("whoami", "--key-file", str(tmp_path / "notebook.key"))
    assert (me["scopes"], me["key"]["expires_at"]) == (["read"], "2090-01-31T00:00:00Z")
    assert me["key_from"] == "--key-file"

    table = owner.run("keys", "list").stdout
    (row,) = [line for line in table.splitlines() if "notebook" in line]
    assert row.split()[0] == key.split("_")[1]
    assert row.split()[-3:-2] == ["active"]
    assert key.split("_")[2] not in table


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full device")
def test_a_key_that_could_not_be_written_is_revoked(owner: Person) -> None:
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "groundwell", "keys", "create", "lost", "--scope", "read"],
            env=owner.variables(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
    assert result.returncode == 1
    assert "could not be written, and is revoked" in result.stderr
    (lost,) = [key for key in owner.reads("keys", "list") if key["name"] == "lost"]
    assert lost["revoked_at"] is not None


def test_users_are_made_changed_and_deleted(owner: Person) -> None:
    made = owner.reads("users", "create", "Bob", "--tier", "premium", "--subject", "bob@idp")
    assert (made["role"], made["tier"], made["subject"]) == ("reader", "premium", "bob@idp")
    assert owner.reads("users", "set-role", "Bob", "admin")["role"] == "admin"
    assert owner.reads("users", "set-tier", "Bob", "free")["tier"] == "free"
    assert owner.reads("users", "rename", "Bob", "Robert")["name"] == "Robert"
    assert owner.reads("users", "disable", "Robert", "--yes")["disabled"] is True
    assert "disabled" in owner.run("users", "show", made["id"]).stdout
    assert owner.reads("users", "enable", "Robert")["disabled"] is False

    kept = owner.run("users", "delete", "Robert", says="n\n")
    assert kept.returncode == 1
    assert "Robert" in kept.stderr
    assert "Robert" in owner.run("users", "list").stdout
    gone = owner.run("users", "delete", "Robert", "--documents", "delete", says="y\n")
    assert gone.returncode == 0
    assert "Robert" not in owner.run("users", "list").stdout


def test_nothing_is_destroyed_when_nobody_answers(owner: Person) -> None:
    made = owner.reads("users", "create", "Carol")
    key = owner.reads("keys", "create", "carols", "--scope", "read", "--user", "Carol")
    for command in (
        ("users", "delete", "Carol"),
        ("users", "disable", "Carol"),
        ("keys", "revoke", key["id"]),
    ):
        assert owner.run(*command).returncode == 1
    assert owner.reads("users", "show", made["id"])["disabled"] is False
    (listed,) = [found for found in owner.reads("keys", "list") if found["id"] == key["id"]]
    assert listed["revoked_at"] is None


def test_a_name_that_two_users_have_names_neither(owner: Person) -> None:
    first = owner.reads("users", "create", "Twin")
    owner.reads("users", "create", "Twin")
    result = owner.run("users", "delete", "Twin", "--yes")
    assert result.returncode == 1
    assert result.stderr.startswith("Error: 2 users are called 'Twin'.")
    assert owner.run("users", "delete", first["id"], "--yes").returncode == 0


def test_names_do_not_command_the_terminal(owner: Person) -> None:
    made = owner.reads("users", "create", "Eve \x1b[2J\u202e")
    for result in (
        owner.run("users", "list"),
        owner.run("users", "show", made["id"]),
        owner.run("users", "delete", made["id"], says="n\n"),
        owner.run("users", "delete", made["id"], "--yes"),
    ):
        shown = result.stdout + result.stderr
        assert "Eve " in shown
        assert "\x1b" not in shown
        assert "\u202e" not in shown


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("users", "list"), "Error: You may not do that here: it needs the scope 'admin'."),
        (("users", "show", "Ann"), "Error: You may not do that here: it needs the scope 'admin'."),
        (("keys", "revoke", "nothing", "--yes"), "Error: There is no key with that id."),
        (("keys", "revoke", "../tenant", "--yes"), "Error: There is nothing at this address."),
        (("keys", "create", "x", "--scope", "admin"), "Error: The key would have scopes beyond"),
    ],
)
def test_what_is_refused_is_said_in_one_sentence(
    ann: Person, arguments: tuple[str, ...], sentence: str
) -> None:
    result = ann.run(*arguments)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(sentence)
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("keys", "create", "x"),
        ("keys", "create", "x", "--scope", "all"),
        ("keys", "create", "x", "--scope", "read", "--expires", "soon"),
        ("users", "set-role", "Ann", "king"),
        ("users", "delete", "Ann", "--documents", "burn"),
    ],
)
def test_wrong_usage_ends_with_two(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert Person(tmp_path).run(*arguments).returncode == 2
