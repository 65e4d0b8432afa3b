"""The languages and synonyms of a collection, as the store keeps them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from psycopg.types.json import Jsonb
from tests.unit.store.setting import (
    Shelf,
    accept,
    asked,
    indexed,
    make_shelf,
    new_document,
    swap,
    works,
)

from groundwell.adapters.search_index.postgres import PostgresSearchIndex
from groundwell.domain.errors import NotFoundError
from groundwell.domain.search import SearchType
from groundwell.store.chunks import delete_document
from groundwell.store.collection_profiles import (
    StoredSynonyms,
    has_synonyms,
    languages_of,
    load_synonyms,
    save_synonyms,
)
from groundwell.store.database import Database
from groundwell.store.documents import get_document


@pytest.fixture
async def shelf(database: Database, database_url: str) -> Shelf:
    return await make_shelf(database, database_url)


async def put_in(shelf: Shelf, language: str, key: str) -> None:
    accepted = await accept(shelf, new_document(f"Words of {key} {language}.", id=key))
    await swap(
        shelf, [replace(indexed(w), language=language) for w in await works(shelf, accepted)]
    )


async def remove(shelf: Shelf, key: str) -> None:
    async with shelf.database.transaction(shelf.tenant) as connection:
        document = await get_document(connection, key, None)
        await delete_document(connection, shelf.collection, document.uid)


async def profile(shelf: Shelf) -> str:
    """What a search tells."""
    index = PostgresSearchIndex(shelf.database, shelf.space)
    return (await index.search(shelf.scope, asked("words"), SearchType.HYBRID, 10)).profile


async def save(shelf: Shelf, synonyms: StoredSynonyms) -> None:
    async with shelf.database.transaction(shelf.tenant) as connection:
        await save_synonyms(connection, shelf.collection, synonyms)


async def test_english_without_synonyms_has_no_profile(shelf: Shelf):
    assert await profile(shelf) == ""
    await put_in(shelf, "en", "a")
    assert await profile(shelf) == ""


async def test_languages_come_and_go_with_their_documents(shelf: Shelf):
    for language, key in [("en", "a"), ("de", "b"), ("de", "c")]:
        await put_in(shelf, language, key)
    assert languages_of(await profile(shelf)) == ("de", "en")
    await remove(shelf, "b")
    assert languages_of(await profile(shelf)) == ("de", "en")
    await remove(shelf, "a")
    assert languages_of(await profile(shelf)) == ("de",)
    await remove(shelf, "c")
    assert await profile(shelf) == ""


async def test_a_language_that_is_hardly_there_does_not_count(shelf: Shelf):
    await put_in(shelf, "fr", "a")
    async with shelf.database.transaction(shelf.tenant) as connection:
        for english, languages in [(99, ("en", "fr")), (100, ("en",))]:
            await connection.execute(
                "UPDATE collections SET language_counts = %s", (Jsonb({"en": english, "fr": 1}),)
            )
            cursor = await connection.execute("SELECT profile FROM collections")
            row = await cursor.fetchone()
            assert row is not None
            assert languages_of(row[0]) == languages


async def test_a_new_version_may_change_the_language(shelf: Shelf):
    await put_in(shelf, "de", "a")
    await put_in(shelf, "fr", "b")
    accepted = await accept(shelf, new_document("Now something else.", id="a"))
    assert languages_of(await profile(shelf)) == ("de", "fr")
    await swap(shelf, [indexed(work) for work in await works(shelf, accepted)])
    assert languages_of(await profile(shelf)) == ("en", "fr")
    async with shelf.database.transaction(shelf.tenant) as connection:
        assert (await get_document(connection, "a", None)).language == "en"


async def test_synonyms_change_the_profile_and_are_read_back(shelf: Shelf):
    entries = {"OHP": ["overhead press"]}
    await save(shelf, StoredSynonyms(("strength_training",), entries))
    first = await profile(shelf)
    assert has_synonyms(first)
    assert languages_of(first) == ("en",)
    loaded = await load_synonyms(shelf.database, shelf.tenant, shelf.name)
    assert loaded == (first, StoredSynonyms(("strength_training",), entries))
    await save(shelf, StoredSynonyms((), entries))
    assert await profile(shelf) not in ("", first)
    await save(shelf, StoredSynonyms())
    assert await profile(shelf) == ""


async def test_profiles_are_a_tenants_own(shelf: Shelf):
    await put_in(shelf, "de", "a")
    other = await make_shelf(shelf.database, shelf.url)
    assert await profile(other) == ""
    with pytest.raises(NotFoundError):
        await load_synonyms(shelf.database, other.tenant, "elsewhere")
