"""A server of its own for an evaluation."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from groundwell.cli.client import Client, connect
from groundwell.domain.errors import StartupError

_START_SECONDS = 120.0
_STOP_SECONDS = 60.0
_POLL_SECONDS = 0.05
# Where the user's own server keeps its data: the temporary one must not go near it.
_PLACES = frozenset(
    {"GROUNDWELL_DATABASE_URL", "DATABASE_URL", "GROUNDWELL_BLOB_URL", "GROUNDWELL_DATA_DIR"}
)


@contextmanager
def temporary_server(folder: Path) -> Iterator[Client]:
    """A server on `folder`, with the embedded Postgres and the settings of the environment."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder.with_name("server.log")
    # The server prints its key at the first start.
    log.touch(mode=0o600)
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own program, in a folder of our own
            [sys.executable, "-m", "groundwell", "serve", "--data-dir", str(folder), "--port", "0"],
            env=server_environment(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # Ctrl+C is meant for the evaluation, which then stops the server in good order.
            start_new_session=True,
        )
        try:
            address = _wait_until_ready(process, folder, log)
            with connect(folder, address, _read_key(folder)) as client:
                yield client
        finally:
            _stop(process)


def server_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of the temporary server: all settings but those that name places."""
    kept = {name: value for name, value in environment.items() if name not in _PLACES}
    return {**kept, "GROUNDWELL_HOST": "127.0.0.1", "GROUNDWELL_LOAD_SAMPLES": "false"}


def _wait_until_ready(process: subprocess.Popen[bytes], folder: Path, log: Path) -> str:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError, ValueError, KeyError, httpx.TransportError):
            note = json.loads((folder / "server.json").read_text(encoding="utf-8"))
            if note["pid"] == process.pid:
                address = str(note["url"])
                ready = httpx.get(f"{address}/health/ready", trust_env=False)
                if ready.status_code == httpx.codes.OK:
                    return address
        time.sleep(_POLL_SECONDS)
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    reason = lines[0].removeprefix("Error: ") if lines else "it said nothing"
    raise StartupError(f"The temporary server did not start: {reason} Its log is {log}.")


def _read_key(folder: Path) -> str:
    return (folder / "owner.key").read_text(encoding="ascii").strip()


def _stop(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
