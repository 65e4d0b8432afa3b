"""What the embedded Postgres writes into its own log."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from groundwell.store.embedded import EmbeddedPostgres

CANARY = "canaryword-58ae"


def test_the_log_of_the_database_has_neither_values_nor_statements(
    postgres: EmbeddedPostgres, database_url: str
) -> None:
    """Rows that break a rule and statements that fail would be quoted by default."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE TEMP TABLE words (word text PRIMARY KEY)")
        connection.execute("INSERT INTO words VALUES (%s)", (CANARY,))
        with pytest.raises(psycopg.errors.UniqueViolation, match=CANARY):
            connection.execute("INSERT INTO words VALUES (%s)", (CANARY,))
        with pytest.raises(psycopg.errors.UndefinedColumn):
            connection.execute("SELECT missing_column FROM words WHERE word = %s", (CANARY,))
        with pytest.raises(psycopg.errors.SyntaxError):
            connection.execute(f"SELEKT '{CANARY}'".encode())
    log = (Path(postgres.server.pgdata) / "log").read_text(errors="replace")
    assert "missing_column" in log, "the log does not show these errors"
    assert CANARY not in log
