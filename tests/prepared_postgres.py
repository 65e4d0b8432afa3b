"""A migrated Postgres cluster that was made once and is copied, since making one takes seconds."""

from __future__ import annotations

import asyncio
import fcntl
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg

from groundwell.bootstrap.models import make_embedder, open_embedding_space
from groundwell.settings import Settings
from groundwell.store.embedded import EmbeddedPostgres
from groundwell.store.migrate import migrate

FOLDER_VARIABLE = "GROUNDWELL_TESTS_FOLDER"
"""Names a folder that all processes of a test run share, and that is removed after it."""
TEMPLATE = "groundwell_template"
"""A migrated database that nobody uses, to make others of."""
_HANDLES = ".handle_pids.json"
_OWN_SETTINGS = "postgresql.auto.conf"
# Nothing of a test outlives the machine: the disk need not be waited for.
_HASTY = {"fsync": "off", "full_page_writes": "off"}


def put_cluster(folder: Path, *, is_durable: bool = False) -> None:
    """Make `folder` what it would be after the first start of a server, and an orderly stop.

    A durable one flushes as in production, the others leave that to the kernel.
    """
    shared = Path(os.environ[FOLDER_VARIABLE])
    template = shared / "postgres"
    with (shared / "postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not template.exists():
            _make(template)
    # For root, Postgres runs as another user, who must own the copy too.
    subprocess.run(["cp", "-a", template, folder], check=True)
    (folder / _HANDLES).unlink(missing_ok=True)
    if is_durable:
        settings = folder / _OWN_SETTINGS
        lines = settings.read_text().splitlines(keepends=True)
        settings.write_text("".join(line for line in lines if line.split()[0] not in _HASTY))


def _make(template: Path) -> None:
    server = EmbeddedPostgres.open(template)
    try:
        migrate(server.url)
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {TEMPLATE}")
            for name, value in _HASTY.items():
                connection.execute(f"ALTER SYSTEM SET {name} = {value}")
        migrate(server.server.get_uri(database=TEMPLATE))
        _open_space(server.url)
    finally:
        server.close()


def _open_space(url: str) -> None:
    """The space of the default model, whose centre is measured over a long text."""
    embedder = make_embedder(Settings(model_threads=1))

    async def open_and_close() -> None:
        await open_embedding_space(url, embedder)
        await embedder.close()

    # In a thread: the test that comes first may be within a loop of its own.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, open_and_close()).result()
