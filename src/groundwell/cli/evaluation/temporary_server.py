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
import psutil

from groundwell.cli.client import Client, connect
from groundwell.domain.errors import StartupError
from groundwell.settings import Settings, load_settings

_START_SECONDS = 120.0
_STOP_SECONDS = 60.0
_POLL_SECONDS = 0.05
# Where the user's own server keeps its data: the temporary one must not go near it.
_PLACES = frozenset(
    {"GROUNDWELL_DATABASE_URL", "DATABASE_URL", "GROUNDWELL_BLOB_URL", "GROUNDWELL_DATA_DIR"}
)


@contextmanager
def temporary_server(folder: Path) -> Iterator[Client]:
    """A server on `folder`, with the embedded Postgres and the settings of the environment.

    No other evaluation may use the folder meanwhile: a server that an earlier one left behind is
    stopped. The server stops by itself when this process is killed.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    _stop_left_behind(folder)
    log = folder.with_name("server.log")
    # The server prints its key at the first start.
    log.touch(mode=0o600)
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own program, in a folder of our own
            [
                *(sys.executable, *_serving(folder), "--port", "0"),
                *("--parent", str(os.getpid())),
            ],
            env=server_environment(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # Ctrl+C is meant for the evaluation, which then stops the server in good order.
            start_new_session=True,
        )
        try:
            address = _wait_until_ready(process, folder, log)
            with connect(folder, address, folder / "owner.key") as client:
                yield client
        finally:
            _stop(process)


def _serving(folder: Path) -> list[str]:
    return ["-m", "groundwell", "serve", "--data-dir", str(folder)]


def _stop_left_behind(folder: Path) -> None:
    """Stop the servers of the folder, by their command lines: ids are given to others again."""
    serving = _serving(folder)
    left = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.cmdline()[1 : len(serving) + 1] == serving:
                process.terminate()
                left.append(process)
    for process in psutil.wait_procs(left, _STOP_SECONDS)[1]:
        with suppress(psutil.NoSuchProcess):
            process.kill()
            process.wait()
    # The note of a server that was killed may by now name somebody else's process.
    (folder / "server.json").unlink(missing_ok=True)


def server_settings(work: Path) -> Settings:
    """What the temporary server in a work folder will be set to."""
    return load_settings(data_dir=work / "server")


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


def _stop(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
