"""What the database itself guarantees about tenants."""

from __future__ import annotations

from collections.abc import Iterator
from typing import LiteralString
from uuid import uuid4

import psycopg
import pytest
from tests.unit.store.setting import Shelf, asked, make_shelf, put

from groundwell.adapters.search_index.postgres import PostgresSearchIndex
from groundwell.domain.chunks import ChunkId
from groundwell.domain.documents import PageSpan, TenantId
from groundwell.domain.errors import NotFoundError
from groundwell.domain.search import IndexScope, SearchType
from groundwell.store.chunk_vectors import ChunkVectors
from groundwell.store.database import Database, app_options, owner_options
from groundwell.store.passages import load_pages, load_passages
from groundwell.store.terms import TermEvidence, load_terms

# The queue is the server's own: its rows carry ids only, and a worker serves all tenants.
# Spaces, migrations and counts of jobs and workers describe the installation, not a tenant's data.
WITHOUT_TENANT = {"schema_migrations", "embedding_spaces", "job_outcomes", "worker_metrics"}
TABLES = """
    SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity,
           EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid
                   AND a.attname = 'tenant_id' AND NOT a.attisdropped)
    FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'groundwell'::regnamespace
      AND c.relname NOT LIKE 'procrastinate\\_%'
"""


@pytest.fixture
async def shelf(database: Database, database_url: str) -> Shelf:
    return await make_shelf(database, database_url)


@pytest.fixture
async def other(shelf: Shelf) -> Shelf:
    return await make_shelf(shelf.database, shelf.url)


@pytest.fixture
def owner(shelf: Shelf) -> Iterator[psycopg.Connection]:
    """The database's owner, who may read the catalog and everything else."""
    with psycopg.connect(shelf.url, options=owner_options(), autocommit=True) as connection:
        yield connection


def tenant_tables(owner: psycopg.Connection) -> set[str]:
    return {name for name, _, _, has_tenant in owner.execute(TABLES) if has_tenant}


def test_every_table_belongs_to_tenants_or_is_named_as_an_exception(owner: psycopg.Connection):
    names = {name for (name, *_) in owner.execute(TABLES)}
    assert names - tenant_tables(owner) == WITHOUT_TENANT | {"tenants"}
    assert any(name.startswith("space_") for name in tenant_tables(owner))


def test_every_table_of_tenants_enables_and_forces_row_security(owner: psycopg.Connection):
    for name, enabled, forced, has_tenant in owner.execute(TABLES):
        if has_tenant or name == "tenants":
            assert (name, enabled, forced) == (name, True, True)


def test_every_table_of_tenants_checks_what_is_read_and_what_is_written(owner: psycopg.Connection):
    policies = owner.execute(
        "SELECT tablename, qual, with_check, cmd, roles::text[] FROM pg_policies"
        " WHERE schemaname = 'groundwell'"
    ).fetchall()
    guarded = {
        table
        for table, qual, check, command, roles in policies
        if command == "ALL"
        and roles == ["public"]
        and "current_tenant()" in (qual or "")
        and check == qual
    }
    assert guarded == tenant_tables(owner) | {"tenants"}
    # A second permissive policy would open the rows again: only roles that read may have one, and
    # the one that forgets what is too old of the audit log, of the cache and of spent tokens.
    aging = ("audit_log", "cache_entries", "token_use")
    readers = (["groundwell_search"], ["groundwell_backup"], ["groundwell_keeper"])
    assert all(
        (roles in readers and command == "SELECT")
        or (table in aging and (command, roles) == ("DELETE", ["groundwell_keeper"]))
        for table, qual, _, command, roles in policies
        if "current_tenant()" not in (qual or "")
    )


def test_the_restricted_roles_own_no_data_and_have_no_powers(owner: psycopg.Connection):
    roles = owner.execute(
        "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolcanlogin"
        " FROM pg_roles WHERE rolname LIKE 'groundwell\\_%'"
    ).fetchall()
    assert {name for name, *_ in roles} == {
        "groundwell_app",
        "groundwell_search",
        "groundwell_backup",
        "groundwell_keeper",
    }
    assert not any(any(powers) for _, *powers in roles)
    owned = owner.execute(
        "SELECT relname FROM pg_class WHERE relowner::regrole::text LIKE 'groundwell\\_%'"
    ).fetchall()
    assert owned == []
    functions = owner.execute(
        "SELECT proname FROM pg_proc WHERE proowner = 'groundwell_app'::regrole"
    ).fetchall()
    assert functions == []


def test_the_restricted_roles_can_make_nothing_in_the_schema(owner: psycopg.Connection):
    for role in (
        "groundwell_app",
        "groundwell_search",
        "groundwell_backup",
        "groundwell_keeper",
    ):
        (may_create,) = owner.execute(
            "SELECT has_schema_privilege(%s, 'groundwell', 'CREATE')", (role,)
        ).fetchone() or (None,)
        assert may_create is False, role


