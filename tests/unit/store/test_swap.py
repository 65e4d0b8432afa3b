"""Swapping documents into the index, and out of it."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from psycopg import sql
from tests.unit.store.setting import (
    Shelf,
    accept,
    asked,
    fence_of,
    indexed,
    make_shelf,
    new_document,
    put,
    swap,
    works,
)

from groundwell.adapters.search_index.postgres import PostgresSearchIndex
from groundwell.domain.analysis import analyse
from groundwell.domain.bm25 import term_dimension, term_weights
from groundwell.domain.documents import DocumentStatus
from groundwell.domain.errors import ConflictError, NotFoundError
from groundwell.domain.search import SearchType
from groundwell.store import collections
from groundwell.store.chunks import delete_document, swap_chunks
from groundwell.store.database import Database
from groundwell.store.documents import get_document
from groundwell.store.ingestion import fail_unfinished
from groundwell.store.passages import load_pages, load_passages
from groundwell.store.reweigh import adopt_average_length, reweigh_step

TABLES = ("documents", "document_versions", "chunks", "chunk_terms")


@pytest.fixture
async def shelf(database: Database, database_url: str) -> Shelf:
    return await make_shelf(database, database_url)


async def sizes(shelf: Shelf) -> dict[str, int]:
    """How many rows each table has."""
    counts: dict[str, int] = {}
    async with shelf.database.transaction(shelf.tenant) as connection:
        for name in (*TABLES, shelf.space.table):
            cursor = await connection.execute(
                sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name))
            )
            ((counts[name],),) = await cursor.fetchall()
    return counts


async def found(shelf: Shelf, words: str, kind: SearchType = SearchType.KEYWORD) -> set[str]:
    """Texts of what a leg finds."""
    index = PostgresSearchIndex(shelf.database, shelf.space)
    legs = await index.search(shelf.scope, asked(words), kind, 100)
    passages = await load_passages(shelf.database, shelf.tenant, [*legs.keyword, *legs.dense])
    return {passage.text for passage in passages.values()}


async def assert_statistics_are_exact(shelf: Shelf) -> None:
    """The counters equal what the chunks that are there give."""
    async with shelf.database.transaction(shelf.tenant) as connection:
        cursor = await connection.execute(
            "SELECT c.id, d.title, c.text FROM chunks c JOIN documents d ON d.uid = c.document_uid"
            " WHERE d.collection_id = %s",
            (shelf.collection,),
        )
        chunks = [analyse(text) for _, _, text in await cursor.fetchall()]
        cursor = await connection.execute(
            "SELECT term, document_frequency FROM term_statistics"
            " WHERE collection_id = %s AND document_frequency <> 0",
            (shelf.collection,),
        )
        stored = dict(await cursor.fetchall())
        cursor = await connection.execute(
            "SELECT chunk_count, term_count FROM collections WHERE id = %s", (shelf.collection,)
        )
        counters = await cursor.fetchone()
    expected = Counter(term for chunk in chunks for term in set(chunk))
    assert stored == dict(expected)
    assert counters == (len(chunks), sum(map(len, chunks)))


async def test_an_old_version_is_searchable_until_the_new_one_is_swapped_in(shelf: Shelf):
    await put(shelf, {"a": "The old harbour.\nStill old."})
    accepted = await accept(shelf, new_document("The new harbour.", id="a"))
    assert await found(shelf, "harbour") == {"The old harbour."}
    await swap(shelf, [indexed(work) for work in await works(shelf, accepted)])
    for kind in (SearchType.KEYWORD, SearchType.SEMANTIC):
        assert await found(shelf, "harbour", kind) == {"The new harbour."}
    assert await sizes(shelf) == dict.fromkeys((*TABLES, shelf.space.table), 1)
    await assert_statistics_are_exact(shelf)


async def test_a_swap_that_is_rolled_back_changes_nothing(shelf: Shelf):
    await put(shelf, {"a": "The old harbour."})
    accepted = await accept(shelf, new_document("The new harbour.", id="a"))
    (work,) = await works(shelf, accepted)

    async def swap_and_fail() -> None:
        async with shelf.database.transaction(shelf.tenant) as connection:
            await swap_chunks(
                connection, shelf.tenant, shelf.space, shelf.collection, [indexed(work)]
            )
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await swap_and_fail()
    assert await found(shelf, "harbour") == {"The old harbour."}
    await assert_statistics_are_exact(shelf)


async def test_a_newer_version_that_was_accepted_meanwhile_stops_the_older_swap(shelf: Shelf):
    await put(shelf, {"a": "Version one."})
    second = await accept(shelf, new_document("Version two.", id="a"))
    (late,) = await works(shelf, second)
    await accept(shelf, new_document("Version three.", id="a"))
    assert await swap(shelf, [indexed(late)]) is False
    assert await found(shelf, "version") == {"Version one."}
    async with shelf.database.transaction(shelf.tenant) as connection:
        document = await get_document(connection, "a", None)
    assert document.status == DocumentStatus.PENDING


async def test_a_deletion_meanwhile_stops_the_swap(shelf: Shelf):
    accepted = await accept(shelf, new_document("Soon gone.", id="a"))
    (late,) = await works(shelf, accepted)
    await remove(shelf, "a")
    assert await swap(shelf, [indexed(late)]) is False
    assert set((await sizes(shelf)).values()) == {0}


async def test_a_deleted_collection_stops_the_swap(shelf: Shelf):
    accepted = await accept(shelf, new_document("Soon gone.", id="a"))
    (late,) = await works(shelf, accepted)
    async with shelf.database.transaction(shelf.tenant) as connection:
        await collections.delete_collection(connection, shelf.name)
    assert await swap(shelf, [indexed(late)]) is False


async def test_of_several_documents_only_the_wanted_ones_are_swapped_in(shelf: Shelf):
    accepted = await accept(
        shelf, new_document("Kept words.", id="a"), new_document("Stale words.", id="b")
    )
    late = [indexed(work) for work in await works(shelf, accepted)]
    await accept(shelf, new_document("Newer text.", id="b"))
    await swap(shelf, late)
    assert await found(shelf, "words") == {"Kept words."}


async def test_swapping_the_same_version_again_changes_nothing(shelf: Shelf):
    accepted = await accept(shelf, new_document("Some words.\nMore words.", id="a"))
    (work,) = await works(shelf, accepted)
    await swap(shelf, [indexed(work)])
    before = await sizes(shelf)
    await swap(shelf, [indexed(work)])
    assert await sizes(shelf) == before
    await assert_statistics_are_exact(shelf)


async def test_a_document_that_was_given_up_is_not_swapped_in_later(shelf: Shelf):
    accepted = await accept(shelf, new_document("Late but good.", id="a"))
    (work,) = await works(shelf, accepted)
    async with shelf.database.transaction(shelf.tenant) as connection:
        reason = "It took too long."
        await fail_unfinished(connection, [work.uid], "ingestion_failed", reason, fence_of(work))
    await swap(shelf, [indexed(work)])
    async with shelf.database.transaction(shelf.tenant) as connection:
        document = await get_document(connection, "a", None)
    assert (document.status, document.error_code, document.chunk_count) == (
        DocumentStatus.FAILED, "ingestion_failed", 0,
    )  # fmt: skip


async def test_deleting_a_document_removes_everything_it_had(shelf: Shelf):
    await put(shelf, {"a": "Gone words.\nMore gone words.", "b": "Kept words."})
    blobs = await remove(shelf, "a")
    assert blobs == []
    assert await sizes(shelf) == dict.fromkeys((*TABLES, shelf.space.table), 1)
    assert await found(shelf, "words gone") == {"Kept words."}
    await assert_statistics_are_exact(shelf)


async def test_deleting_a_document_names_the_blobs_of_all_its_versions(shelf: Shelf):
    (first,) = await accept(shelf, new_document("One.", id="a", blob_key="aa/one"))
    await accept(shelf, new_document("Two.", id="a", blob_key="aa/two"))
    async with shelf.database.transaction(shelf.tenant) as connection:
        blobs = await delete_document(connection, shelf.collection, first.uid)
    assert sorted(blobs) == ["aa/one", "aa/two"]


async def test_deleting_a_collection_removes_everything_in_it_and_nothing_else(shelf: Shelf):
    other = await make_shelf(shelf.database, shelf.url, shelf.tenant, "other")
    await put(shelf, {"a": "Gone words."})
    await put(other, {"a": "Kept words."})
    async with shelf.database.transaction(shelf.tenant) as connection:
        await collections.delete_collection(connection, shelf.name)
        cursor = await connection.execute("SELECT DISTINCT collection_id FROM term_statistics")
        assert await cursor.fetchall() == [(other.collection,)]
    assert await sizes(other) == dict.fromkeys((*TABLES, shelf.space.table), 1)
    assert await found(other, "words") == {"Kept words."}


async def test_statistics_stay_exact_through_replacements_and_deletions(shelf: Shelf):
    choose = random.Random(11)
    words = [f"word{number}" for number in range(40)] + ["it's", "a:b", "x\\y", "naïve", "C++"]
    for _ in range(12):
        texts = {
            str(choose.randrange(8)): "\n".join(
                " ".join(choose.choices(words, k=choose.randint(1, 12)))
                for _ in range(choose.randint(1, 4))
            )
            for _ in range(3)
        }
        await put(shelf, texts)
        if choose.random() < 0.4:
            await remove(shelf, choose.choice(list(texts)))
        await assert_statistics_are_exact(shelf)


async def test_reweighing_gives_what_direct_computation_with_the_new_average_gives(shelf: Shelf):
    await put(shelf, {"short": "sea wind\nsalt"})
    long = "\n".join("sea " * 7 + " ".join(f"w{line}x{n}" for n in range(30)) for line in range(6))
    accepted = await accept(shelf, new_document(long, id="long"))
    has_drifted = await swap(shelf, [indexed(work) for work in await works(shelf, accepted)])
    assert has_drifted
    async with shelf.database.transaction(shelf.tenant) as connection:
        average = await adopt_average_length(connection, shelf.collection)
        assert average is not None
        assert await reweigh_step(connection, shelf.collection, average) is False
        cursor = await connection.execute(
            "SELECT t.term_weights, t.average_length, c.text FROM chunk_terms t"
            " JOIN chunks c ON c.id = t.chunk_id",
            binary=True,
        )
        rows = await cursor.fetchall()
    lengths = [len(analyse(text)) for _, _, text in rows]
    assert average == pytest.approx(sum(lengths) / len(lengths), rel=1e-6)
    for weights, used, text in rows:
        terms = Counter(analyse(text))
        direct = {
            term_dimension(term): weight
            for term, weight in term_weights(terms, terms.total(), average).items()
        }
        assert used == average
        assert dict(zip(weights.indices(), weights.values(), strict=True)) == pytest.approx(
            direct, rel=1e-5
        )


async def test_small_changes_of_the_average_ask_for_no_reweighing(shelf: Shelf):
    texts = {str(n): f"one two{n} three four five" for n in range(50)}
    await put(shelf, texts)
    accepted = await accept(shelf, new_document("one two three four five six", id="new"))
    assert await swap(shelf, [indexed(work) for work in await works(shelf, accepted)]) is False


async def test_reweighing_a_collection_that_is_empty_or_gone_does_nothing(shelf: Shelf):
    async with shelf.database.transaction(shelf.tenant) as connection:
        assert await adopt_average_length(connection, shelf.collection) is None
        await collections.delete_collection(connection, shelf.name)
        assert await adopt_average_length(connection, shelf.collection) is None


async def test_passages_carry_their_documents_and_unknown_chunks_are_left_out(shelf: Shelf):
    await put(shelf, {"a": "Only words."}, {"a": {"year": 2020}})
    index = PostgresSearchIndex(shelf.database, shelf.space)
    legs = await index.search(shelf.scope, asked("words"), SearchType.KEYWORD, 10)
    (passage,) = (await load_passages(shelf.database, shelf.tenant, list(legs.keyword))).values()
    assert (passage.document_id, passage.version, passage.text) == ("a", 1, "Only words.")
    assert (passage.char_start, passage.char_end, passage.metadata) == (0, 11, {"year": 2020})
    assert await load_passages(shelf.database, shelf.tenant, []) == {}
    assert await load_pages(shelf.database, shelf.tenant, list(legs.keyword)) == {}
    assert await load_pages(shelf.database, shelf.tenant, []) == {}


async def test_a_collections_name_is_unique_and_a_missing_one_is_not_found(shelf: Shelf):
    async with shelf.database.transaction(shelf.tenant) as connection:
        made = await collections.insert_collection(
            connection, shelf.tenant, "notes", "My notes", "tokens"
        )
        assert (made.name, made.description, made.chunking) == ("notes", "My notes", "tokens")
        assert [c.name for c in await collections.list_collections(connection)] == [
            "default",
            "notes",
        ]
        with pytest.raises(ConflictError):
            await collections.insert_collection(connection, shelf.tenant, "notes", "", "tokens")
        with pytest.raises(NotFoundError):
            await collections.get_collection(connection, "nothing")


async def remove(shelf: Shelf, document_id: str) -> list[str]:
    async with shelf.database.transaction(shelf.tenant) as connection:
        document = await get_document(connection, document_id, shelf.name)
        return await delete_document(connection, shelf.collection, document.uid)
