from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import Any

import psycopg
import pytest
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

from groundwell.domain.documents import DocumentStatus, Stage
from groundwell.domain.errors import ConflictError
from groundwell.store.database import Database
from groundwell.store.documents import (
    count_documents,
    find_content,
    get_document,
    list_documents,
    load_text,
)
from groundwell.store.ingestion import fail_unfinished, mark_failed
from groundwell.store.intake import NewDocument, accept_documents


@pytest.fixture
async def shelf(database: Database, database_url: str) -> Shelf:
    return await make_shelf(database, database_url)


async def fail(shelf: Shelf, *uids: object) -> None:
    async with shelf.database.transaction(shelf.tenant) as connection:
        await fail_unfinished(connection, list(uids), "corrupt", "It is broken.", 0)  # type: ignore[arg-type] - ids of documents


async def count(shelf: Shelf) -> int:
    async with shelf.database.transaction(shelf.tenant) as connection:
        return sum((await count_documents(connection, shelf.collection)).values())


async def test_the_same_bytes_twice_are_the_same_document(shelf: Shelf):
    (first,) = await accept(shelf, new_document("Hello."))
    (second,) = await accept(shelf, new_document("Hello.", filename="copy.txt"))
    assert (first.has_work, second.has_work) == (True, False)
    assert (second.uid, second.id, second.version) == (first.uid, first.id, 1)
    assert await count(shelf) == 1


async def test_the_same_bytes_under_two_ids_are_two_documents(shelf: Shelf):
    first, second = await accept(
        shelf, new_document("Hello.", id="a"), new_document("Hello.", id="b")
    )
    assert first.uid != second.uid
    assert (first.id, second.id) == ("a", "b")


@pytest.mark.parametrize("handle", [{"id": "mine"}, {"key": "folder/file.txt"}])
async def test_new_bytes_under_the_same_id_or_key_are_a_new_version(
    shelf: Shelf, handle: dict[str, str]
):
    (first,) = await accept(shelf, new_document("One.", **handle))
    (second,) = await accept(shelf, new_document("Two.", **handle))
    assert second.uid == first.uid
    assert (second.version, second.has_work) == (2, True)
    assert second.status == DocumentStatus.PENDING


async def test_bytes_without_a_handle_never_replace_other_bytes(shelf: Shelf):
    await accept(shelf, new_document("One."))
    (second,) = await accept(shelf, new_document("Two."))
    assert second.version == 1
    assert await count(shelf) == 2


async def test_the_same_bytes_of_two_collections_are_two_documents(shelf: Shelf):
    other = await make_shelf(shelf.database, shelf.url, shelf.tenant, "other")
    (first,) = await accept(shelf, new_document("Hello."))
    (second,) = await accept(other, new_document("Hello."))
    assert first.uid != second.uid
    assert second.has_work


async def test_twenty_identical_uploads_at_once_make_one_document(shelf: Shelf, database_url: str):
    pool = Database(database_url, min_size=8, max_size=8)
    await pool.open()
    wide = Shelf(pool, shelf.url, shelf.space, shelf.tenant, shelf.collection, shelf.name)
    answers = await asyncio.gather(*(accept(wide, new_document("Hello.")) for _ in range(20)))
    await pool.close()
    assert len({answer[0].uid for answer in answers}) == 1
    assert sum(answer[0].has_work for answer in answers) == 1
    assert await count(shelf) == 1


async def test_batches_in_opposite_orders_do_not_wait_for_each_other(
    shelf: Shelf, database_url: str
):
    pool = Database(database_url, min_size=8, max_size=8)
    await pool.open()
    wide = Shelf(pool, shelf.url, shelf.space, shelf.tenant, shelf.collection, shelf.name)
    for handle in ("id", "key"):
        ways = [list(range(60)), list(range(59, -1, -1))] * 4
        for text, expected in (("First", 60), ("Second", 60)):
            answers = await asyncio.gather(
                *(
                    accept(wide, *(new_document(f"{text} {n}.", **{handle: str(n)}) for n in way))
                    for way in ways
                )
            )
            assert sum(answer.has_work for batch in answers for answer in batch) == expected
    await pool.close()
    assert await count(shelf) == 120


