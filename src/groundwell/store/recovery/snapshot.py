"""The database as it is at one moment, read without stopping anybody.

By `COPY` and not by pg_dump: any Postgres from 16 on will do, nothing has to be installed, and the
tables are made anew by our own migrations.
"""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import TopologicalSorter

import psycopg
from psycopg import sql

from groundwell.domain.errors import BackupError
from groundwell.store.database import SCHEMA
from groundwell.store.recovery.archive import ArchiveWriter, SequenceEntry, TableEntry

_PIECE_BYTES = 16 << 20
# Made anew by a restore: what was applied, and the numbers of transactions that changed something.
# Counts of requests last for minutes, and a cache for an hour.
_LEFT_OUT = (
    *("schema_migrations", "collection_versions"),
    *("rate_windows", "worker_metrics", "cache_entries"),
)


def piece_name(table: str, number: int) -> str:
    """The name of a member with rows of a table."""
    return f"tables/{table}/{number:06d}"


def dump_database(connection: psycopg.Connection, archive: ArchiveWriter) -> list[str]:
    """Add all rows to the archive and return the keys of the blobs that they name. Blocks.

    Takes locks that only a change of the schema waits for. The connection must be new.
    """
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        if _is_empty(connection):
            raise BackupError("There is nothing to back up: the database has no Groundwell in it.")
        connection.execute("SET LOCAL ROLE groundwell_backup")
        manifest = archive.manifest
        names = connection.execute("SELECT name FROM schema_migrations ORDER BY name").fetchall()
        manifest.migrations = [name for (name,) in names]
        for table in _tables(connection):
            manifest.tables.append(_dump_table(connection, archive, table))
        # Sequences know no snapshots. Read after the tables, they are ahead of all rows.
        manifest.sequences = list(_sequences(connection))
        keys = connection.execute(
            "SELECT DISTINCT blob_key FROM document_versions WHERE blob_key IS NOT NULL ORDER BY 1"
        ).fetchall()
    return [key for (key,) in keys]


def _is_empty(connection: psycopg.Connection) -> bool:
    row = connection.execute("SELECT to_regclass('groundwell.schema_migrations') IS NULL")
    return bool(row.fetchall()[0][0])


def _tables(connection: psycopg.Connection) -> Iterator[str]:
    """All tables, each after those that it refers to."""
    rows = connection.execute(
        """
        SELECT c.relname, array_remove(array_agg(DISTINCT r.relname), NULL)
        FROM pg_class c
        LEFT JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'f'
        LEFT JOIN pg_class r ON r.oid = k.confrelid AND r.oid <> c.oid
        WHERE c.relkind = 'r' AND c.relnamespace = %s::regnamespace
        GROUP BY c.relname ORDER BY c.relname
        """,
        (SCHEMA,),
    ).fetchall()
    references: dict[str, list[str]] = dict(rows)
    for table in TopologicalSorter(references).static_order():
        if table not in _LEFT_OUT:
            yield table


def _dump_table(connection: psycopg.Connection, archive: ArchiveWriter, table: str) -> TableEntry:
    found = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0"
        " AND NOT attisdropped AND attgenerated = '' ORDER BY attnum",
        (f"{SCHEMA}.{table}",),
    ).fetchall()
    columns = tuple(name for (name,) in found)
    statement = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT (FORMAT binary)").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(SCHEMA, table)
    )
    pieces, buffer = 0, bytearray()
    with connection.cursor() as cursor:
        with cursor.copy(statement) as copy:
            for data in copy:
                buffer += data
                if len(buffer) >= _PIECE_BYTES:
                    archive.add_bytes(piece_name(table, pieces), bytes(buffer))
                    pieces += 1
                    buffer.clear()
        rows = cursor.rowcount
    archive.add_bytes(piece_name(table, pieces), bytes(buffer))
    return TableEntry(table, columns, pieces + 1, rows)


def _sequences(connection: psycopg.Connection) -> Iterator[SequenceEntry]:
    names = connection.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'S' AND relnamespace = %s::regnamespace"
        " ORDER BY relname",
        (SCHEMA,),
    ).fetchall()
    for (name,) in names:
        statement = sql.SQL("SELECT last_value, is_called FROM {}")
        row = connection.execute(statement.format(sql.Identifier(SCHEMA, name))).fetchone()
        assert row is not None, "a sequence has one row"
        yield SequenceEntry(name, row[0], row[1])
