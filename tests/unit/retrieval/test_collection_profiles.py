"""Queries analysed for their collection, and analysed anew when the collection has changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from tests.unit.retrieval.setting import ListeningIndex, retriever
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

from groundwell.domain.search import (
    SearchRequest,
    SearchType,
)
from groundwell.retrieval.collection_profiles import MAX_ADDED_TERMS, QueryProfile
from groundwell.retrieval.retrieve import Retriever
from groundwell.retrieval.synonyms import bundled_pack, parse_pack
from groundwell.store.collection_profiles import StoredSynonyms, save_synonyms
from groundwell.store.database import Database

ENGLISH = {"bridge": "A bridge rests on piers.", "bread": "Bread rises with yeast."}


@dataclass(frozen=True)
class Process:
    """A process that searches."""

    shelf: Shelf
    index: ListeningIndex
    retriever: Retriever

    @classmethod
    def start(cls, shelf: Shelf) -> Process:
        index = ListeningIndex(shelf)
        return cls(shelf, index, retriever(shelf, index=index))

    async def find(self, query: str) -> set[str]:
        request = SearchRequest(self.shelf.tenant, self.shelf.name, query, SearchType.KEYWORD)
        return {result.document_id for result in (await self.retriever.search(request)).results}


@pytest.fixture
async def shelf(database: Database, database_url: str) -> Shelf:
    shelf = await make_shelf(database, database_url)
    await put(shelf, ENGLISH)
    return shelf


async def turn_on(shelf: Shelf, *packs: str, entries: Mapping[str, Any] | None = None) -> None:
    async with shelf.database.transaction(shelf.tenant) as connection:
        await save_synonyms(connection, shelf.collection, StoredSynonyms(packs, entries or {}))


async def test_english_without_synonyms_is_searched_once(shelf: Shelf):
    process = Process.start(shelf)
    assert await process.find("bridges") == {"bridge"}
    assert len(process.index.asked) == 1


async def test_a_change_is_searched_again_once_and_then_known(shelf: Shelf):
    processes = [Process.start(shelf), Process.start(shelf)]
    for process in processes:
        assert await process.find("viaduct") == set()
    await turn_on(shelf, entries={"viaduct": ["bridge"]})
    for process in processes:
        assert await process.find("viaduct") == {"bridge"}
        assert await process.find("viaduct") == {"bridge"}
        assert len(process.index.asked) == 4
    await turn_on(shelf)
    for process in processes:
        assert await process.find("viaduct") == set()
        assert await process.find("viaduct") == set()
        assert len(process.index.asked) == 7


async def test_a_language_is_searched_from_its_first_document_on(shelf: Shelf):
    process = Process.start(shelf)
    accepted = await accept(shelf, new_document("Ein Haus.", id="haus"))
    documents = [indexed(work) for work in await works(shelf, accepted)]
    await swap(shelf, [replace(document, language="de") for document in documents])
    assert await process.find("Häuser") == {"haus"}
    assert process.index.asked[-1].languages == ("de", "en")
    assert await process.find("bridges") == {"bridge"}
    assert len(process.index.asked) == 3


async def test_entries_that_are_no_longer_taken_do_not_stop_the_search(shelf: Shelf):
    await turn_on(shelf, "gone", entries={"the": ["of"]})
    process = Process.start(shelf)
    assert await process.find("bridges") == {"bridge"}
    assert await process.find("bridges") == {"bridge"}
    assert len(process.index.asked) == 3


async def test_words_of_the_user_count_more_than_added_ones(shelf: Shelf):
    await turn_on(shelf, entries={"viaduct": ["bridge"]})
    await put(shelf, {"own": "A viaduct rests on piers."})
    process = Process.start(shelf)
    request = SearchRequest(shelf.tenant, shelf.name, "viaduct", SearchType.KEYWORD)
    results = (await process.retriever.search(request)).results
    assert [result.document_id for result in results] == ["own", "bridge"]


def test_an_expansion_shares_its_weight_among_its_words():
    profile = QueryProfile("#x", packs=(bundled_pack("strength_training"),))
    query = profile.analyse("RDL form", None)
    assert query.terms == ("rdl", "form")
    assert query.added_terms == {"romanian": 0.4, "deadlift": 0.4}
    assert profile.analyse("Romanian deadlift", None).added_terms == {"rdl": 0.8}


def test_expansions_are_looked_for_in_every_language_of_the_collection():
    pack = parse_pack('{"Hocke": ["Kniebeugen"]}')
    query = QueryProfile("de,en#x", ("de", "en"), (pack,)).analyse("Hocke", None)
    assert query.added_terms.keys() >= {"kniebeug"}


def test_a_query_of_short_forms_only_is_not_widened_without_end():
    pack = parse_pack("{" + ",".join(f'"k{n}": ["a{n} b{n} c{n} d{n}"]' for n in range(500)) + "}")
    query = QueryProfile("#x", packs=(pack,)).analyse(" ".join(f"k{n}" for n in range(500)), None)
    assert len(query.added_terms) == MAX_ADDED_TERMS


@pytest.mark.parametrize("text", ["", "x", "🏋️", "the of", "x " * 5_000, "日本語 русский RDL"])
def test_any_text_can_be_analysed(text: str):
    packs = (bundled_pack("strength_training"),)
    query = QueryProfile("ar,de,en,ru#x", ("ar", "de", "en", "ru"), packs).analyse(text, None)
    assert query.text == text
