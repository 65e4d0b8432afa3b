from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from obstore.store import LocalStore
from psycopg import sql
from tests.conftest import url_of
from tests.unit.store.setting import Shelf, accept, asked, make_shelf, new_document, put

from groundwell.adapters.blob_store.obstore import ObstoreBlobStore
from groundwell.adapters.search_index.postgres import PostgresSearchIndex
from groundwell.domain.errors import BackupError, UnavailableError
from groundwell.domain.search import SearchType
from groundwell.store.blobs import BACKUP_LOCK, clear_blobs
from groundwell.store.database import Database, owner_options
from groundwell.store.embedded import EmbeddedPostgres
from groundwell.store.migrate import migrate
from groundwell.store.recovery.archive import Manifest, read_archive
from groundwell.store.recovery.backup import write_backup
from groundwell.store.recovery.restore import check_database, check_version, load_database

ROLES = ("groundwell_app", "groundwell_search", "groundwell_backup", "groundwell_keeper")
TEXTS = {f"d{i}": f"The {word} stands alone.\nIt is {i} years old." for i, word in enumerate("abc")}


@pytest.fixture
def plain_url(postgres: EmbeddedPostgres) -> Iterator[tuple[str, str]]:
    """Two empty databases of a user with no powers, as an administrator prepares them."""
    user = f"plain_{uuid4().hex}"
    names = [f"{user}_a", f"{user}_b"]
    with psycopg.connect(postgres.url, autocommit=True) as admin, ExitStack() as stack:
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'x'").format(sql.Identifier(user)))
        stack.callback(admin.execute, sql.SQL("DROP ROLE {}").format(sql.Identifier(user)))
        for role in ROLES:
            grant = sql.SQL("GRANT {} TO {} WITH ADMIN OPTION, INHERIT FALSE")
            admin.execute(grant.format(sql.Identifier(role), sql.Identifier(user)))
        for name in names:
            make = sql.SQL("CREATE DATABASE {} OWNER {}")
            admin.execute(make.format(sql.Identifier(name), sql.Identifier(user)))
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
            stack.callback(admin.execute, drop)
            with psycopg.connect(url_of(postgres, name), autocommit=True) as inside:
                inside.execute("CREATE EXTENSION vector")
        first, second = (
            psycopg.conninfo.make_conninfo(url_of(postgres, name), user=user, password="x")
            for name in names
        )
        yield first, second


async def save(url: str, target: Path, blobs: ObstoreBlobStore | None = None) -> Manifest:
    kept = blobs or ObstoreBlobStore.in_folder(target.parent / "blobs")
    return await write_backup(url, kept, target, [], "1.0", lambda _: None)


def rows(url: str) -> dict[str, set[str]]:
    """All rows as text, by table, as far as a backup keeps them."""
    with psycopg.connect(url, options=owner_options()) as connection:
        connection.execute("SET ROLE groundwell_backup")
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r'"
            " AND relnamespace = 'groundwell'::regnamespace"
        ).fetchall()
        return {
            name: {
                row
                for (row,) in connection.execute(
                    sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(name))
                )
            }
            for (name,) in tables
            if name not in {"schema_migrations", "collection_versions"}
        }


def catalog(url: str) -> set[str]:
    """What the schema consists of: indexes, triggers, row security."""
    with psycopg.connect(url, options=owner_options()) as connection:
        found = connection.execute(
            "SELECT indexdef FROM pg_indexes WHERE schemaname = 'groundwell'"
            " UNION ALL SELECT tgname || tgenabled::text FROM pg_trigger WHERE NOT tgisinternal"
            " UNION ALL SELECT relname || relforcerowsecurity::text FROM pg_class"
            " WHERE relnamespace = 'groundwell'::regnamespace AND relkind = 'r'"
        )
        return {text for (text,) in found}


async def found_by(shelf: Shelf, url: str) -> object:
    pool = Database(url, min_size=1, max_size=2)
    await pool.open()
    index = PostgresSearchIndex(pool, shelf.space)
    found = await index.search(shelf.scope, asked("the b stands"), SearchType.HYBRID, 10)
    await pool.close()
    return found


async def test_a_user_without_powers_saves_and_restores_every_row(
    plain_url: tuple[str, str], tmp_path: Path
):
    first, second = plain_url
    migrate(first)
    database = Database(first, min_size=1, max_size=4)
    await database.open()
    shelf = await make_shelf(database, first)
    other = await make_shelf(database, first)
    await put(shelf, TEXTS)
    await put(other, TEXTS)
    await database.close()
    manifest = await save(first, tmp_path / "saved.tar")
    check_database(second)
    with read_archive(tmp_path / "saved.tar") as archive:
        load_database(second, archive)
    assert manifest.documents == 6
    assert rows(second) == rows(first)
    assert catalog(second) == catalog(first)
    assert await found_by(shelf, second) == await found_by(shelf, first)
    with pytest.raises(BackupError, match="in use"):
        check_database(second)


