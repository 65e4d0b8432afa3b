"""What each user of a tenant sees of its documents, as the database itself decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
import pytest_asyncio
from tests.seeds import IS_LONG
from tests.unit.store.setting import (
    Shelf,
    asked,
    indexed,
    make_shelf,
    new_document,
    swap,
    works,
)

from groundwell.adapters.blob_store.obstore import ObstoreBlobStore
from groundwell.adapters.search_index.postgres import PostgresSearchIndex
from groundwell.domain.chunks import ChunkId
from groundwell.domain.documents import Visibility
from groundwell.domain.errors import ConflictError, InvalidInputError
from groundwell.domain.filters import parse_filter
from groundwell.domain.identity import Role, Tier
from groundwell.domain.search import LegScores, SearchType
from groundwell.domain.sharing import Asking, Sharing, Viewer
from groundwell.store.access_lists import ensure_access, set_access
from groundwell.store.chunk_vectors import ChunkVectors
from groundwell.store.chunks import delete_document, lock_collection
from groundwell.store.collection_versions import load_version
from groundwell.store.collections import get_collection
from groundwell.store.database import Database
from groundwell.store.documents import get_document, list_documents
from groundwell.store.intake import Accepted, accept_documents
from groundwell.store.neighbours import load_windows
from groundwell.store.passages import load_passages
from groundwell.store.recovery.mend import mend
from groundwell.store.recovery.survey import survey
from groundwell.store.terms import load_terms
from groundwell.store.traits import load_traits
from groundwell.store.users import insert_user
from groundwell.store.vocabulary import StoredVocabulary

PRIVATE = Sharing(Visibility.PRIVATE)
OF_DOCUMENTS = ("document_versions", "chunks", "chunk_terms")


@pytest_asyncio.fixture
async def shelf(database: Database, database_url: str) -> Shelf:
    return await make_shelf(database, database_url)


async def make_viewer(shelf: Shelf, role: Role = Role.MEMBER) -> Viewer:
    async with shelf.database.transaction(shelf.tenant) as connection:
        user = await insert_user(connection, shelf.tenant, "Ann", role, Tier.FREE, None)
    return Viewer(shelf.tenant, user.id, role, role in (Role.OWNER, Role.ADMIN))


async def hand_in(
    shelf: Shelf, owner: Viewer, sharing: Sharing | None, texts: Mapping[str, str]
) -> list[Accepted]:
    """Documents of a user, made searchable by a worker."""
    documents = [
        new_document(text, id=key, sharing=sharing, metadata={"kind": key[0]})
        for key, text in texts.items()
    ]
    async with shelf.database.transaction(owner) as connection:
        accepted = await accept_documents(
            connection, shelf.tenant, shelf.collection, documents, owner.user
        )
    at_work = replace(shelf, database=shelf.database.unrestricted)
    await swap(at_work, [indexed(work) for work in await works(at_work, accepted)])
    return accepted


async def find(
    shelf: Shelf, viewer: Viewer | None, words: str, kind: SearchType = SearchType.HYBRID
) -> LegScores:
    index = PostgresSearchIndex(shelf.database, shelf.space)
    return await index.search(replace(shelf.scope, viewer=viewer), asked(words), kind, 100)


async def found(shelf: Shelf, viewer: Viewer | None, words: str, kind: SearchType) -> set[str]:
    """The ids of the documents that a leg finds, read with all rights."""
    legs = await find(shelf, viewer, words, kind)
    everything = shelf.database.unrestricted
    passages = await load_passages(everything, shelf.tenant, [*legs.dense, *legs.keyword])
    return {passage.document_id for passage in passages.values()}


async def count_rows(shelf: Shelf, asking: Asking, table: str) -> int:
    async with shelf.database.transaction(asking) as connection:
        cursor = await connection.execute(f"SELECT count(*) FROM {table}")  # type: ignore[arg-type] - names of ours
        row = await cursor.fetchone()
    assert row is not None
    count: int = row[0]
    return count


async def change(shelf: Shelf, owner: Viewer, document_id: str, sharing: Sharing) -> None:
    async with shelf.database.transaction(owner) as connection:
        document = await get_document(connection, document_id, shelf.name)
        await lock_collection(connection, shelf.collection)
        access = await ensure_access(connection, shelf.tenant, owner.user, sharing)
        await set_access(connection, document.uid, owner.user, access)


async def test_rows_of_a_private_document_are_its_owner_s_in_every_table(shelf: Shelf):
    ann, bob = await make_viewer(shelf), await make_viewer(shelf)
    boss = await make_viewer(shelf, Role.ADMIN)
    await hand_in(shelf, ann, PRIVATE, {"a": "The marzipan plan.\nIts second part."})
    for table in (*OF_DOCUMENTS, shelf.space.table, "restricted_terms"):
        assert await count_rows(shelf, ann, table) > 0, table
        for other in (bob, boss, shelf.tenant):
            assert await count_rows(shelf, other, table) == 0, (table, other)
    # Who manages documents sees that it is there.
    rows = [await count_rows(shelf, who, "documents") for who in (ann, bob, boss, shelf.tenant)]
    assert rows == [1, 0, 1, 0]
    assert await count_rows(shelf, bob, "term_statistics") == 0


async def test_a_shared_document_is_seen_by_those_it_is_shared_with(shelf: Shelf):
    ann, bob = await make_viewer(shelf), await make_viewer(shelf)
    reader, boss = await make_viewer(shelf, Role.READER), await make_viewer(shelf, Role.OWNER)
    to_readers = Sharing(Visibility.SHARED, roles=frozenset({Role.READER}))
    to_bob = Sharing(Visibility.SHARED, users=frozenset({bob.user}))
    await hand_in(shelf, ann, to_readers, {"a": "A bridge for readers."})
    await hand_in(shelf, ann, to_bob, {"b": "A bridge for Bob."})
    await hand_in(shelf, ann, None, {"c": "A bridge for all."})
    seen = {"ann": ann, "bob": bob, "reader": reader, "boss": boss, "nobody": None}
    for kind in (SearchType.KEYWORD, SearchType.SEMANTIC):
        assert {
            name: "".join(sorted(await found(shelf, viewer, "bridge", kind)))
            for name, viewer in seen.items()
        } == {"ann": "abc", "bob": "bc", "reader": "ac", "boss": "c", "nobody": "c"}


async def test_functions_that_read_give_nothing_of_hidden_chunks(shelf: Shelf):
    ann, bob = await make_viewer(shelf), await make_viewer(shelf)
    await hand_in(shelf, ann, PRIVATE, {"a": "The marzipan plan."})
    await hand_in(shelf, ann, None, {"b": "An open plan."})
    async with shelf.database.unrestricted.transaction(shelf.tenant) as connection:
        cursor = await connection.execute("SELECT id FROM chunks")
        chunks = [ChunkId(str(row[0])) for row in await cursor.fetchall()]
    for viewer, count in ((ann, 2), (bob, 1)):
        read = shelf.database
        assert len(await load_passages(read, viewer, chunks)) == count
        assert len(await load_windows(read, viewer, chunks, 1)) == count
        assert len(await load_traits(read, viewer, chunks)) == count
        assert len(await ChunkVectors(read, shelf.space).read(viewer, chunks)) == count
        evidence = await load_terms(read, viewer, chunks, ["plan"])
        assert len(evidence.chunks) == count
        assert evidence.document_count == evidence.document_frequencies["plan"] == count


async def test_words_of_hidden_documents_weigh_nothing_and_are_unknown(shelf: Shelf):
    ann, bob = await make_viewer(shelf), await make_viewer(shelf)
    await hand_in(shelf, ann, None, {"a": "A bridge of steel.", "b": "Bread and yeast."})
    before = await find(shelf, bob, "bridge marzipan", SearchType.KEYWORD)
    await hand_in(shelf, ann, PRIVATE, {"c": "The marzipan bridge.", "d": "Bridge, bridge."})
    after = await find(shelf, bob, "bridge marzipan", SearchType.KEYWORD)
    assert (after.term_rarity, after.unknown_terms, after.passage_count) == (
        before.term_rarity,
        before.unknown_terms,
        before.passage_count,
    )
    assert "marzipan" in after.unknown_terms
    own = await find(shelf, ann, "bridge marzipan", SearchType.KEYWORD)
    assert own.unknown_terms == frozenset()
    assert own.passage_count == 4
    for viewer, known in ((ann, {"bridg": 3, "marzipan": 1}), (bob, {"bridg": 1})):
        vocabulary = StoredVocabulary(shelf.database, replace(shelf.scope, viewer=viewer))
        assert await vocabulary.frequencies(["bridg", "marzipan"]) == known
    async with shelf.database.transaction(bob) as connection:
        listed = await get_collection(connection, shelf.name)
    assert (listed.document_count, listed.chunk_count) == (2, 2)
    assert listed.languages == {"en": 2}


async def test_another_list_takes_rows_and_statistics_along(shelf: Shelf, tmp_path: Path):
    ann, bob = await make_viewer(shelf), await make_viewer(shelf)
    await hand_in(shelf, ann, None, {"a": "The marzipan plan.", "b": "An open plan."})
    blobs = ObstoreBlobStore.in_folder(tmp_path)
    for sharing, seen in (
        (PRIVATE, {"b"}),
        (Sharing(Visibility.SHARED, users=frozenset({bob.user})), {"a", "b"}),
        (PRIVATE, {"b"}),
        (Sharing(), {"a", "b"}),
    ):
        await change(shelf, ann, "a", sharing)
        for kind in (SearchType.KEYWORD, SearchType.SEMANTIC):
            assert await found(shelf, bob, "plan", kind) == seen
            assert await found(shelf, ann, "plan", kind) == {"a", "b"}
        assert (await survey(shelf.database, blobs)).miscounted == ()
    assert await count_rows(shelf, ann, "restricted_terms") == 0


async def test_a_new_version_stays_with_those_who_see_the_document(shelf: Shelf, tmp_path: Path):
    ann, bob = await make_viewer(shelf), await make_viewer(shelf)
    await hand_in(shelf, ann, PRIVATE, {"a": "The marzipan plan."})
    (again,) = await hand_in(shelf, ann, None, {"a": "The nougat plan."})
    assert again.version == 2
    assert await found(shelf, bob, "plan", SearchType.HYBRID) == set()
    assert await found(shelf, ann, "nougat", SearchType.KEYWORD) == {"a"}
    legs = await find(shelf, ann, "marzipan", SearchType.KEYWORD)
    assert "marzipan" in legs.unknown_terms
    assert (await survey(shelf.database, ObstoreBlobStore.in_folder(tmp_path))).miscounted == ()


async def test_statistics_of_access_lists_are_mended(shelf: Shelf, tmp_path: Path):
    ann = await make_viewer(shelf)
    blobs = ObstoreBlobStore.in_folder(tmp_path)
    await hand_in(shelf, ann, PRIVATE, {"a": "The marzipan plan."})
    async with shelf.database.transaction(ann) as connection:
        await connection.execute("UPDATE restricted_terms SET document_frequency = 7")
    found_wrong = await survey(shelf.database, blobs)
    assert [collection.name for collection in found_wrong.miscounted] == [shelf.name]

    async def queue(*_: object) -> None:
        raise AssertionError

    await mend(shelf.database, blobs, queue, found_wrong)
    assert (await survey(shelf.database, blobs)).miscounted == ()
    assert await found(shelf, ann, "marzipan", SearchType.KEYWORD) == {"a"}


async def test_a_deleted_document_leaves_no_word_in_the_statistics(shelf: Shelf):
    ann = await make_viewer(shelf)
    await hand_in(shelf, ann, PRIVATE, {"a": "The marzipan plan."})
    await hand_in(shelf, ann, None, {"b": "The nougat plan.", "c": "The open plan."})
    for document_id in ("a", "b"):
        async with shelf.database.unrestricted.transaction(shelf.tenant) as connection:
            document = await get_document(connection, document_id, shelf.name)
            await delete_document(connection, shelf.collection, document.uid)
    async with shelf.database.unrestricted.transaction(shelf.tenant) as connection:
        cursor = await connection.execute(
            "SELECT term FROM term_statistics UNION ALL SELECT term FROM restricted_terms"
        )
        assert {term for (term,) in await cursor.fetchall()} == {"open", "plan"}


async def test_an_upload_neither_finds_nor_changes_what_another_keeps(shelf: Shelf):
    ann, bob, eve = [await make_viewer(shelf) for _ in range(3)]
    boss = await make_viewer(shelf, Role.ADMIN)
    (kept,) = await hand_in(shelf, ann, PRIVATE, {"lease": "The marzipan plan."})
    made = {kept.uid}
    for viewer, sharing in ((bob, None), (boss, PRIVATE), (eve, PRIVATE)):
        (accepted,) = await hand_in(shelf, viewer, sharing, {"lease": "The marzipan plan."})
        assert (accepted.version, accepted.has_work) == (1, True)
        made.add(accepted.uid)
    assert len(made) == 4
    # Each finds his own under the id, and who has none what the whole tenant sees.
    for viewer, visibility in (
        (ann, Visibility.PRIVATE),
        (eve, Visibility.PRIVATE),
        (bob, Visibility.TENANT),
        (await make_viewer(shelf), Visibility.TENANT),
    ):
        async with shelf.database.transaction(viewer) as connection:
            document = await get_document(connection, "lease", None)
        assert document.access.visibility is visibility
        if visibility is Visibility.PRIVATE:
            assert document.access.owner == viewer.user


async def test_an_upload_that_is_kept_private_closes_one_s_own_document_only(shelf: Shelf):
    ann, bob = await make_viewer(shelf), await make_viewer(shelf)
    await hand_in(shelf, ann, None, {"lease": "The open plan."})
    await hand_in(shelf, bob, PRIVATE, {"lease": "The open plan."})
    assert await found(shelf, bob, "plan", SearchType.KEYWORD) == {"lease"}
    assert await count_rows(shelf, bob, "documents") == 2
    await hand_in(shelf, ann, PRIVATE, {"lease": "The open plan."})
    assert [await count_rows(shelf, viewer, "documents") for viewer in (ann, bob)] == [1, 1]


async def test_the_same_bytes_without_an_id_are_another_document_for_others(shelf: Shelf):
    ann, bob = await make_viewer(shelf), await make_viewer(shelf)

    async def accept(owner: Viewer, sharing: Sharing | None) -> Accepted:
        document = new_document("The marzipan plan.", sharing=sharing)
        async with shelf.database.transaction(owner) as connection:
            (accepted,) = await accept_documents(
                connection, shelf.tenant, shelf.collection, [document], owner.user
            )
        return accepted

    kept = await accept(ann, PRIVATE)
    assert not (await accept(ann, None)).has_work
    other = await accept(bob, None)
    assert other.has_work
    assert other.id != kept.id
    # From now on the tenant has it; Ann's own still comes first for her.
    assert (await accept(bob, None)).id == other.id
    assert (await accept(ann, PRIVATE)).id == kept.id


async def test_what_would_be_named_alike_is_a_conflict(shelf: Shelf):
    ann, bob = await make_viewer(shelf), await make_viewer(shelf)
    await hand_in(shelf, ann, PRIVATE, {"lease": "The marzipan plan."})
    await hand_in(shelf, bob, None, {"lease": "The open plan."})
    with pytest.raises(ConflictError) as caught:
        await change(shelf, ann, "lease", Sharing())
    assert caught.value.code == "document_exists"


async def test_a_document_cannot_be_shared_with_strangers(shelf: Shelf):
    ann = await make_viewer(shelf)
    stranger = Sharing(Visibility.SHARED, users=frozenset({UUID(int=1)}))
    with pytest.raises(InvalidInputError) as caught:
        await hand_in(shelf, ann, stranger, {"a": "x"})
    assert caught.value.code == "unknown_user"


async def test_remembered_results_are_kept_apart_by_what_their_users_see(shelf: Shelf):
    ann, bob = await make_viewer(shelf), await make_viewer(shelf)
    await hand_in(shelf, ann, None, {"a": "An open plan."})

    async def version(viewer: Viewer) -> object:
        return await load_version(shelf.database, viewer, shelf.name)

    assert await version(ann) == await version(bob)
    await change(shelf, ann, "a", PRIVATE)
    assert await version(ann) != await version(bob)
    closed = await version(bob)
    await change(shelf, ann, "a", Sharing())
    assert closed != await version(bob) == await version(ann)


async def test_lists_of_documents_hold_what_may_be_seen(shelf: Shelf):
    ann, bob = await make_viewer(shelf), await make_viewer(shelf)
    boss = await make_viewer(shelf, Role.ADMIN)
    await hand_in(shelf, ann, PRIVATE, {"a": "x"})
    await hand_in(shelf, bob, None, {"b": "y"})
    for viewer, ids in ((ann, "ab"), (bob, "b"), (boss, "ab"), (shelf.tenant, "b")):
        async with shelf.database.transaction(viewer) as connection:
            listed = await list_documents(connection, None, None, None, 9)
        assert "".join(sorted(document.id for document in listed)) == ids
    assert [d.access.is_readable for d in listed] == [True]


@pytest.mark.parametrize("share", [0.01 if IS_LONG else 0.02, 0.5, 0.98])
async def test_a_leg_is_full_and_exact_whatever_share_of_the_documents_is_seen(
    shelf: Shelf, share: float
):
    ann, bob = await make_viewer(shelf), await make_viewer(shelf)
    total, chance = 5000 if IS_LONG else 600, np.random.default_rng(7)
    words = [f"w{number}" for number in range(40)]
    texts = {
        f"{number % 3}{number}": " ".join(chance.choice(words, size=8)) for number in range(total)
    }
    open_ones = set(list(texts)[: round(share * total)])
    await hand_in(shelf, ann, None, {key: texts[key] for key in texts if key in open_ones})
    await hand_in(shelf, ann, PRIVATE, {k: texts[k] for k in texts if k not in open_ones})
    for query in ("w1 w2 w3", "w7 w8", "w39"):
        legs = await find(shelf, bob, query)
        async with shelf.database.unrestricted.transaction(shelf.tenant) as connection:
            cursor = await connection.execute(
                f"SELECT c.id::text, -(v.embedding <#> %s::halfvec), d.id, c.text FROM chunks c"  # type: ignore[arg-type] - a name of ours
                f" JOIN {shelf.space.table} v ON v.chunk_id = c.id"
                " JOIN documents d ON d.uid = c.document_uid WHERE d.access_id = 0",
                (str(asked(query).encoding.vector.tolist()),),  # type: ignore[union-attr] - it has one
            )
            rows = await cursor.fetchall()
        best = sorted((score for _, score, *_ in rows), reverse=True)[:10]
        assert len(legs.dense) == min(100, len(rows))
        assert sorted(legs.dense.values(), reverse=True)[:10] == pytest.approx(best, abs=1e-5)
        matching = {key for key, _, _, text in rows if set(query.split()) & set(text.split())}
        assert len(legs.keyword) == min(100, len(matching))
        assert set(legs.keyword) <= matching
    chosen = replace(shelf.scope, viewer=bob, filter=parse_filter({"kind": "1"}))
    index = PostgresSearchIndex(shelf.database, shelf.space)
    legs = await index.search(chosen, asked("w1 w2 w3"), SearchType.HYBRID, 100)
    ids = {key: document for key, _, document, _ in rows}
    assert {ids[key][0] for key in (*legs.dense, *legs.keyword)} == {"1"}
