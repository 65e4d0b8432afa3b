"""Migrations: numbered SQL files, applied at start, once, by one process at a time."""

from __future__ import annotations

import logging
from collections.abc import Collection, Container, Iterator, Mapping
from hashlib import sha256
from importlib.resources import files
from typing import LiteralString

import psycopg
from procrastinate.schema import SchemaManager
from psycopg import AsyncConnection

from groundwell.domain.errors import StartupError
from groundwell.store.database import SCHEMA, Row, owner_options

_LOCK = 7_236_481_907_513_004
_LEAST_SERVER = 160_000
_QUEUE = "queue/"
_log = logging.getLogger(__name__)


def migrate(url: str) -> list[str]:
    """Bring the database at `url` up to date and return the names of what was applied. Blocks.

    Raises StartupError when a migration that was applied has another text now: nobody could say
    what the tables are like.

    All of it happens in one transaction under an advisory lock: two processes that start at the
    same time wait for each other, and a failure leaves the database as it was.
    """
    with psycopg.connect(url, options=owner_options()) as connection:
        applied = apply_migrations(connection)
    if applied:
        _log.info("database migrated: %s", ", ".join(applied))
    return applied


def apply_migrations(
    connection: psycopg.Connection, only: Collection[str] | None = None
) -> list[str]:
    """Apply what is missing in the caller's transaction; of our own files, those in `only`."""
    if connection.info.server_version < _LEAST_SERVER:
        raise StartupError(
            "Groundwell needs PostgreSQL 16 or newer with the extension pgvector 0.8.",
            code="postgres_too_old",
        )
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
    connection.execute("CREATE SCHEMA IF NOT EXISTS groundwell")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_migrations ("
        " name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
    )
    connection.execute("ALTER TABLE schema_migrations ADD COLUMN IF NOT EXISTS digest text")
    rows = connection.execute("SELECT name, digest FROM schema_migrations").fetchall()
    done: dict[str, str | None] = dict(rows)
    _check_unchanged(done)
    pending = [
        (name, statements)
        for name, statements in _pending(done)
        if only is None or name in only or name.startswith(_QUEUE)
    ]
    applied = [name for name, statements in pending if _apply(connection, name, statements)]
    if only is None:
        connection.execute("GRANT SELECT (name) ON schema_migrations TO groundwell_app")
    if applied:
        _grant_queue(connection)
        connection.execute("SELECT let_backup_read()")
        # Finds the end of a share's line among ten thousand waiting jobs.
        connection.execute(
            "CREATE INDEX IF NOT EXISTS jobs_waiting_of_share ON procrastinate_jobs"
            " ((args ->> 'share'), priority) WHERE status = 'todo'"
        )
    return applied


def own_migrations() -> list[str]:
    """The names of the migrations that this version has, without the queue's."""
    folder = files("groundwell.store").joinpath("migrations")
    return sorted(file.name for file in folder.iterdir() if file.name.endswith(".sql"))


async def are_current(connection: AsyncConnection[Row]) -> bool:
    """Whether the database has all migrations of this version. It may have later ones too."""
    cursor = await connection.execute("SELECT name FROM schema_migrations")
    return set(own_migrations()) <= {name for (name,) in await cursor.fetchall()}


def _read(name: str) -> LiteralString:
    return files("groundwell.store").joinpath("migrations", name).read_text(encoding="utf-8")


def _check_unchanged(done: Mapping[str, str | None]) -> None:
    for name in own_migrations():
        if name in done and done[name] != _digest(_read(name)):
            raise StartupError(
                f"This database was made by a version of Groundwell whose {name} was another "
                "one, from before the first release. Use another data folder or database and "
                "ingest again.",
                code="database_of_another_version",
            )


def _digest(sql: str) -> str:
    return sha256(sql.encode()).hexdigest()


def _pending(done: Container[str]) -> Iterator[tuple[str, LiteralString | None]]:
    """The migrations still to be applied, ours first, then the queue's.

    The queue ships its whole schema and, beside it, the steps between its releases: a new
    database takes the schema and counts the steps as done, an old one takes the missing steps.
    """
    for name in own_migrations():
        if name not in done:
            yield name, _read(name)
    steps = files("procrastinate.sql").joinpath("migrations")
    is_new = f"{_QUEUE}schema" not in done
    if is_new:
        yield f"{_QUEUE}schema", SchemaManager.get_schema()
    for file in sorted(steps.iterdir(), key=str):
        name = f"{_QUEUE}{file.name}"
        if file.name.endswith(".sql") and name not in done:
            sql = file.read_text(encoding="utf-8")
            yield name, None if is_new else sql


def _apply(connection: psycopg.Connection, name: str, sql: LiteralString | None) -> bool:
    if sql is not None:
        connection.execute(sql)
    connection.execute(
        "INSERT INTO schema_migrations (name, digest) VALUES (%s, %s)",
        (name, None if sql is None else _digest(sql)),
    )
    return sql is not None


def _grant_queue(connection: psycopg.Connection) -> None:
    """Let the restricted role work with the queue, whose tables belong to no tenant."""
    rows = connection.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = %s"
        " AND tablename LIKE 'procrastinate\\_%%'",
        (SCHEMA,),
    ).fetchall()
    for (table,) in rows:
        connection.execute(
            psycopg.sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON {} TO groundwell_app").format(
                psycopg.sql.Identifier(table)
            )
        )
    connection.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA groundwell TO groundwell_app")
