"""A real `groundwell serve` in a folder of its own, and the command line beside it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
from tests.prepared_postgres import put_cluster

# How long is waited before something counts as never coming: a machine may be ten times as busy as
# usual. No test says that so much is good enough.
START_SECONDS = 180
STOP_SECONDS = 120
COMMAND_SECONDS = 300
INDEX_SECONDS = 300


def environment(data_dir: Path) -> dict[str, str]:
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("GROUNDWELL_", "DATABASE_"))}
    return {**kept, "GROUNDWELL_DATA_DIR": str(data_dir), "GROUNDWELL_MODEL_THREADS": "1"}


def groundwell(
    data_dir: Path, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "groundwell", *arguments],
        env=environment(data_dir) | variables,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )


@dataclass
class RunningServer:
    """A server that was started, its data folder and where it wrote what it had to say."""

    process: subprocess.Popen[bytes]
    data_dir: Path
    said: Path

    @property
    def url(self) -> str:
        return str(json.loads((self.data_dir / "server.json").read_text())["url"])

    @property
    def key(self) -> str:
        return (self.data_dir / "owner.key").read_text().strip()

    def client(self) -> httpx.Client:
        return httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {self.key}"},
            timeout=120,
            trust_env=False,
        )

    def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Send the signal and return the seconds until the process had ended."""
        begun = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(STOP_SECONDS)
        return time.monotonic() - begun


def processes_of(data_dir: Path) -> list[psutil.Process]:
    """Whatever runs on a data folder: server, worker, Postgres."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(str(data_dir) in part for part in process.info["cmdline"] or ())
    ]


def command_of(process: psutil.Process) -> str:
    """What `processes_of` saw of it: the process itself may be gone by now."""
    return " ".join(process.info["cmdline"])


def kill_all_of(data_dir: Path) -> None:
    """Kill whatever runs on a data folder, however quickly it ends by itself."""
    for process in processes_of(data_dir):
        with suppress(psutil.NoSuchProcess):
            process.kill()


def wait_until_gone(data_dir: Path, name: str = "", seconds: float = STOP_SECONDS) -> float:
    """Wait until nothing runs on the folder whose command line has `name` in it."""
    begun = time.monotonic()
    while True:
        left = [p for p in processes_of(data_dir) if name in command_of(p)]
        if not left:
            return time.monotonic() - begun
        assert time.monotonic() - begun < seconds, left
        time.sleep(0.05)


def start(data_dir: Path, *options: str, **variables: str) -> RunningServer:
    """Start a server on a free port and wait until it says that it is ready."""
    data_dir.mkdir(exist_ok=True)
    if not (data_dir / "postgres").exists():
        put_cluster(data_dir / "postgres")
    said = data_dir.with_suffix(f".{time.monotonic_ns()}.log")
    command = [sys.executable, "-m", "groundwell", "serve", "--data-dir", str(data_dir)]
    with said.open("wb") as log:
        process = subprocess.Popen(
            [*command, "--port", "0", *options],
            env={
                **environment(data_dir),
                "GROUNDWELL_LOAD_SAMPLES": "false",
                # On a slow machine, too, answers are those of the reranker.
                "GROUNDWELL_RERANKER_TIMEOUT": "60",
                **variables,
            },
            stdout=log,
            stderr=log,
        )
    deadline = time.monotonic() + START_SECONDS
    while "is ready at" not in said.read_text():
        assert process.poll() is None, said.read_text()
        assert time.monotonic() < deadline, said.read_text()
        time.sleep(0.05)
    return RunningServer(process, data_dir, said)


@contextmanager
def running(data_dir: Path, *options: str, **variables: str) -> Iterator[RunningServer]:
    """A server for the length of the block; whatever is left of it afterwards is killed."""
    server = start(data_dir, *options, **variables)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.terminate()
            server.process.wait(STOP_SECONDS)
        kill_all_of(data_dir)


def wait_until_indexed(client: httpx.Client, collection: str | None = None) -> dict[str, int]:
    """Wait until no document waits any more, and return how many there are in each state."""
    deadline = time.monotonic() + INDEX_SECONDS
    while True:
        parameters = {} if collection is None else {"collection": collection}
        counts: dict[str, int] = client.get("/documents", params=parameters).json()["counts"]
        if not counts["pending"] + counts["indexing"]:
            return counts
        assert time.monotonic() < deadline, counts
        time.sleep(0.05)
