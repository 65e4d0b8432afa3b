"""Ranked lists with less of the same in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import TypeVar

import numpy as np

from groundwell.domain.chunks import Floats

Item = TypeVar("Item")


def maximal_marginal_relevance(
    scores: Sequence[float], vectors: Floats, limit: int, relevance_share: float = 0.7
) -> list[int]:
    """Which items to take, as indices in the order of taking, `limit` at most.

    Each step takes the item with the largest relevance_share * score - (1 - relevance_share) *
    cosine to the nearest item taken before; equal values keep their order. `scores` should lie in
    [0, 1], as cosines do; `vectors` have shape (len(scores), dimension) and unit length.
    A `relevance_share` of 1 sorts by score; one of 0 looks at variety alone, from the best item on.
    Takes time linear in len(scores) * limit * dimension.

    Source: J. Carbonell and J. Goldstein (1998). The use of MMR, diversity-based reranking for
    reordering documents and producing summaries. SIGIR.
    """
    relevance = np.asarray(scores, dtype=np.float64)
    count = min(limit, len(relevance))
    if count <= 0:
        return []
    taken = [int(np.argmax(relevance))]
    nearest = np.full(len(relevance), -np.inf)
    is_free = np.ones(len(relevance), dtype=bool)
    while len(taken) < count:
        is_free[taken[-1]] = False
        nearest = np.maximum(nearest, vectors @ vectors[taken[-1]])
        marginal = relevance_share * relevance - (1 - relevance_share) * nearest
        taken.append(int(np.argmax(np.where(is_free, marginal, -np.inf))))
    return taken


def cap_per_document(
    ranking: Sequence[Item], documents: Sequence[Hashable], most: int
) -> list[Item]:
    """The ranking without what exceeds `most` items of one document, in the same order.

    `documents` names the document of each item.
    """
    seen: Counter[Hashable] = Counter()
    kept: list[Item] = []
    for item, document in zip(ranking, documents, strict=True):
        seen[document] += 1
        if seen[document] <= most:
            kept.append(item)
    return kept


def share_out(
    scores: Sequence[float],
    documents: Sequence[Hashable],
    places: int,
    most: int,
    equal_share: float,
) -> list[int]:
    """Who gets the first places, as indices in their order, where no document should have most.

    `scores` fall; `documents` names the document of each candidate. What a document has beyond
    `most` places gives way, the last first, to the best candidate of a document that has fewer,
    if that one has at least `equal_share` of its score.
    """
    shown = list(range(min(places, len(scores))))
    held: Counter[Hashable] = Counter()
    beyond: list[int] = []
    for place in shown:
        held[documents[place]] += 1
        if held[documents[place]] > most:
            beyond.append(place)
    for challenger in range(len(shown), len(scores)):
        if not beyond or scores[challenger] < equal_share * scores[beyond[-1]]:
            break
        if held[documents[challenger]] < most:
            loser = beyond.pop()
            shown[shown.index(loser)] = challenger
            held[documents[loser]] -= 1
            held[documents[challenger]] += 1
    return sorted(shown)
