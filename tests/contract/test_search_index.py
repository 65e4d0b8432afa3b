"""What every search index promises, shown on those that there are."""

from __future__ import annotations

import math
import random
from collections import Counter
from itertools import accumulate
from uuid import uuid4

import psycopg
import pytest
from tests.unit.store.setting import Shelf, asked, make_shelf, put

from groundwell.adapters.search_index.postgres import PostgresSearchIndex
from groundwell.domain.analysis import analyse
from groundwell.domain.bm25 import K1, B, term_dimension
from groundwell.domain.documents import TenantId
from groundwell.domain.errors import NotFoundError, UnavailableError
from groundwell.domain.filters import Filter, parse_filter
from groundwell.domain.search import AnalysedQuery, IndexScope, SearchType
from groundwell.store.database import Database, owner_options


def natural_texts(count: int, seed: int) -> dict[str, str]:
    """Texts whose words are as unevenly common as those of a language."""
    choose = random.Random(seed)
    words = [f"w{number}" for number in range(3000)]
    weights = list(accumulate(1 / (rank + 1) for rank in range(len(words))))
    return {
        str(number): " ".join(choose.choices(words, cum_weights=weights, k=choose.randint(5, 120)))
        for number in range(count)
    }


def exact_bm25(texts: dict[str, str], query: str) -> dict[str, float]:
    """BM25 as it is written down, over plain lists."""
    terms = {key: Counter(analyse(text)) for key, text in texts.items()}
    average = sum(counts.total() for counts in terms.values()) / len(terms)
    scores: dict[str, float] = {}
    for term, repetitions in Counter(analyse(query)).items():
        frequency = sum(term in counts for counts in terms.values())
        rarity = math.log(1 + (len(terms) - frequency + 0.5) / (frequency + 0.5))
        for key, counts in terms.items():
            if term in counts:
                norm = K1 * (1 - B + B * counts.total() / average)
                weight = counts[term] / (counts[term] + norm)
                scores[key] = scores.get(key, 0.0) + repetitions * rarity * weight
    return scores


@pytest.fixture
async def shelf(database: Database, database_url: str) -> Shelf:
    return await make_shelf(database, database_url)


async def keyword_scores(
    shelf: Shelf, query: str, depth: int = 100, condition: Filter | None = None
) -> dict[str, float]:
    """The keyword leg's scores by document."""
    index = PostgresSearchIndex(shelf.database, shelf.space)
    scope = IndexScope(shelf.tenant, shelf.name, condition)
    legs = await index.search(scope, asked(query), SearchType.KEYWORD, depth)
    assert not legs.dense
    async with shelf.database.transaction(shelf.tenant) as connection:
        cursor = await connection.execute(
            "SELECT c.id::text, d.id FROM chunks c JOIN documents d ON d.uid = c.document_uid"
        )
        owner = dict(await cursor.fetchall())
    return {owner[chunk]: score for chunk, score in legs.keyword.items()}


def assert_same_scores(found: dict[str, float], expected: dict[str, float], depth: int) -> None:
    best = sorted(expected.values(), reverse=True)[:depth]
    assert list(found.values()) == pytest.approx(best, abs=1e-4)
    assert found == pytest.approx({key: expected[key] for key in found}, abs=1e-4)


async def test_the_keyword_leg_equals_an_exact_bm25(shelf: Shelf):
    texts = natural_texts(400, seed=5)
    await put(shelf, texts)
    for query in ("w0 w1", "w2 w900 w901", "w5", "w7 w7 w7 w30 w2999", "w0 " * 3 + "w1500"):
        assert_same_scores(await keyword_scores(shelf, query), exact_bm25(texts, query), 100)
        assert_same_scores(await keyword_scores(shelf, query, 7), exact_bm25(texts, query), 7)


async def test_the_keyword_leg_stays_exact_after_replacements(shelf: Shelf):
    texts = natural_texts(60, seed=6)
    await put(shelf, texts)
    # Of the same lengths, so that the average which the weights are made with stays the true one.
    changed = {
        str(n): " ".join(reversed(texts[str(n)].replace("w1", "w2").split())) for n in range(9)
    }
    await put(shelf, changed)
    assert_same_scores(
        await keyword_scores(shelf, "w2 w20 w5"), exact_bm25(texts | changed, "w2 w20 w5"), 100
    )


async def test_words_of_two_collections_do_not_mix(shelf: Shelf):
    other = await make_shelf(shelf.database, shelf.url, shelf.tenant, "other")
    foreign = await make_shelf(shelf.database, shelf.url)
    texts, more = natural_texts(30, seed=1), natural_texts(50, seed=2)
    await put(shelf, texts)
    await put(other, more)
    await put(foreign, more)
    assert_same_scores(await keyword_scores(shelf, "w0 w3"), exact_bm25(texts, "w0 w3"), 100)
    assert_same_scores(await keyword_scores(other, "w0 w3"), exact_bm25(more, "w0 w3"), 100)


async def test_a_narrow_filter_finds_matches_of_common_words_among_many_rarer_ones(shelf: Shelf):
    texts = {str(n): "rare common" if n % 2 else "rare" for n in range(600)}
    texts |= {str(n): "common filler" for n in range(600, 2400)}
    await put(shelf, texts, {"2399": {"wanted": True}})
    only = parse_filter({"wanted": True})
    assert set(await keyword_scores(shelf, "rare common", 100, only)) == {"2399"}
    assert len(await keyword_scores(shelf, "rare common", 2300)) == 2300


