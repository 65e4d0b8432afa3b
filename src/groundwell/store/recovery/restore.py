"""Filling an empty database from a backup."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from groundwell.domain.errors import BackupError
from groundwell.store.database import SCHEMA, owner_options, unavailable_when_lost
from groundwell.store.migrate import apply_migrations, migrate, own_migrations
from groundwell.store.recovery.archive import ArchiveReader, Manifest, TableEntry
from groundwell.store.recovery.snapshot import piece_name

_SPACES = "embedding_spaces"
_QUEUE = "queue/"


def check_version(manifest: Manifest) -> None:
    """Raise BackupError for a backup of a newer version, whose tables are not known here."""
    known = set(own_migrations())
    if any(name not in known for name in manifest.migrations if not name.startswith(_QUEUE)):
        raise BackupError(
            f"The backup was made by a newer version ({manifest.groundwell}). Restore it with that "
            "version or a newer one.",
            code="backup_too_new",
        )


def check_database(url: str) -> None:
    """Raise BackupError unless the database has nothing of ours in it. Blocks."""
    with (
        unavailable_when_lost(),
        psycopg.connect(url, options=owner_options()) as connection,
    ):
        row = connection.execute("SELECT to_regnamespace(%s) IS NULL", (SCHEMA,)).fetchone()
    if row is None or not row[0]:
        raise BackupError(
            "The database is in use by Groundwell already. Restore into an empty one.",
            code="target_not_empty",
        )


def load_database(url: str, archive: ArchiveReader) -> None:
    """Make the tables of the backup's version, fill them, bring them up to date. Blocks.

    One transaction up to the backup's version: a failure leaves the database as it was. What was
    being done when the backup was made waits in the queue again. Raises BackupError.
    """
    manifest = archive.manifest
    try:
        with psycopg.connect(url, options=owner_options()) as connection:
            apply_migrations(connection, set(manifest.migrations))
            spaces = [table for table in manifest.tables if table.name == _SPACES]
            for table in spaces:
                _fill(connection, archive, table)
            _make_spaces(connection)
            rest = [table for table in manifest.tables if table.name != _SPACES]
            with _ready_to_fill(connection, [table.name for table in rest]):
                for table in rest:
                    _fill(connection, archive, table)
                _hand_back_jobs(connection)
            for sequence in manifest.sequences:
                connection.execute(
                    "SELECT setval(%s::regclass, %s, %s)",
                    (f"{SCHEMA}.{sequence.name}", sequence.value, sequence.is_called),
                )
            # The dense leg decides by the statistics of its table.
            connection.execute("ANALYZE")
        migrate(url)
    except psycopg.Error as error:
        reason = " ".join(str(error).split())
        raise BackupError(f"The database could not be filled: {reason}.") from error


def _make_spaces(connection: psycopg.Connection) -> None:
    rows = connection.execute("SELECT id, dimension FROM embedding_spaces ORDER BY id").fetchall()
    for space, dimension in rows:
        connection.execute("SELECT create_space_objects(%s, %s)", (space, dimension))
    connection.execute("SELECT let_backup_read()")


@contextmanager
def _ready_to_fill(connection: psycopg.Connection, tables: list[str]) -> Iterator[None]:
    """Without row security, own triggers and plain indexes; these are built once, at the end.

    Foreign keys stay and are checked, so a backup that does not fit together is refused.
    """
    forced = [name for name in tables if _is_forced(connection, name)]
    for name in tables:
        _alter(connection, name, "DISABLE TRIGGER USER")
    for name in forced:
        _alter(connection, name, "NO FORCE ROW LEVEL SECURITY")
    indexes = connection.execute(
        "SELECT c.relname, pg_get_indexdef(i.indexrelid) FROM pg_index i"
        " JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid"
        " WHERE t.relnamespace = %s::regnamespace AND t.relname = ANY(%s) AND NOT EXISTS"
        " (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)",
        (SCHEMA, tables),
    ).fetchall()
    for name, _ in indexes:
        connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(SCHEMA, name)))
    yield
    connection.execute("SET LOCAL maintenance_work_mem = '256MB'")
    # Helpers would build in shared memory, of which a container has 64 MB.
    connection.execute("SET LOCAL max_parallel_maintenance_workers = 0")
    for _, definition in indexes:
        connection.execute(definition)
    for name in forced:
        _alter(connection, name, "FORCE ROW LEVEL SECURITY")
    for name in tables:
        _alter(connection, name, "ENABLE TRIGGER USER")


def _is_forced(connection: psycopg.Connection, table: str) -> bool:
    row = connection.execute(
        "SELECT relforcerowsecurity FROM pg_class WHERE oid = to_regclass(%s)",
        (f"{SCHEMA}.{table}",),
    ).fetchone()
    if row is None:
        raise BackupError(f"The backup has a table '{table}' that this version does not know.")
    return bool(row[0])


def _alter(connection: psycopg.Connection, table: str, change: str) -> None:
    statement = sql.SQL("ALTER TABLE {} {}")
    connection.execute(statement.format(sql.Identifier(SCHEMA, table), sql.SQL(change)))


def _fill(connection: psycopg.Connection, archive: ArchiveReader, table: TableEntry) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
        sql.Identifier(SCHEMA, table.name), sql.SQL(", ").join(map(sql.Identifier, table.columns))
    )
    with connection.cursor() as cursor:
        with cursor.copy(statement) as copy:
            for number in range(table.pieces):
                for data in archive.read(piece_name(table.name, number)):
                    copy.write(data)
        if cursor.rowcount != table.rows:
            raise BackupError(
                f"The table '{table.name}' has {cursor.rowcount} rows instead of {table.rows}."
            )


def _hand_back_jobs(connection: psycopg.Connection) -> None:
    """Jobs that were running wait again, except where one of the same key waits already."""
    connection.execute("DELETE FROM procrastinate_workers")
    connection.execute(
        "DELETE FROM procrastinate_jobs j WHERE status = 'doing' AND EXISTS ("
        " SELECT FROM procrastinate_jobs o WHERE o.queueing_lock = j.queueing_lock"
        " AND (o.status = 'todo' OR (o.status = 'doing' AND o.id < j.id)))"
    )
    connection.execute("UPDATE procrastinate_jobs SET status = 'todo' WHERE status = 'doing'")