def test_the_search_role_cannot_write_nor_read_texts(owner: psycopg.Connection):
    grants = owner.execute(
        "SELECT table_name, privilege_type FROM information_schema.role_table_grants"
        " WHERE grantee = 'groundwell_search'"
    ).fetchall()
    assert {privilege for _, privilege in grants} == {"SELECT"}
    assert "chunks" not in {table for table, _ in grants}
    assert "messages" not in {table for table, _ in grants}


def test_the_backup_role_reads_every_table_and_nobody_inherits_it(owner: psycopg.Connection):
    grants = owner.execute(
        "SELECT table_name, privilege_type FROM information_schema.role_table_grants"
        " WHERE grantee = 'groundwell_backup'"
    ).fetchall()
    assert {privilege for _, privilege in grants} == {"SELECT"}
    assert {table for table, _ in grants} >= tenant_tables(owner) | {"tenants"}
    readable = owner.execute(
        "SELECT tablename FROM pg_policies WHERE roles::text[] = '{groundwell_backup}'"
    ).fetchall()
    assert {table for (table,) in readable} == tenant_tables(owner) | {"tenants"}
    inherits = owner.execute(
        "SELECT bool_or(inherit_option) FROM pg_auth_members"
        " WHERE roleid = 'groundwell_backup'::regrole"
    ).fetchone()
    assert inherits == (False,)


def test_functions_with_their_owners_rights_have_a_pinned_search_path(owner: psycopg.Connection):
    functions = owner.execute(
        "SELECT p.proname, p.proconfig, has_function_privilege('public', p.oid, 'EXECUTE')"
        " FROM pg_proc p WHERE p.prosecdef AND p.pronamespace = 'groundwell'::regnamespace"
    ).fetchall()
    assert {name for name, *_ in functions} >= {"search_keyword", "find_api_key", "is_blob_used"}
    for name, config, is_public in functions:
        paths = [entry for entry in config or [] if entry.startswith("search_path=")]
        assert paths, name
        assert paths[0].endswith("pg_temp"), name
        assert not is_public, name


async def test_without_a_tenant_the_server_sees_no_row_of_any_table(
    shelf: Shelf, other: Shelf, owner: psycopg.Connection
):
    await put(shelf, {"a": "ours"})
    await put(other, {"b": "theirs"})
    with psycopg.connect(shelf.url, options=app_options()) as connection:
        for table in sorted(tenant_tables(owner)):
            rows = connection.execute(f"SELECT * FROM {table}").fetchall()  # type: ignore[call-overload] - a name of the catalog
            assert rows == [], table


async def test_a_tenant_sees_its_own_rows_and_no_others(
    shelf: Shelf, other: Shelf, owner: psycopg.Connection
):
    await put(shelf, {"a": "ours"})
    await put(other, {"b": "theirs"})
    filled = {"documents", "document_versions", "chunks", "chunk_terms", "term_statistics"}
    filled |= {shelf.space.table, "collections", "collection_versions", "users", "usage_changes"}
    with psycopg.connect(shelf.url, options=app_options()) as connection:
        connection.execute(
            "SELECT set_config('groundwell.tenant', %s, false)", (str(shelf.tenant),)
        )
        for table in sorted(tenant_tables(owner)):
            rows = connection.execute(
                f"SELECT DISTINCT tenant_id FROM {table}"  # type: ignore[arg-type] - as above
            ).fetchall()
            assert rows == ([(shelf.tenant,)] if table in filled else []), table


async def test_a_row_for_another_tenant_is_refused(shelf: Shelf, other: Shelf):
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        async with shelf.database.transaction(shelf.tenant) as connection:
            await connection.execute(
                "INSERT INTO collections (id, tenant_id, name, chunking)"
                " VALUES (%s, %s, 'x', 'passage')",
                (uuid4(), other.tenant),
            )
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        async with shelf.database.transaction(shelf.tenant) as connection:
            await connection.execute("UPDATE collections SET tenant_id = %s", (other.tenant,))


async def test_a_foreign_row_can_be_neither_changed_nor_deleted(shelf: Shelf, other: Shelf):
    await put(other, {"b": "theirs"})
    async with shelf.database.transaction(shelf.tenant) as connection:
        changed = await connection.execute("UPDATE documents SET filename = 'mine'")
        deleted = await connection.execute("DELETE FROM chunks")
    assert (changed.rowcount, deleted.rowcount) == (0, 0)


