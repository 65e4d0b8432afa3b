"""A server, a worker and their Postgres as real processes, each of which can be killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Literal

import httpx
import psutil
from tests.chaos.crashing import run
from tests.e2e.running import environment, kill_all_of
from tests.prepared_postgres import put_cluster

Role = Literal["server", "worker"]
# A dead worker's jobs are taken up by others after this silence.
LEASE_SECONDS = 2
# Importing the product is most of a start's work. It is done once, in a process without threads of
# its own, and each process that is started is a fork of that one.
_PRELOADED = multiprocessing.get_context("forkserver")
_PRELOADED.set_forkserver_preload(
    ["groundwell.cli", "groundwell.cli.server", "groundwell.cli.worker", "tests.chaos.crashing"]
)


def kept_port() -> socket.socket:
    """A socket that keeps a port for a server, also while there is none.

    It never listens: a server may, at the same port, and whoever connects while there is none is
    refused. Nobody else is given the port, neither to listen at nor to connect from.
    """
    kept = socket.socket()
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    kept.bind(("127.0.0.1", 0))
    return kept


@dataclass
class Installation:
    """The processes on one data folder. `place` of each is where it is to kill itself."""

    data_dir: Path
    port: int
    processes: dict[Role, BaseProcess] = field(default_factory=dict)
    places: dict[Role, str | None] = field(default_factory=dict)
    # When the last of the processes was started.
    started_at: float = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def key(self) -> str:
        return (self.data_dir / "owner.key").read_text().strip()

    @property
    def temporary(self) -> Path:
        """What the system calls its temporary folder."""
        return self.data_dir.with_name(f"{self.data_dir.name}-tmp")

    def passing_files(self) -> list[Path]:
        """Files that nobody asked to keep: of the living and of the dead."""
        folders = (self.temporary, self.data_dir / "scratch")
        # Unlike `rglob`, this takes it that folders go away while it looks.
        found = [
            Path(at, name)
            for folder in folders
            for at, _, names in os.walk(folder)
            for name in names
        ]
        locks = tuple(f"{process.pid}-" for process in self.processes.values())
        return [
            path for path in found if not (path.suffix == ".lock" and path.name.startswith(locks))
        ]

    def client(self) -> httpx.Client:
        return httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {self.key}"},
            timeout=60,
            trust_env=False,
        )

    def start(self, role: Role, place: str | None = None, count: int = 1) -> None:
        """Start a process, to kill itself at a named place if one is given."""
        options = ["work"]
        if role == "server":
            options = ["serve", "--no-worker", "--port", str(self.port)]
        arguments = [*options, "--data-dir", str(self.data_dir)]
        variables = environment(self.data_dir) | {
            "GROUNDWELL_LOAD_SAMPLES": "false",
            "GROUNDWELL_WORKER_LEASE_SECONDS": str(LEASE_SECONDS),
            "TMPDIR": str(self.temporary),
        }
        given = (place, count, arguments, variables, self.data_dir / f"{role}.log")
        self.processes[role] = _PRELOADED.Process(target=run, args=given, daemon=True)
        self.processes[role].start()
        self.places[role] = place
        self.started_at = time.monotonic()

    def is_dead(self, role: Role) -> bool:
        return self.processes[role].exitcode is not None

    def was_killed(self, role: Role) -> bool:
        """Whether it died by SIGKILL: by the test's hand, or by its own at its place."""
        return self.processes[role].exitcode == -signal.SIGKILL

    def kill(self, role: Role) -> bool:
        """Kill a process and say whether it was alive."""
        was_alive = not self.is_dead(role)
        self.processes[role].kill()
        self.processes[role].join()
        return was_alive and self.was_killed(role)

    def find_postmaster(self) -> psutil.Process | None:
        """The first process of Postgres, if it is alive."""
        with suppress(FileNotFoundError, IndexError, ValueError, psutil.NoSuchProcess):
            lock = (self.data_dir / "postgres" / "postmaster.pid").read_text()
            postmaster = psutil.Process(int(lock.split()[0]))
            # The file may be an old one, and its number somebody else's by now.
            if str(self.data_dir) in " ".join(postmaster.cmdline()):
                return postmaster
        return None

    def kill_postgres(self) -> bool:
        """Kill the postmaster and all that it has started, as when the machine's power fails.

        Says whether it was alive.
        """
        postmaster = self.find_postmaster()
        if postmaster is None:
            return False
        with suppress(psutil.NoSuchProcess):
            for process in [postmaster, *postmaster.children(recursive=True)]:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGKILL)
            return True
        return False

    def put_into_store(self, key: str, content: bytes) -> None:
        """Put a file where announced ones are looked for, as an operator's own tool would."""
        target = self.data_dir / "blobs" / key
        target.parent.mkdir(parents=True, exist_ok=True)
        source = self.data_dir / f"{target.name}.part"
        source.write_bytes(content)
        source.replace(target)

    def wait_until_up(self, seconds: float = 180) -> None:
        deadline = time.monotonic() + seconds
        while True:
            with suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/health/ready", trust_env=False).status_code == 200:
                    return
            assert not self.is_dead("server"), self.log("server")
            assert time.monotonic() < deadline, self.log("server")
            time.sleep(0.05)

    def log(self, role: Role) -> str:
        return (self.data_dir / f"{role}.log").read_text()[-5000:]


@contextmanager
def installation(data_dir: Path, settings: str = "") -> Iterator[Installation]:
    """A server and a worker for the length of the block; `settings` are those of the file."""
    data_dir.mkdir()
    with kept_port() as kept:
        own = Installation(data_dir, kept.getsockname()[1])
        own.temporary.mkdir()
        put_cluster(data_dir / "postgres", is_durable=True)
        (data_dir / "groundwell.toml").write_text(settings)
        own.start("server")
        try:
            own.wait_until_up()
            own.start("worker")
            yield own
        finally:
            for role in own.processes:
                own.kill(role)
            kill_all_of(data_dir)
