from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest
from tests.conftest import url_of
from tests.unit.store.setting import CENTRE, DIMENSION

from groundwell.domain.errors import StartupError
from groundwell.store.embedded import EmbeddedPostgres
from groundwell.store.migrate import migrate
from groundwell.store.spaces import open_space


@pytest.fixture
def empty_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """A database without anything of ours."""
    name = f"empty_{uuid4().hex}"
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(
            psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name))
        )
        yield url_of(postgres, name)
        connection.execute(
            psycopg.sql.SQL("DROP DATABASE {} WITH (FORCE)").format(psycopg.sql.Identifier(name))
        )


def tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {
            name
            for (name,) in connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'groundwell'"
            )
        }


def test_migrating_twice_is_harmless(empty_url: str):
    first = migrate(empty_url)
    assert first[:2] == ["0001_foundation.sql", "0002_embedding_spaces.sql"]
    assert migrate(empty_url) == []


def test_a_database_whose_migrations_were_others_is_refused(empty_url: str):
    migrate(empty_url)
    with psycopg.connect(empty_url) as connection:
        connection.execute(
            "UPDATE groundwell.schema_migrations SET digest = NULL WHERE name LIKE '0002%'"
        )
    with pytest.raises(StartupError, match=r"0002_embedding_spaces\.sql was another") as refusal:
        migrate(empty_url)
    assert refusal.value.code == "database_of_another_version"


def test_two_processes_that_migrate_at_once_both_succeed(empty_url: str):
    with ThreadPoolExecutor(3) as threads:
        applied = list(threads.map(migrate, [empty_url] * 3))
    assert sum(1 for names in applied if names) == 1


def test_a_migration_that_fails_leaves_nothing(empty_url: str):
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA groundwell")
        connection.execute("CREATE TABLE groundwell.messages (mine text)")
    with pytest.raises(psycopg.errors.DuplicateTable):
        migrate(empty_url)
    assert tables(empty_url) == {"messages"}


def test_an_interrupted_migration_is_done_in_full_the_next_time(empty_url: str):
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA groundwell")
        connection.execute("CREATE TABLE groundwell.messages (mine text)")
        with pytest.raises(psycopg.errors.DuplicateTable):
            migrate(empty_url)
        connection.execute("DROP TABLE groundwell.messages")
    assert migrate(empty_url)
    assert {"messages", "chunks", "procrastinate_jobs"} <= tables(empty_url)


def test_a_space_is_made_once_and_then_found(database_url: str):
    made = open_space(database_url, "model-a", DIMENSION, lambda: CENTRE)
    found = open_space(database_url, "model-a", DIMENSION, lambda: 1 / 0)  # type: ignore[arg-type,return-value] - must not be called
    assert (found.id, found.model, found.dimension) == (made.id, "model-a", DIMENSION)
    assert found.centre.tolist() == CENTRE.tolist()


def test_a_database_filled_with_another_model_is_refused_with_the_way_out(database_url: str):
    open_space(database_url, "model-a", DIMENSION, lambda: CENTRE)
    for model, dimension in (("model-b", DIMENSION), ("model-a", 32)):
        with pytest.raises(StartupError, match="set the model back") as caught:
            open_space(database_url, model, dimension, lambda: CENTRE)
        assert caught.value.code == "embedding_model_changed"


def test_two_processes_that_open_a_new_space_at_once_share_it(database_url: str):
    with ThreadPoolExecutor(3) as threads:
        spaces = list(
            threads.map(
                lambda _: open_space(database_url, "model-a", DIMENSION, lambda: CENTRE), range(3)
            )
        )
    assert len({space.id for space in spaces}) == 1
