"""The search index in Postgres: pgvector for the dense leg, exact BM25 for the keyword leg."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import nlargest
from itertools import accumulate
from operator import itemgetter
from typing import cast

import psycopg
from pgvector import HalfVector
from psycopg import sql

from groundwell.domain.bm25 import term_dimension
from groundwell.domain.errors import NotFoundError
from groundwell.domain.filters import Filter
from groundwell.domain.search import AnalysedQuery, IndexScope, LegScores, Scores, SearchType
from groundwell.domain.sharing import Asking
from groundwell.store.database import Database, Row
from groundwell.store.jsonpath import to_jsonpath
from groundwell.store.spaces import EmbeddingSpace

# The rarest terms of a query select candidates: at least 500, and more up to 2,500. On a collection
# of 8,600 chunks the best 100 are then those of a full BM25 to 99.8 %, in 80 % of the time.
_LEAST_CANDIDATES = 500
_MOST_CANDIDATES = 2500

_KINDS = ("dense", "keyword", "term", "unknown", "size", "profile")
_LEGS = sql.SQL(
    "SELECT * FROM {}(%s, %s, %s, %s::jsonpath, %s::halfvec, %s::text[], %s::int[], "
    "%s::real[], %s, %s)"
)
# Of a few passages the best hold the rarest terms, so that fewer candidates are enough.
_LEAST_CANDIDATES_OF_FEW = 100
_MOST_CANDIDATES_OF_FEW = 500
# The legs for several questions in several collections. `first` and `last` are the places of a
# question's terms.
_CORPUS = sql.SQL(
    "SELECT c.name, q.place, l.kind, l.key, l.value "
    "FROM (SELECT %s::text, %s::int, %s::jsonpath, %s::text[], %s::int[], %s::real[]) "
    "AS a (caller, depth, filter, terms, dimensions, counts), unnest(%s::text[]) AS c (name), "
    "unnest(%s::int[], %s::int[], %s::halfvec[]) WITH ORDINALITY "
    "AS q (first, last, vector, place), "
    "LATERAL {}(a.caller, c.name, a.depth, a.filter, q.vector, a.terms[q.first:q.last], "
    "a.dimensions[q.first:q.last], a.counts[q.first:q.last], %s, %s) AS l "
    "WHERE l.kind IN ('dense', 'keyword', 'profile')"
)


class PostgresSearchIndex:
    """Runs both legs in one round trip, each as one function of the database."""

    def __init__(self, database: Database, space: EmbeddingSpace) -> None:
        self._database = database
        legs = sql.Identifier(f"{space.table}_legs")
        self._legs = _LEGS.format(legs).as_string()
        self._corpus = _CORPUS.format(legs).as_string()

    async def search(
        self, scope: IndexScope, query: AnalysedQuery, search_type: SearchType, depth: int
    ) -> LegScores:
        """Run the legs of `search_type`."""
        vector = None
        if search_type != SearchType.KEYWORD and query.encoding is not None:
            vector = HalfVector(query.encoding.vector)
        weights = {} if search_type == SearchType.SEMANTIC else query.term_weights()
        try:
            rows = await self._database.fetch(
                self._legs,
                scope.asking,
                scope.collection,
                depth,
                None if scope.filter is None else to_jsonpath(scope.filter),
                vector,
                list(weights) or None,
                [term_dimension(term) for term in weights],
                list(weights.values()),
                _LEAST_CANDIDATES,
                _MOST_CANDIDATES,
            )
        except psycopg.errors.NoDataFound as error:
            raise _no_collection(scope) from error
        return _leg_scores(rows, depth)

    async def look(
        self,
        asking: Asking,
        collections: Sequence[str],
        queries: Sequence[AnalysedQuery],
        depth: int,
        condition: Filter | None = None,
    ) -> dict[str, list[LegScores]]:
        """Run the legs for each query in each collection, all in one round trip."""
        weights = [query.term_weights() for query in queries]
        ends = list(accumulate(map(len, weights)))
        terms = [term for each in weights for term in each]
        try:
            rows = await self._database.fetch(
                self._corpus,
                asking,
                depth,
                None if condition is None else to_jsonpath(condition),
                terms,
                [term_dimension(term) for term in terms],
                [count for each in weights for count in each.values()],
                list(collections),
                [end - len(each) + 1 for end, each in zip(ends, weights, strict=True)],
                ends,
                [_vector_text(query) for query in queries],
                _LEAST_CANDIDATES_OF_FEW,
                _MOST_CANDIDATES_OF_FEW,
            )
        except psycopg.errors.NoDataFound as error:
            raise NotFoundError("A collection is gone.", code="collection_not_found") from error
        told: dict[str, list[list[Row]]] = {name: [[] for _ in queries] for name in collections}
        for name, place, *row in rows:
            told[name][place - 1].append(tuple(row))
        return {name: [_leg_scores(each, depth) for each in legs] for name, legs in told.items()}


def _vector_text(query: AnalysedQuery) -> str | None:
    return None if query.encoding is None else HalfVector(query.encoding.vector).to_text()


def _no_collection(scope: IndexScope) -> NotFoundError:
    return NotFoundError(
        f"There is no collection '{scope.collection}'.", code="collection_not_found"
    )


def _leg_scores(rows: Sequence[Row], depth: int) -> LegScores:
    """What the database tells, row by row: the kind of the row, a key, a value."""
    found: dict[str, dict[str, float]] = {kind: {} for kind in _KINDS}
    for kind, key, value in rows:
        found[kind][key] = value
    return LegScores(
        dense=_best(cast("Scores", found["dense"]), depth),
        keyword=_best(cast("Scores", found["keyword"]), depth),
        term_rarity=found["term"] | found["unknown"],
        unknown_terms=frozenset(found["unknown"]),
        passage_count=int(found["size"].get("", 0)),
        profile=next(iter(found["profile"]), ""),
    )


def _best(scores: Scores, depth: int) -> Scores:
    """A leg that had to search twice returns more than was asked for."""
    if len(scores) <= depth:
        return scores
    return dict(nlargest(depth, scores.items(), key=itemgetter(1)))
