"""A collection's version changes with what a search could show, and with nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import LiteralString

import pytest
from psycopg import AsyncConnection, Rollback
from tests.unit.store.setting import (
    Shelf,
    accept,
    indexed,
    make_shelf,
    new_document,
    put,
    swap,
    works,
)
from tests.waiting import patience

from groundwell.domain.documents import Stage, TenantId
from groundwell.store import collections
from groundwell.store.chunks import delete_document, lock_collection
from groundwell.store.collection_versions import CollectionVersion, load_version, note_change
from groundwell.store.database import Database, Row
from groundwell.store.documents import get_document
from groundwell.store.ingestion import fail_unfinished, mark_failed, save_parsed, set_stage
from groundwell.store.reweigh import adopt_average_length, reweigh_step

Act = Callable[[Shelf], Awaitable[object]]


@pytest.fixture
async def shelf(database: Database, database_url: str) -> Shelf:
    return await make_shelf(database, database_url)


@pytest.fixture
async def elsewhere(shelf: Shelf) -> AsyncIterator[Database]:
    """Connections of another process."""
    pool = Database(shelf.url, min_size=1, max_size=2)
    await pool.open()
    yield pool
    await pool.close()


async def version(shelf: Shelf) -> CollectionVersion | None:
    return await load_version(shelf.database, shelf.tenant, shelf.name)


async def execute(shelf: Shelf, statement: LiteralString, *values: object) -> None:
    async with shelf.database.transaction(shelf.tenant) as connection:
        await connection.execute(statement, values)


async def put_a(shelf: Shelf) -> None:
    await put(shelf, {"a": "Herons eat fish."})


async def put_new_version(shelf: Shelf) -> None:
    # As many chunks and terms as before: the statistics end where they began.
    await put(shelf, {"a": "Storks eat frog."})


async def put_another(shelf: Shelf) -> None:
    await put(shelf, {"b": "Bread rises."})


async def remove(shelf: Shelf) -> None:
    async with shelf.database.transaction(shelf.tenant) as connection:
        document = await get_document(connection, "a", shelf.name)
        await delete_document(connection, shelf.collection, document.uid)


async def retitle(shelf: Shelf) -> None:
    await accept(shelf, new_document("Herons eat fish.", id="a", title="Birds"))


async def describe(shelf: Shelf) -> None:
    await accept(shelf, new_document("Herons eat fish.", id="a", metadata={"kind": "bird"}))


async def reweigh(shelf: Shelf) -> None:
    async with shelf.database.transaction(shelf.tenant) as connection:
        assert await reweigh_step(connection, shelf.collection, 99.0) is False


async def adopt(shelf: Shelf) -> None:
    async with shelf.database.transaction(shelf.tenant) as connection:
        await adopt_average_length(connection, shelf.collection)


async def note(shelf: Shelf) -> None:
    async with shelf.database.transaction(shelf.tenant) as connection:
        await note_change(connection, shelf.collection)


@pytest.mark.parametrize(
    "change",
    [put_new_version, put_another, remove, retitle, describe, reweigh, adopt, note],
    ids=lambda change: change.__name__,
)
async def test_what_a_search_could_show_changes_the_version(shelf: Shelf, change: Act):
    await put_a(shelf)
    before = await version(shelf)
    await change(shelf)
    after = await version(shelf)
    assert before is not None
    assert after is not None
    assert after.collection == before.collection == shelf.collection
    assert after.number != before.number


async def accept_new(shelf: Shelf) -> None:
    await accept(shelf, new_document("Not searchable yet.", id="c"))


async def accept_same_again(shelf: Shelf) -> None:
    await accept(shelf, new_document("Herons eat fish.", id="a"))


async def accept_new_version(shelf: Shelf) -> None:
    await accept(shelf, new_document("Herons eat frogs.", id="a", title="Later"))


async def report_progress(shelf: Shelf) -> None:
    (accepted,) = await accept(shelf, new_document("Herons eat frogs.", id="a"))
    (work,) = await works(shelf, [accepted])
    assert work.parsed is not None
    async with shelf.database.transaction(shelf.tenant) as connection:
        await set_stage(connection, [accepted.uid], Stage.EMBED, 0.5, 0)
        await save_parsed(connection, work, work.parsed, 0)


async def fail(shelf: Shelf) -> None:
    accepted = await accept(
        shelf, new_document("Herons eat frogs.", id="a"), new_document("Frogs.", id="b")
    )
    first, second = await works(shelf, accepted)
    async with shelf.database.transaction(shelf.tenant) as connection:
        await fail_unfinished(connection, [first.uid], "corrupt", "It is broken.", 0)
        await mark_failed(connection, second, "corrupt", "It is.", 0)


async def remove_unsearchable(shelf: Shelf) -> None:
    await accept_new(shelf)
    async with shelf.database.transaction(shelf.tenant) as connection:
        document = await get_document(connection, "c", shelf.name)
        await delete_document(connection, shelf.collection, document.uid)


async def describe_collection(shelf: Shelf) -> None:
    await execute(shelf, "UPDATE collections SET description = 'Birds'")


async def write_elsewhere(shelf: Shelf) -> None:
    other = await make_shelf(shelf.database, shelf.url, shelf.tenant, "other")
    await put(other, {"a": "Herons eat fish."})


async def roll_back(shelf: Shelf) -> None:
    async with shelf.database.transaction(shelf.tenant) as connection:
        await connection.execute("UPDATE documents SET title = 'Birds'")
        raise Rollback


@pytest.mark.parametrize(
    "act",
    [
        accept_new,
        accept_same_again,
        accept_new_version,
        report_progress,
        fail,
        remove_unsearchable,
        describe_collection,
        write_elsewhere,
        roll_back,
    ],
    ids=lambda act: act.__name__,
)
async def test_what_no_search_could_show_leaves_the_version(shelf: Shelf, act: Act):
    await put_a(shelf)
    before = await version(shelf)
    await act(shelf)
    assert await version(shelf) == before


async def test_a_collection_has_a_version_from_the_start_and_a_missing_one_has_none(shelf: Shelf):
    assert await version(shelf) == CollectionVersion(shelf.collection, 0)
    assert await load_version(shelf.database, shelf.tenant, "nothing") is None


async def test_a_collection_of_the_same_name_is_never_taken_for_the_deleted_one(shelf: Shelf):
    await put_a(shelf)
    async with shelf.database.transaction(shelf.tenant) as connection:
        await collections.delete_collection(connection, shelf.name)
    assert await version(shelf) is None
    again = await make_shelf(shelf.database, shelf.url, shelf.tenant, shelf.name)
    assert await version(again) == CollectionVersion(again.collection, 0)
    async with shelf.database.transaction(shelf.tenant) as connection:
        cursor = await connection.execute("SELECT count(*) FROM collection_versions")
        assert await cursor.fetchone() == (0,)


async def test_a_tenant_cannot_read_or_change_the_version_of_another(shelf: Shelf):
    await put_a(shelf)
    before = await version(shelf)
    other = await make_shelf(shelf.database, shelf.url)
    assert await version(other) == CollectionVersion(other.collection, 0)
    async with shelf.database.transaction(TenantId(other.tenant)) as connection:
        with pytest.raises(Exception, match="row-level security"):
            await note_change(connection, shelf.collection)
    assert await version(shelf) == before


async def test_another_process_sees_the_new_version_with_the_commit_and_not_before(
    shelf: Shelf, elsewhere: Database
):
    await put_a(shelf)
    before = await version(shelf)
    async with shelf.database.transaction(shelf.tenant) as connection:
        await connection.execute("UPDATE documents SET title = 'Birds'")
        assert await load_version(elsewhere, shelf.tenant, shelf.name) == before
    assert await load_version(elsewhere, shelf.tenant, shelf.name) != before


async def test_two_changes_at_once_leave_a_version_that_neither_had_alone(
    shelf: Shelf, elsewhere: Database
):
    await put(shelf, {"a": "Herons eat fish.", "b": "Bread rises."})

    async def change(database: Database, document: str, seen: list[object]) -> None:
        for number in range(20):
            async with database.transaction(shelf.tenant) as connection:
                await connection.execute(
                    "UPDATE documents SET title = %s WHERE id = %s", (str(number), document)
                )
            seen.append(await load_version(database, shelf.tenant, shelf.name))

    first: list[object] = [await version(shelf)]
    second: list[object] = []
    await asyncio.gather(change(shelf.database, "a", first), change(elsewhere, "b", second))
    assert len(set(first)) == 21
    assert len(set(second)) == 20


async def test_a_new_title_waits_for_no_swap_and_no_swap_for_it(shelf: Shelf, elsewhere: Database):
    (accepted,) = await put(shelf, {"a": "Herons eat fish."})
    async with shelf.database.transaction(shelf.tenant) as swapping:
        # As a swap does: the collection first, then the document.
        await lock_collection(swapping, shelf.collection)
        async with patience(), elsewhere.transaction(shelf.tenant) as retitling:
            await retitling.execute("UPDATE documents SET title = 'Birds'")
        await _lock_document(swapping, accepted.uid)


async def _lock_document(connection: AsyncConnection[Row], uid: object) -> None:
    await connection.execute("SELECT 1 FROM documents WHERE uid = %s FOR UPDATE", (uid,))


async def test_swaps_and_new_titles_at_once_never_wait_in_a_circle(
    shelf: Shelf, elsewhere: Database
):
    await put(shelf, {"a": "Herons eat fish.", "b": "Bread rises."})

    async def swap_often() -> None:
        for number in range(15):
            await put(shelf, {"a": f"Herons eat fish {number}.", "b": f"Bread {number} rises."})

    async def retitle_often() -> None:
        for number in range(60):
            async with elsewhere.transaction(shelf.tenant) as connection:
                await connection.execute(
                    "UPDATE documents SET title = %s WHERE id = %s",
                    (str(number), "ab"[number % 2]),
                )

    async with patience():
        await asyncio.gather(swap_often(), retitle_often())


async def test_a_swap_of_many_documents_writes_the_version_once(shelf: Shelf):
    texts = {str(number): f"Heron {number}." for number in range(20)}
    accepted = await accept(shelf, *(new_document(text, id=key) for key, text in texts.items()))
    await swap(shelf, [indexed(work) for work in await works(shelf, accepted)])
    async with shelf.database.transaction(shelf.tenant) as connection:
        cursor = await connection.execute("SELECT ctid::text FROM collection_versions")
        assert await cursor.fetchone() == ("(0,1)",)
