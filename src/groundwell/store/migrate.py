"""Migrations: numbered SQL files, applied at start, once, by one process at a time."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from importlib.resources import files
from typing import LiteralString

import psycopg
from procrastinate.schema import SchemaManager

from groundwell.domain.errors import StartupError
from groundwell.store.database import SCHEMA, owner_options

_LOCK = 7_236_481_907_513_004
_LEAST_SERVER = 160_000
_log = logging.getLogger(__name__)


def migrate(url: str) -> list[str]:
    """Bring the database at `url` up to date and return the names of what was applied. Blocks.

    All of it happens in one transaction under an advisory lock: two processes that start at the
    same time wait for each other, and a failure leaves the database as it was.
    """
    with psycopg.connect(url, options=owner_options()) as connection:
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
        done = {name for (name,) in connection.execute("SELECT name FROM schema_migrations")}
        applied = [name for name, sql in _pending(done) if _apply(connection, name, sql)]
        if applied:
            _grant_queue(connection)
    if applied:
        _log.info("database migrated: %s", ", ".join(applied))
    return applied


def _pending(done: set[str]) -> Iterator[tuple[str, LiteralString | None]]:
    """The migrations still to be applied, ours first, then the queue's.

    The queue ships its whole schema and, beside it, the steps between its releases: a new
    database takes the schema and counts the steps as done, an old one takes the missing steps.
    """
    for file in sorted(files("groundwell.store").joinpath("migrations").iterdir(), key=str):
        if file.name.endswith(".sql") and file.name not in done:
            yield file.name, file.read_text(encoding="utf-8")
    steps = files("procrastinate.sql").joinpath("migrations")
    is_new = "queue/schema" not in done
    if is_new:
        yield "queue/schema", SchemaManager.get_schema()
    for file in sorted(steps.iterdir(), key=str):
        name = f"queue/{file.name}"
        if file.name.endswith(".sql") and name not in done:
            sql = file.read_text(encoding="utf-8")
            yield name, None if is_new else sql


def _apply(connection: psycopg.Connection, name: str, sql: LiteralString | None) -> bool:
    if sql is not None:
        connection.execute(sql)
    connection.execute("INSERT INTO schema_migrations (name) VALUES (%s)", (name,))
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
