"""Searching again with what the first passages say: pseudo-relevance feedback."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from groundwell.domain.analysis import analyse
from groundwell.domain.chunks import ChunkId
from groundwell.domain.search import AnalysedQuery, IndexScope, LegScores
from groundwell.retrieval.feedback_terms import (
    DEFAULT_OPTIONS,
    FeedbackPassage,
    Statistics,
    rm3,
)
from groundwell.retrieval.rank import best
from groundwell.store.database import Database
from groundwell.store.passages import Passage, load_passages
from groundwell.store.vocabulary import StoredVocabulary

PASSAGES = 10
"""How many of the first passages are taken for relevant."""


async def add_feedback_terms(
    database: Database,
    scope: IndexScope,
    query: AnalysedQuery,
    legs: LegScores,
    fused: Mapping[ChunkId, float],
) -> AnalysedQuery:
    """The query with the telling terms of the best passages beside its own."""
    chosen = best(fused, PASSAGES)
    loaded = await load_passages(database, scope.asking, chosen)
    passages = await asyncio.to_thread(_read, chosen, loaded, fused)
    telling = [passage for passage in passages if passage.terms]
    seen = {term for passage in telling for term in passage.terms}
    frequencies = await StoredVocabulary(database, scope).frequencies(seen)
    statistics = Statistics(legs.passage_count, frequencies)
    mixed = rm3(query.terms, telling, statistics)
    # In the mixture the query's own terms share `query_share`; here each of them weighs 1.
    scale = len(query.terms) / DEFAULT_OPTIONS.query_share
    own = Counter(query.terms)
    added = {each.term: each.weight * scale - own[each.term] for each in mixed}
    told = {term: weight for term, weight in added.items() if weight > 0}
    return replace(query, added_terms={**told, **query.added_terms})


def _read(
    chosen: Sequence[ChunkId], loaded: Mapping[ChunkId, Passage], fused: Mapping[ChunkId, float]
) -> list[FeedbackPassage]:
    return [
        FeedbackPassage(Counter(analyse(loaded[chunk].text, loaded[chunk].language)), fused[chunk])
        for chunk in chosen
        if chunk in loaded
    ]
