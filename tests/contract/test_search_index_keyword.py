"""What the keyword leg of every search index promises, however much a filter lets through."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
import pytest_asyncio
from tests.conftest import fresh_database
from tests.unit.store.setting import Shelf, asked, make_shelf, put

from groundwell.adapters.search_index.postgres import PostgresSearchIndex
from groundwell.domain.bm25 import idf, term_weights
from groundwell.domain.errors import NotFoundError
from groundwell.domain.filters import parse_filter
from groundwell.domain.search import SearchType
from groundwell.store.database import Database
from groundwell.store.embedded import EmbeddedPostgres

DOCUMENTS, WORDS, DEPTH = 3000, 12, 50
SHARE = 0.98


@dataclass(frozen=True)
class Library:
    """Documents of one passage each; `counts` holds their terms, by their numbers."""

    shelf: Shelf
    counts: list[Counter[str]]

    def exact(self, terms: tuple[str, ...], passing: int) -> list[float]:
        """The scores above 0 of the first `passing` documents, best first."""
        frequencies = Counter(term for counted in self.counts for term in counted)
        lengths = [counted.total() for counted in self.counts]
        average = sum(lengths) / len(lengths)
        rarities = {term: idf(len(lengths), frequencies[term]) for term in frequencies}
        scores = []
        for counted, length in zip(self.counts[:passing], lengths, strict=False):
            weights = term_weights(counted, length, average)
            scores.append(sum(weights.get(term, 0.0) * rarities.get(term, 0.0) for term in terms))
        return sorted((score for score in scores if score > 0), reverse=True)


@pytest_asyncio.fixture(scope="module")
async def library(postgres: EmbeddedPostgres) -> AsyncIterator[Library]:
    chance = np.random.default_rng(2)
    texts = {str(n): made_up(chance, WORDS) for n in range(DOCUMENTS)}
    with fresh_database(postgres) as url:
        pool = Database(url, min_size=1, max_size=2)
        await pool.open()
        shelf = await make_shelf(pool, url)
        await put(shelf, texts, {key: {"number": int(key)} for key in texts})
        yield Library(shelf, [Counter(asked(text).terms) for text in texts.values()])
        await pool.close()


def made_up(chance: np.random.Generator, words: int) -> str:
    """Words of which a few are very common and most are rare (Zipf)."""
    return " ".join(f"word{rank}" for rank in chance.zipf(1.25, words) % 5000)


@pytest.mark.parametrize("passing", [None, DOCUMENTS, 1500, 300, 30, 3, 0])
async def test_the_keyword_leg_finds_the_best_that_pass_the_filter(
    library: Library, passing: int | None
) -> None:
    index = PostgresSearchIndex(library.shelf.database, library.shelf.space)
    wanted = None if passing is None else parse_filter({"number": {"$lt": passing}})
    scope = replace(library.shelf.scope, filter=wanted)
    chance = np.random.default_rng(3)
    shares = []
    for _ in range(25):
        query = asked(" ".join(dict.fromkeys(made_up(chance, 4).split())))
        legs = await index.search(scope, query, SearchType.KEYWORD, DEPTH)
        best = library.exact(query.terms, DOCUMENTS if passing is None else passing)[:DEPTH]
        found = sorted(legs.keyword.values(), reverse=True)
        assert len(found) == len(best)
        if best:
            shares.append(np.mean([score >= best[-1] - 1e-4 for score in found]))
    assert np.mean(shares or [1.0]) >= SHARE
    assert bool(shares) == (passing != 0)


async def test_many_queries_at_once_find_what_each_finds_alone(library: Library) -> None:
    index = PostgresSearchIndex(library.shelf.database, library.shelf.space)
    scope, chance = library.shelf.scope, np.random.default_rng(5)
    texts = [" ".join(dict.fromkeys(made_up(chance, 4).split())) for _ in range(8)]
    texts = [*texts, "unheard", "", texts[0]]
    queries = [replace(asked(text), encoding=None) for text in texts[:-1]] + [asked(texts[-1])]
    (found,) = (await index.look(scope.asking, [scope.collection], queries, 3)).values()
    for text, few in zip(texts, found, strict=True):
        assert few.profile == ""
        legs = await index.search(scope, asked(text), SearchType.KEYWORD, DEPTH)
        best = sorted(legs.keyword.values(), reverse=True)[:3]
        assert sorted(few.keyword.values(), reverse=True) == best
        assert few.keyword.items() <= legs.keyword.items()
    assert [few.keyword for few in found[-3:-1]] == [{}, {}]
    assert found[-1].keyword == found[0].keyword != {}
    # By its vector only where the query has one.
    assert [len(few.dense) for few in found] == [0] * (len(texts) - 1) + [3]


async def test_queries_in_a_collection_that_is_not_there_are_refused(library: Library) -> None:
    index = PostgresSearchIndex(library.shelf.database, library.shelf.space)
    scope = library.shelf.scope
    with pytest.raises(NotFoundError):
        await index.look(scope.asking, [scope.collection, "nowhere"], [asked("word1")], 3)