async def test_a_failed_document_is_tried_again_when_it_is_sent_again(shelf: Shelf):
    (first,) = await accept(shelf, new_document("Hello.", id="a"))
    await fail(shelf, first.uid)
    (second,) = await accept(shelf, new_document("Hello.", id="a"))
    assert (second.uid, second.version, second.has_work) == (first.uid, 1, True)
    async with shelf.database.transaction(shelf.tenant) as connection:
        document = await get_document(connection, "a", None)
    assert (document.status, document.error_code, document.error_message) == (
        DocumentStatus.PENDING, None, None,
    )  # fmt: skip


async def test_new_metadata_of_the_same_bytes_is_taken_over_at_once(shelf: Shelf):
    await put(shelf, {"a": "Hello."}, {"a": {"year": 2020}})
    (again,) = await accept(shelf, new_document("Hello.", id="a", metadata={"year": 2021}))
    assert not again.has_work
    async with shelf.database.transaction(shelf.tenant) as connection:
        document = await get_document(connection, "a", None)
        cursor = await connection.execute("SELECT attributes FROM documents")
        ((attributes,),) = await cursor.fetchall()
    assert document.metadata == {"year": 2021}
    assert (attributes["year"], attributes["document_id"]) == (2021, "a")


async def test_a_new_title_of_the_same_bytes_leaves_the_rest_as_it_is(shelf: Shelf):
    (first,) = await put(shelf, {"a": "Hello."}, {"a": {"year": 2020}})
    before = await described(shelf)
    (again,) = await accept(
        shelf, new_document("Hello.", id="a", title="Greeting", filename="other.txt")
    )
    assert (again.uid, again.version, again.has_work) == (first.uid, 1, False)
    after = await described(shelf)
    assert after == ("Greeting", *before[1:])
    await accept(shelf, new_document("Hello.", id="a"))
    assert await described(shelf) == after


async def test_only_metadata_that_are_given_replace_the_old_ones(shelf: Shelf):
    await put(shelf, {"a": "Hello."}, {"a": {"year": 2020}})
    await accept(shelf, new_document("Hello.", id="a", metadata={"kind": "letter"}))
    _, metadata, attributes, _ = await described(shelf)
    assert metadata == {"kind": "letter"}
    assert set(attributes) == {"kind", "document_id", "filename", "uploaded_at"}
    await accept(shelf, new_document("Hello.", id="a", metadata={}))
    assert (await described(shelf))[1] == {}


async def test_a_title_sent_again_while_the_bytes_are_indexed_comes_with_them(shelf: Shelf):
    accepted = await accept(shelf, new_document("Hello.", id="a", title="First"))
    (again,) = await accept(shelf, new_document("Hello.", id="a", title="Second"))
    assert not again.has_work
    await swap(shelf, [indexed(work) for work in await works(shelf, accepted)])
    assert (await described(shelf))[0] == "Second"


async def described(shelf: Shelf) -> tuple[Any, ...]:
    """Title, metadata, attributes and file name of the only document."""
    async with shelf.database.transaction(shelf.tenant) as connection:
        cursor = await connection.execute(
            "SELECT title, metadata, attributes, filename FROM documents"
        )
        (row,) = await cursor.fetchall()
    return row


async def test_a_batch_is_accepted_in_whole_or_not_at_all(shelf: Shelf):
    good = new_document("Good.", id="good")
    bad = new_document("Bad.", id="bad\0")
    with pytest.raises(psycopg.DataError):
        await accept(shelf, good, bad)
    assert await count(shelf) == 0


async def test_answers_come_in_the_order_of_the_documents(shelf: Shelf):
    await put(shelf, {"c": "Known."})
    ids = ["d", "c", "b", "a"]
    answers = await accept(shelf, *(new_document(f"Text {i}.", id=i) for i in ids))
    assert [answer.id for answer in answers] == ids
    assert [answer.version for answer in answers] == [1, 2, 1, 1]


async def test_an_id_and_a_key_that_contradict_each_other_end_in_a_clear_error(shelf: Shelf):
    await accept(shelf, new_document("One.", key="k"))
    with pytest.raises(ConflictError, match="belongs to the document"):
        await accept(shelf, new_document("Two.", id="another", key="k"))


