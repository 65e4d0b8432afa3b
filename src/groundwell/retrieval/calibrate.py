"""From a ranking and the legs' scores to one score per passage that means the same in all searches.

The ranking says which passage is better, the evidence how good each one is. Where the two disagree,
isotonic regression finds the scores nearest to the evidence that still follow the ranking.

Source: M. Ayer, H. D. Brunk, G. M. Ewing, W. T. Reid and E. Silverman (1955). An empirical
distribution function for sampling with incomplete information. Annals of Mathematical Statistics
26(4), 641-647.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

Key = TypeVar("Key")

# At this BM25 score a match of words alone counts as half certain.
_HALF_CERTAIN_BM25 = 10.0


def evidence(cosine: float, bm25: float) -> float:
    """How well one passage fits, in [0, 1]: its cosine, or its BM25 score squashed, if larger."""
    words = bm25 / (bm25 + _HALF_CERTAIN_BM25) if bm25 > 0 else 0.0
    return min(1.0, max(cosine, words))


def non_increasing(values: Sequence[float]) -> list[float]:
    """The sequence that never rises and is nearest to `values` by squared distance.

    Pools adjacent violators: neighbours that rise are replaced by their mean, until none do. Keeps
    length and mean, and takes time linear in the length.
    """
    totals: list[float] = []
    sizes: list[int] = []
    for value in values:
        total, size = value, 1
        while totals and totals[-1] * size < total * sizes[-1]:
            total += totals.pop()
            size += sizes.pop()
        totals.append(total)
        sizes.append(size)
    pools = zip(totals, sizes, strict=True)
    return [mean for total, size in pools for mean in [total / size] * size]


def passage_scores(
    ranking: Sequence[Key], cosines: Mapping[Key, float], bm25: Mapping[Key, float]
) -> dict[Key, float]:
    """A score in [0, 1] for each of `ranking` (best first) that never rises along it.

    A passage that a leg did not find has no evidence from it.
    """
    raw = [evidence(cosines.get(key, 0.0), bm25.get(key, 0.0)) for key in ranking]
    return dict(zip(ranking, non_increasing(raw), strict=True))
