"""The embedded server, with real processes that share it, stop, and are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from groundwell.store.embedded import EmbeddedPostgres

CLOSE_SECONDS = 300
# Opens the server, says so, and holds it until its input ends; then closes it, or is killed.
HOLDER = """
import sys
from pathlib import Path
from groundwell.store.embedded import EmbeddedPostgres
server = EmbeddedPostgres.open(Path(sys.argv[1]))
print(server.url, flush=True)
sys.stdin.read()
server.close()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "postgres"
    if pid := postmaster(tmp_path / "postgres"):
        with suppress(psutil.NoSuchProcess):
            psutil.Process(pid).kill()


@contextmanager
def holder(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the server open."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", HOLDER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("postgresql://")
        try:
            yield process
        finally:
            process.kill()


def release(process: subprocess.Popen[str]) -> None:
    """Let the other process close the server and end.

    It waits for its turn: all processes of the machine start and stop their servers one by one.
    """
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(CLOSE_SECONDS) == 0


def postmaster(folder: Path) -> int | None:
    """The running server's process id."""
    try:
        pid = int((folder / "postmaster.pid").read_text().split()[0])
    except FileNotFoundError:
        return None
    return pid if psutil.pid_exists(pid) else None


def write(url: str, text: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS notes (text text)")
        connection.execute("INSERT INTO notes VALUES (%s)", (text,))


def read(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [text for (text,) in connection.execute("SELECT text FROM notes ORDER BY text")]


def test_a_second_process_shares_the_server_and_the_last_to_close_stops_it(folder: Path):
    server = EmbeddedPostgres.open(folder)
    first = postmaster(folder)
    write(server.url, "mine")
    with holder(folder) as other:
        assert postmaster(folder) == first
        server.close()
        assert postmaster(folder) == first
        assert read(server.url) == ["mine"]
        release(other)
    assert postmaster(folder) is None


def test_texts_are_kept_as_unicode_and_compared_the_same_everywhere(folder: Path):
    server = EmbeddedPostgres.open(folder)
    with psycopg.connect(server.url) as connection:
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)
    server.close()


def test_after_server_and_owner_are_killed_it_opens_again_with_every_committed_row(folder: Path):
    with holder(folder) as owner:
        server = EmbeddedPostgres.open(folder)
        for number in range(20):
            write(server.url, f"{number:02}")
        pid = postmaster(folder)
        assert pid is not None
        # The children too, as when the power goes: none of them must tidy up.
        running = psutil.Process(pid)
        for process in [running, *running.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):  # a helper may just have ended by itself
                process.send_signal(signal.SIGKILL)
        owner.kill()
        owner.wait()
    server.close()
    again = EmbeddedPostgres.open(folder)
    assert read(again.url) == [f"{number:02}" for number in range(20)]
    again.close()
    assert postmaster(folder) is None


def test_a_process_that_was_killed_does_not_keep_the_server_running(folder: Path):
    with holder(folder) as owner:
        owner.kill()
        owner.wait()
    assert postmaster(folder) is not None
    server = EmbeddedPostgres.open(folder)
    handles = json.loads((folder / ".handle_pids.json").read_text())
    assert handles == [os.getpid()]
    server.close()
    assert postmaster(folder) is None


def test_a_lock_whose_process_id_was_given_to_another_program_is_no_obstacle(folder: Path):
    with holder(folder) as owner:
        lock = (folder / "postmaster.pid").read_text()
        release(owner)
    (folder / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lock.split("\n")[1:]]))
    server = EmbeddedPostgres.open(folder)
    write(server.url, "works")
    server.close()


def test_a_list_of_handles_that_cannot_be_read_is_no_obstacle(folder: Path):
    EmbeddedPostgres.open(folder).close()
    (folder / ".handle_pids.json").write_text("")
    server = EmbeddedPostgres.open(folder)
    write(server.url, "works")
    server.close()


def test_a_process_that_closed_and_opens_again_holds_the_server_once_more(folder: Path):
    with holder(folder) as other:
        EmbeddedPostgres.open(folder).close()
        server = EmbeddedPostgres.open(folder)
        release(other)
        write(server.url, "still there")
        server.close()
    assert postmaster(folder) is None


def test_closing_twice_is_harmless(folder: Path):
    server = EmbeddedPostgres.open(folder)
    server.close()
    server.close()
    assert postmaster(folder) is None