async def test_accepting_nothing_answers_nothing(shelf: Shelf):
    async with shelf.database.transaction(shelf.tenant) as connection:
        assert await accept_documents(connection, shelf.tenant, shelf.collection, []) == []


async def test_documents_are_listed_newest_first_and_page_by_page(shelf: Shelf):
    for name in "abc":
        await accept(shelf, new_document(name, id=name))
    async with shelf.database.transaction(shelf.tenant) as connection:
        first = await list_documents(connection, shelf.collection, None, None, 2)
        last = first[-1]
        rest = await list_documents(
            connection, None, DocumentStatus.PENDING, (last.created_at, last.uid), 2
        )
        none = await list_documents(connection, None, DocumentStatus.FAILED, None, 9)
    assert [document.id for document in [*first, *rest]] == ["c", "b", "a"]
    assert none == []


async def test_a_failure_of_an_older_version_does_not_touch_the_newer_one(shelf: Shelf):
    (first,) = await works(shelf, await accept(shelf, new_document("One.", id="a")))
    await accept(shelf, new_document("Two.", id="a"))
    async with shelf.database.transaction(shelf.tenant) as connection:
        await mark_failed(connection, first, "corrupt", "It is broken.", 0)
        document = await get_document(connection, "a", shelf.name)
    assert document.status == DocumentStatus.PENDING


async def test_text_and_content_are_those_of_the_searchable_version(
    shelf: Shelf,
):
    (first,) = await put(shelf, {"a": "One."})
    await accept(shelf, new_document("Two.", id="a"))
    async with shelf.database.transaction(shelf.tenant) as connection:
        assert await load_text(connection, first.uid) == ("One.", (), 1)
        assert await load_text(connection, first.uid, 2) == ("Two.", (), 2)
        assert (await find_content(connection, first.uid))[3] == "One."
    assert [work.number for work in await works(shelf, [first])] == [2]


def test_a_document_is_known_by_its_key_then_its_id_then_its_bytes():
    digest = sha256(b"x").hexdigest()
    assert new_document("x", key="k", id="i").identity == "key/k"
    assert new_document("x", id="i").identity == "id/i"
    assert new_document("x").identity == f"sha256/{digest}"


def announced(given: str, /, **fields: object) -> NewDocument:
    return new_document(given, text=None, awaits_bytes=True, **fields)


async def test_bytes_that_are_here_do_not_give_way_to_announced_ones(shelf: Shelf):
    await accept(shelf, new_document("The first.", id="a"))
    with pytest.raises(ConflictError) as caught:
        await accept(shelf, announced("The second.", id="a"))
    assert caught.value.code == "ingestion_in_progress"
    (same,) = await accept(shelf, announced("The first.", id="a"))
    assert (same.version, same.has_work) == (1, False)


async def test_announced_bytes_are_not_taken_for_bytes_that_are_here(shelf: Shelf):
    (first,) = await accept(shelf, announced("The first.", id="a"))
    assert await works(shelf, [first]) == []
    (sent,) = await accept(shelf, new_document("The first.", id="a"))
    assert (sent.uid, sent.version, sent.has_work) == (first.uid, 2, True)
    assert [work.number for work in await works(shelf, [sent])] == [2]


async def test_a_job_that_gives_up_leaves_an_announced_version_alone(shelf: Shelf):
    (document,) = await put(shelf, {"a": "The first."})
    await accept(shelf, announced("The second.", id="a"))
    async with shelf.database.transaction(shelf.tenant) as connection:
        await fail_unfinished(connection, [document.uid], "code", "Why.", 1 << 62)
        found = await get_document(connection, "a")
    assert (found.status, found.stage) == (DocumentStatus.PENDING, Stage.AWAITING_UPLOAD)


async def test_a_failed_document_is_tried_again_when_its_bytes_are_announced(shelf: Shelf):
    (document,) = await accept(shelf, new_document("The first.", id="a"))
    await fail(shelf, document.uid)
    (again,) = await accept(shelf, announced("The first.", id="a"))
    assert (again.version, again.has_work) == (1, True)
    assert [work.number for work in await works(shelf, [again])] == [1]