async def test_the_keyword_leg_finds_nothing_for_unknown_words_and_for_none(shelf: Shelf):
    await put(shelf, {"a": "Only these words."})
    for query in ("zebra", "", "the of and", "!?"):
        assert await keyword_scores(shelf, query) == {}


@pytest.mark.parametrize(
    "text",
    ["it's o'clock", "a\\b c\\\\d", "x:y:z 1:2", "naïve Ünïcode 東京都", "C++ & | ! ( ) <->"],
)
async def test_words_with_signs_of_the_query_language_are_only_words(shelf: Shelf, text: str):
    await put(shelf, {"a": text, "b": "something else"})
    assert set(await keyword_scores(shelf, text)) == {"a"}


async def test_two_words_of_a_query_that_share_a_dimension_are_no_error(shelf: Shelf):
    first, second = terms_of_one_dimension()
    await put(shelf, {"a": first, "b": second, "c": "neither"})
    assert set(await keyword_scores(shelf, f"{first} {second}")) >= {"a"}


def terms_of_one_dimension() -> tuple[str, str]:
    """Two words whose hashes collide; there are so many words that a pair is found soon."""
    seen: dict[int, str] = {}
    for number in range(400_000):
        term = f"q{number}"
        other = seen.setdefault(term_dimension(term), term)
        if other != term:
            return other, term
    raise AssertionError("no pair among 400,000 words")


async def test_a_search_of_an_empty_collection_finds_nothing(shelf: Shelf):
    index = PostgresSearchIndex(shelf.database, shelf.space)
    legs = await index.search(shelf.scope, asked("word"), SearchType.HYBRID, 10)
    assert (legs.dense, legs.keyword) == ({}, {})


async def test_each_search_type_runs_its_legs_only(shelf: Shelf):
    await put(shelf, {"a": "some words"})
    index = PostgresSearchIndex(shelf.database, shelf.space)
    ran = {
        kind: (bool(legs.dense), bool(legs.keyword))
        for kind in SearchType
        for legs in [await index.search(shelf.scope, asked("words"), kind, 10)]
    }
    assert ran == {
        SearchType.SEMANTIC: (True, False),
        SearchType.KEYWORD: (False, True),
        SearchType.HYBRID: (True, True),
    }


async def test_a_query_without_a_vector_runs_the_keyword_leg_alone(shelf: Shelf):
    await put(shelf, {"a": "some words"})
    index = PostgresSearchIndex(shelf.database, shelf.space)
    query = AnalysedQuery("words", tuple(analyse("words")), None)
    legs = await index.search(shelf.scope, query, SearchType.HYBRID, 10)
    assert legs.dense == {}
    assert len(legs.keyword) == 1


@pytest.mark.parametrize(
    ("search_type", "taken"),
    [(SearchType.SEMANTIC, "search_keyword"), (SearchType.KEYWORD, "{space}_search")],
)
async def test_a_leg_that_is_not_asked_does_not_run(
    shelf: Shelf, search_type: SearchType, taken: str
):
    await put(shelf, {"a": "A bridge over a river."})
    name = taken.format(space=shelf.space.table)
    with psycopg.connect(shelf.url, options=owner_options(), autocommit=True) as owner:
        owner.execute(f"ALTER FUNCTION {name} RENAME TO taken_away")  # type: ignore[arg-type] - a name of ours
    index = PostgresSearchIndex(shelf.database, shelf.space)
    legs = await index.search(shelf.scope, asked("bridge"), search_type, 10)
    assert len(legs.dense) + len(legs.keyword) == 1
    with pytest.raises(psycopg.errors.UndefinedFunction):
        await index.search(shelf.scope, asked("bridge"), SearchType.HYBRID, 10)


async def test_an_unknown_collection_is_not_found(shelf: Shelf):
    index = PostgresSearchIndex(shelf.database, shelf.space)
    for scope in (IndexScope(shelf.tenant, "nothing"), IndexScope(TenantId(uuid4()), shelf.name)):
        with pytest.raises(NotFoundError):
            await index.search(scope, asked("word"), SearchType.HYBRID, 10)


async def test_a_closed_database_is_unavailable(shelf: Shelf, database_url: str):
    pool = Database(database_url, min_size=1, max_size=1)
    await pool.open()
    await pool.close()
    with pytest.raises(UnavailableError):
        await PostgresSearchIndex(pool, shelf.space).search(
            shelf.scope, asked("word"), SearchType.HYBRID, 10
        )


async def test_a_filter_holds_for_both_legs(shelf: Shelf):
    texts = {key: f"same words {key}" for key in "abc"}
    await put(shelf, texts, {"a": {"n": 1}, "b": {"n": 2}, "c": {"n": [2, 3]}})
    index = PostgresSearchIndex(shelf.database, shelf.space)
    scope = IndexScope(shelf.tenant, shelf.name, parse_filter({"n": 2}))
    legs = await index.search(scope, asked("words"), SearchType.HYBRID, 10)
    assert len(legs.dense) == 2
    assert legs.dense.keys() == legs.keyword.keys()


async def test_the_systems_own_fields_can_be_filtered(shelf: Shelf):
    await put(shelf, {"a": "words", "b": "words"})
    later = {"uploaded_at": {"$gt": "2020-01-01T00:00:00Z"}}
    for source in ({"document_id": "a"}, {"$and": [{"document_id": "a"}, later]}):
        assert set(await keyword_scores(shelf, "words", 9, parse_filter(source))) == {"a"}
    nothing = parse_filter({"filename": "other.txt"})
    assert await keyword_scores(shelf, "words", 9, nothing) == {}
