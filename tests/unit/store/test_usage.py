"""What a tenant holds is counted with every change, whoever makes it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from psycopg import AsyncConnection, Rollback
from tests.unit.store.setting import Shelf, accept, indexed, make_shelf, new_document, swap, works

from groundwell.domain.limits import Usage
from groundwell.store.chunks import delete_document
from groundwell.store.database import Database, Row
from groundwell.store.ingestion_jobs import cancel, start_again
from groundwell.store.intake import accept_documents
from groundwell.store.usage import claim_usage, fold_usage, read_usage

NOTHING = Usage(0, 0, 0, 0)


@pytest.fixture
async def shelf(database: Database, database_url: str) -> Shelf:
    return await make_shelf(database, database_url)


async def held(shelf: Shelf) -> Usage:
    return await read_usage(shelf.database, shelf.tenant)


async def fold(shelf: Shelf) -> None:
    async with shelf.database.transaction(shelf.tenant) as connection:
        await fold_usage(connection)


async def test_each_step_of_a_document_is_counted(shelf: Shelf):
    assert await held(shelf) == NOTHING
    accepted = await accept(shelf, new_document("12345", id="a"))
    assert await held(shelf) == Usage(5, 1, 0, 1)
    await swap(shelf, [indexed(work) for work in await works(shelf, accepted)])
    chunks = (await held(shelf)).chunks
    assert chunks > 0
    assert await held(shelf) == Usage(5, 1, chunks, 0)
    newer = await accept(shelf, new_document("1234567", id="a"))
    assert await held(shelf) == Usage(5 + 7, 1, chunks, 1)
    async with shelf.database.transaction(shelf.tenant) as connection:
        await cancel(connection, newer[0].uid)
    assert await held(shelf) == Usage(5, 1, chunks, 0)
    async with shelf.database.transaction(shelf.tenant) as connection:
        await delete_document(connection, shelf.collection, newer[0].uid)
    assert await held(shelf) == NOTHING


async def test_a_document_that_is_tried_again_waits_again(shelf: Shelf):
    accepted = await accept(shelf, new_document("12345"))
    async with shelf.database.transaction(shelf.tenant) as connection:
        await cancel(connection, accepted[0].uid)
    assert (await held(shelf)).queued == 0
    async with shelf.database.transaction(shelf.tenant) as connection:
        await start_again(connection, accepted[0].uid)
    assert (await held(shelf)).queued == 1


async def test_folding_changes_nothing_that_can_be_seen(shelf: Shelf):
    for number in range(3):
        await accept(shelf, new_document("12345", id=str(number)))
        await fold(shelf)
        await fold(shelf)
        assert await held(shelf) == Usage(5 * (number + 1), number + 1, 0, number + 1)


async def test_what_is_rolled_back_is_not_counted(shelf: Shelf):
    async with shelf.database.transaction(shelf.tenant) as connection:
        await accept_here(connection, shelf, ["a", "b"])
        raise Rollback
    assert await held(shelf) == NOTHING


async def test_a_claim_tells_the_own_changes_from_those_of_others(shelf: Shelf):
    await accept(shelf, new_document("123", id="before"))
    async with shelf.database.transaction(shelf.tenant) as connection:
        # Also what was changed within a savepoint is one's own.
        async with connection.transaction():
            await accept_here(connection, shelf, ["a", "b"])
        assert await claim_usage(connection) == (Usage(3, 1, 0, 1), Usage(2, 2, 0, 2))
    assert await held(shelf) == Usage(5, 3, 0, 3)


async def test_claims_see_one_after_the_other_what_the_others_have_added(shelf: Shelf):
    async def add(number: int) -> int:
        async with shelf.database.transaction(shelf.tenant) as connection:
            await accept_here(connection, shelf, [str(number)])
            before, own = await claim_usage(connection)
            assert own.documents == 1
            return before.documents

    async def disturb() -> None:
        for _ in range(10):
            await fold(shelf)

    *seen, _ = await asyncio.gather(*(add(number) for number in range(20)), disturb())
    assert sorted(seen) == list(range(20))
    assert (await held(shelf)).documents == 20


async def accept_here(connection: AsyncConnection[Row], shelf: Shelf, names: Sequence[str]) -> None:
    documents = [new_document(name[:1], id=name) for name in names]
    await accept_documents(connection, shelf.tenant, shelf.collection, documents)