async def test_a_restore_that_fails_leaves_the_database_empty(
    database: Database, database_url: str, plain_url: tuple[str, str], tmp_path: Path
):
    await put(await make_shelf(database, database_url), TEXTS)
    await save(database_url, tmp_path / "saved.tar")
    with read_archive(tmp_path / "saved.tar") as archive:
        tables = archive.manifest.tables
        archive.manifest.tables = [table for table in tables if table.name != "collections"]
        with pytest.raises(BackupError, match="could not be filled"):
            load_database(plain_url[1], archive)
    check_database(plain_url[1])


async def test_jobs_that_were_running_wait_again(
    database: Database, database_url: str, plain_url: tuple[str, str], tmp_path: Path
):
    await make_shelf(database, database_url)
    with psycopg.connect(database_url, options=owner_options()) as connection:
        connection.execute("INSERT INTO procrastinate_workers DEFAULT VALUES")
        connection.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, status, queueing_lock,"
            " worker_id) SELECT 'q', 't', s::procrastinate_job_status, k, w.id"
            " FROM procrastinate_workers w, (VALUES ('doing', 'a'), ('doing', 'a'),"
            " ('doing', 'b'), ('todo', 'b'), ('doing', NULL)) AS v (s, k)"
        )
    await save(database_url, tmp_path / "saved.tar")
    with read_archive(tmp_path / "saved.tar") as archive:
        load_database(plain_url[1], archive)
    with psycopg.connect(plain_url[1], options=owner_options()) as connection:
        jobs = connection.execute(
            "SELECT status, queueing_lock, worker_id FROM procrastinate_jobs ORDER BY queueing_lock"
        ).fetchall()
    assert jobs == [("todo", "a", None), ("todo", "b", None), ("todo", None, None)]


def test_a_backup_of_a_newer_version_is_refused():
    with pytest.raises(BackupError, match="newer"):
        check_version(Manifest("9.0", "", migrations=["0001_foundation.sql", "9999_later.sql"]))


class BlobsOfDeletedDocuments(ObstoreBlobStore):
    """A store that sees each document deleted at the moment when a backup wants its file."""

    shelf: Shelf

    async def stream(self, key: str, size: int | None = None) -> AsyncIterator[bytes]:
        async with self.shelf.database.transaction(self.shelf.tenant) as connection:
            await connection.execute("DELETE FROM documents")
        await clear_blobs(self.shelf.database, self, [key])
        async for piece in super().stream(key, size):
            yield piece


async def test_files_stay_while_a_backup_runs_and_are_cleared_at_its_end(
    database: Database, database_url: str, tmp_path: Path
):
    source = tmp_path / "source"
    source.write_bytes(b"bytes")
    key = f"sha256/{sha256(b'bytes').hexdigest()}"
    gone = f"sha256/{'0' * 64}"
    blobs = BlobsOfDeletedDocuments(LocalStore(tmp_path / "blobs", mkdir=True), tmp_path / "blobs")
    blobs.shelf = await make_shelf(database, database_url)
    await blobs.put(key, source)
    await accept(blobs.shelf, new_document("x", blob_key=key), new_document("y", blob_key=gone))
    manifest = await save(database_url, tmp_path / "saved.tar", blobs)
    assert (manifest.blobs, manifest.lost_blobs) == ([key], [gone])
    assert not (tmp_path / "blobs" / key).exists()


async def test_a_damaged_file_is_named_and_not_saved(
    database: Database, database_url: str, tmp_path: Path
):
    source = tmp_path / "source"
    source.write_bytes(b"other bytes")
    key = f"sha256/{sha256(b'bytes').hexdigest()}"
    blobs = ObstoreBlobStore.in_folder(tmp_path / "blobs")
    await blobs.put(key, source)
    await accept(await make_shelf(database, database_url), new_document("x", blob_key=key))
    manifest = await save(database_url, tmp_path / "saved.tar", blobs)
    assert (manifest.blobs, manifest.lost_blobs) == ([], [key])


async def test_a_second_backup_at_the_same_time_is_refused(database_url: str, tmp_path: Path):
    with psycopg.connect(database_url) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (BACKUP_LOCK,))
        with pytest.raises(BackupError, match="Another backup"):
            await save(database_url, tmp_path / "saved.tar")


async def test_a_database_that_does_not_answer_is_said_so(tmp_path: Path):
    url = "postgresql://nobody@127.0.0.1:1/none"
    with pytest.raises(UnavailableError, match="away"):
        await save(url, tmp_path / "saved.tar")
    with pytest.raises(UnavailableError, match="away"):
        check_database(url)