async def test_the_server_cannot_become_its_databases_owner(shelf: Shelf):
    for statement in ("ALTER TABLE chunks DISABLE ROW LEVEL SECURITY", "DROP TABLE messages"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with shelf.database.anonymous_transaction() as connection:
                await connection.execute(statement)


async def test_search_functions_find_nothing_in_a_foreign_collection(shelf: Shelf, other: Shelf):
    await put(other, {"b": "secret words"})
    query = asked("secret words")
    assert query.encoding is not None
    vector = "[" + ",".join(map(str, query.encoding.vector)) + "]"
    suffixes = ("search", "graph", "exact")
    async with shelf.database.transaction(shelf.tenant) as connection:
        for suffix in suffixes:
            cursor = await connection.execute(
                f"SELECT * FROM {shelf.space.table}_{suffix}(%s, %s::halfvec, 10, NULL)",  # type: ignore[arg-type] - a name of ours
                (other.collection, vector),
            )
            assert await cursor.fetchall() == [], suffix
        cursor = await connection.execute(
            "SELECT * FROM search_keyword(%s, %s, ARRAY[1, 2], ARRAY[1, 1], 10, NULL, NULL, 9, 9)",
            (other.collection, list(query.terms)),
        )
        assert await cursor.fetchall() == []


async def test_a_foreign_collection_answers_like_a_missing_one(shelf: Shelf, other: Shelf):
    await make_shelf(other.database, other.url, other.tenant, "private")
    index = PostgresSearchIndex(shelf.database, shelf.space)
    for name in ("private", "missing"):
        with pytest.raises(NotFoundError) as caught:
            await index.search(IndexScope(shelf.tenant, name), asked("word"), SearchType.HYBRID, 10)
        assert caught.value.code == "collection_not_found"


async def test_the_text_of_a_foreign_chunk_cannot_be_loaded(shelf: Shelf, other: Shelf):
    await put(other, {"b": "secret words"})
    async with other.database.transaction(other.tenant) as connection:
        cursor = await connection.execute("SELECT id FROM chunks")
        chunks = [ChunkId(str(row[0])) for row in await cursor.fetchall()]
    assert await load_passages(shelf.database, shelf.tenant, chunks) == {}
    assert len(await load_passages(shelf.database, other.tenant, chunks)) == 1


async def test_pages_and_vectors_of_a_foreign_chunk_cannot_be_loaded(shelf: Shelf, other: Shelf):
    chunks = await put_paged(other)
    pages = {chunk: (PageSpan(1, 0, 12),) for chunk in chunks}
    assert await load_pages(shelf.database, shelf.tenant, chunks) == {}
    assert await load_pages(shelf.database, other.tenant, chunks) == pages
    vectors = ChunkVectors(shelf.database, shelf.space, memory_bytes=1 << 20)
    assert (await vectors.read(other.tenant, chunks)).keys() == set(chunks)
    # What is remembered of one tenant is not given to another either.
    assert await vectors.read(shelf.tenant, chunks) == {}


async def test_terms_and_statistics_of_a_foreign_collection_cannot_be_loaded(
    shelf: Shelf, other: Shelf
):
    own, foreign = await put_paged(shelf), await put_paged(other)
    await put(other, {"c": "secret again", "d": "more secret words"})
    assert await load_terms(shelf.database, shelf.tenant, foreign, ["secret"]) == TermEvidence()
    evidence = await load_terms(shelf.database, shelf.tenant, [*foreign, *own], ["secret", "again"])
    assert evidence.chunks.keys() == set(own)
    assert (evidence.document_count, evidence.document_frequencies) == (
        1,
        {"secret": 1, "again": 0},
    )


async def test_reading_functions_show_a_tenant_its_own_rows_among_foreign_ones(
    shelf: Shelf, other: Shelf
):
    calls: list[LiteralString] = [
        "SELECT chunk_id FROM read_passages(%s, %s::uuid[])",
        "SELECT chunk_id FROM read_pages(%s, %s::uuid[])",
        "SELECT chunk_id FROM read_terms(%s, %s::uuid[], ARRAY['secret'])",
        "SELECT chunk_id FROM read_traits(%s, %s::uuid[])",
        "SELECT chunk_id FROM read_windows(%s, %s::uuid[], 1)",
        f"SELECT chunk_id FROM {shelf.space.table}_vectors(%s, %s::uuid[])",  # type: ignore[list-item] - a name of ours
    ]
    own, foreign = await put_paged(shelf), await put_paged(other)
    for call in calls:
        rows = await shelf.database.fetch(call, shelf.tenant, [*own, *foreign])
        assert rows == [(chunk,) for chunk in own], call
        assert await shelf.database.fetch(call, TenantId(uuid4()), [*own, *foreign]) == [], call


def test_functions_that_read_texts_have_no_more_rights_than_their_caller(owner: psycopg.Connection):
    rows = owner.execute(
        "SELECT proname, prosecdef FROM pg_proc WHERE pronamespace = 'groundwell'::regnamespace"
        " AND (proname ~ '^read_(passages|pages|terms|term_frequencies|traits|windows)$'"
        " OR proname ~ '^space_.*_(legs|vectors)$')"
    ).fetchall()
    assert len(rows) == 8
    assert not any(has_owners_rights for _, has_owners_rights in rows)


async def put_paged(shelf: Shelf) -> list[ChunkId]:
    """A document of one page and one chunk."""
    await put(shelf, {"b": "secret words"})
    async with shelf.database.transaction(shelf.tenant) as connection:
        await connection.execute("UPDATE document_versions SET pages = '[[1, 0, 12]]'")
        cursor = await connection.execute("UPDATE chunks SET page = 1 RETURNING id")
        return [ChunkId(str(row[0])) for row in await cursor.fetchall()]
