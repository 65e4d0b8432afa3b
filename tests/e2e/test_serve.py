"""The server as a process: how it starts, stops, is killed and comes back."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest
from tests.e2e.running import (
    STOP_SECONDS,
    command_of,
    environment,
    groundwell,
    processes_of,
    running,
    wait_until_gone,
    wait_until_indexed,
)

pytestmark = pytest.mark.slow


def wait_for_worker(client: httpx.Client) -> str:
    """What a monitor is told, once it is told of the worker, too."""
    deadline = time.monotonic() + 120
    while True:
        shown = client.get("/metrics").text
        if re.search(
            r'^process_resident_memory_bytes\{process="[^"]+:\d+"\} \d', shown, re.MULTILINE
        ):
            return shown
        assert time.monotonic() < deadline, shown
        time.sleep(0.2)


def test_both_starts_show_the_address_and_neither_writes_the_key_to_a_log(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "data"
    with running(folder) as server:
        first_key = server.key
        for name in ("owner.key", "secret.key"):
            assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
        with server.client() as client:
            assert client.get("/health").json()["status"] == "healthy"
            assert client.get("/documents").status_code == 200
            client.post("/documents/batch", json=[{"id": "kept", "text": "Kept for good."}])
            wait_until_indexed(client)
            shown = wait_for_worker(client)
            assert "groundwell_circuit_state" in shown
        said = server.said.read_text()
        assert f"is ready at {server.url}" in said.replace("\n", " ")
        assert first_key not in said
        running_now = " ".join(map(command_of, processes_of(folder))).split(" ")
        assert {"work", "serve"} <= set(running_now)
        server.stop()
        wait_until_gone(folder)
        assert not (folder / "server.json").exists()
        assert "Traceback" not in server.said.read_text()
    with running(folder) as server:
        with server.client() as client:
            assert client.get("/documents/kept/text").json()["text"] == "Kept for good."
        said = server.said.read_text()
        assert server.url in said
        assert first_key not in said
        assert server.key == first_key


def test_a_person_at_a_terminal_is_shown_the_new_key_and_lines_for_people(tmp_path: Path) -> None:
    person, terminal = os.openpty()
    server = subprocess.Popen(
        [sys.executable, "-m", "groundwell", "serve", "--no-worker", "--port", "0"],
        env={**environment(tmp_path / "data"), "GROUNDWELL_LOAD_SAMPLES": "false"},
        stderr=terminal,
    )
    os.close(terminal)
    said = b""
    while b"Ctrl+C stops" not in said:
        said += os.read(person, 10_000)
    server.send_signal(signal.SIGINT)
    server.wait(STOP_SECONDS)
    os.close(person)
    shown = said.decode()
    assert (tmp_path / "data" / "owner.key").read_text().strip() in shown
    assert "Owner key" in shown
    assert "API docs" in shown
    assert '{"time"' not in shown


def test_what_was_acknowledged_survives_the_death_of_the_server(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    accepted: list[str] = []
    with running(folder) as server:
        with server.client() as client:
            for start in range(0, 300, 50):
                batch = [
                    {"id": f"d{n}", "text": f"Document {n} tells of badger {n}."}
                    for n in range(start, start + 50)
                ]
                answer = client.post("/documents/batch", json=batch)
                assert answer.status_code == 202
                accepted += [item["document_id"] for item in answer.json()["documents"]]
            files = {"file": ("note.md", b"# Note\n\nThe otter sleeps.")}
            uploaded = client.post("/documents", files=files, data={"document_id": "note"})
            accepted.append(uploaded.json()["document_id"])
        server.stop(signal.SIGKILL)
        # The worker notices by itself; the Postgres waits for whoever comes next.
        wait_until_gone(folder, "groundwell work")
        wait_until_gone(folder, " work ")
        with running(folder) as again:
            with again.client() as client:
                counts = wait_until_indexed(client)
                assert counts["complete"] == len(accepted) == 301
                found = client.post("/api/v1/search", json={"query": "Where does the otter sleep?"})
                assert found.json()["results"][0]["document_id"] == "note"
            again.stop()
            wait_until_gone(folder)


def test_ctrl_c_stops_the_server_without_a_trace(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with running(folder, "--no-worker") as server:
        server.stop(signal.SIGINT)
        wait_until_gone(folder)
        said = server.said.read_text()
        assert "Traceback" not in said
        assert "Aborted" not in said
        assert server.process.returncode == 0


def test_a_postgres_that_is_killed_is_started_again(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with running(folder) as server, server.client() as client:
        killed = postmaster_of(folder)
        assert killed is not None
        # Its children end when they notice: until then some of them may still answer.
        of_old = [killed, *killed.children(recursive=True)]
        killed.kill()
        deadline = time.monotonic() + 120
        while any(map(is_alive, of_old)) or postmaster_of(folder) in (None, killed):
            assert time.monotonic() < deadline, server.said.read_text()
            time.sleep(0.05)
        # What was seen before may be told for a second more.
        renewed = time.monotonic()
        while client.get("/health/ready").status_code != 200 or time.monotonic() - renewed < 1.2:
            assert time.monotonic() < deadline, server.said.read_text()
            time.sleep(0.05)
        response = client.post("/api/v1/search", json={"query": "tides"})
        assert response.status_code == 200


def postmaster_of(folder: Path) -> psutil.Process | None:
    """The process that the lock of the Postgres names, if there is one of that number."""
    try:
        return psutil.Process(int((folder / "postgres" / "postmaster.pid").read_text().split()[0]))
    except (FileNotFoundError, IndexError, psutil.NoSuchProcess):
        return None


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_second_server_on_the_folder_leaves_the_note_of_the_first(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with running(folder, "--no-worker"):
        note = (folder / "server.json").read_text()
        second = subprocess.Popen(
            [sys.executable, "-m", "groundwell", "serve", "--no-worker", "--port", "0"],
            env={**environment(folder)},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert second.stderr is not None
        assert any("is ready at" in line for line in second.stderr)
        second.send_signal(signal.SIGTERM)
        second.communicate(timeout=STOP_SECONDS)
        assert (folder / "server.json").read_text() == note


def test_a_port_in_use_is_one_clear_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = groundwell(tmp_path, "serve", "--port", str(port))
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr == (
        f"Error: Cannot listen on 127.0.0.1:{port}: Address already in use. "
        "Choose another port with --port.\n"
    )


def test_a_database_that_is_away_is_said_without_a_trace(tmp_path: Path) -> None:
    url = "postgresql://someone:hush-hush@127.0.0.1:1/nothing"
    result = groundwell(tmp_path, "serve", "--port", "0", DATABASE_URL=url)
    assert result.returncode == 1
    assert result.stderr.startswith("Error: The server cannot start: ")
    assert "Traceback" not in result.stderr
    assert "groundwell doctor" in result.stderr
    assert "hush-hush" not in result.stderr


def test_a_setting_that_is_wrong_is_named(tmp_path: Path) -> None:
    (tmp_path / "groundwell.toml").write_text("prot = 1\n")
    result = groundwell(tmp_path, "serve")
    assert result.returncode == 1
    assert result.stderr == (f"Error: {tmp_path}/groundwell.toml has unknown settings: prot.\n")


def test_doctor_finds_everything_in_order_and_says_so_as_json(tmp_path: Path) -> None:
    result = groundwell(tmp_path / "data", "doctor", "--json")
    findings = {item["check"]: item for item in json.loads(result.stdout)}
    assert result.returncode == 0, result.stdout
    for check in ("python", "data folder", "database", "model", "reranker", "server"):
        assert findings[check]["state"] == "ok", findings[check]
    wait_until_gone(tmp_path / "data")


def test_doctor_names_a_broken_database_and_what_to_do(tmp_path: Path) -> None:
    url = "postgresql://someone:hush-hush@127.0.0.1:1/nothing"
    result = groundwell(tmp_path, "doctor", DATABASE_URL=url)
    assert result.returncode == 1
    line = next(line for line in result.stdout.splitlines() if line.startswith("error"))
    assert "database" in line
    assert "Check DATABASE_URL" in result.stdout
    assert "hush-hush" not in result.stdout + result.stderr
