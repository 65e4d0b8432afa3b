"""Fusion of score lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeVar

Key = TypeVar("Key")
Fusion = Literal["min_max", "rrf"]


def min_max(scores: Mapping[Key, float]) -> dict[Key, float]:
    """Scores stretched to [0, 1]. Equal scores all become 1; no scores stay none."""
    if not scores:
        return {}
    low, high = min(scores.values()), max(scores.values())
    if high <= low:
        return dict.fromkeys(scores, 1.0)
    return {key: (score - low) / (high - low) for key, score in scores.items()}


def as_given(scores: Mapping[Key, float]) -> dict[Key, float]:
    """Scores that lie in [0, 1] already and mean something there."""
    return dict(scores)


def fuse(
    lists: Sequence[tuple[Mapping[Key, float], float]],
    normalise: Callable[[Mapping[Key, float]], dict[Key, float]] = min_max,
) -> dict[Key, float]:
    """The weighted sum of the lists, each normalised to [0, 1] first.

    What a list does not contain gets nothing from it; what one list alone contains gets that
    list's weighted part. An empty list contributes nothing. Weights count by their proportion:
    the sum is divided by the weights of the lists that are not empty, which changes no order, so
    that the best possible score is always 1. Without any weight there are no scores.
    """
    present = [(normalise(scores), weight) for scores, weight in lists if scores and weight > 0]
    total = sum(weight for _, weight in present)
    fused: dict[Key, float] = {}
    for scores, weight in present:
        for key, score in scores.items():
            fused[key] = fused.get(key, 0.0) + score * weight / total
    return fused


def reciprocal_rank_fusion(
    lists: Sequence[tuple[Mapping[Key, float], float]], k: int = 60
) -> dict[Key, float]:
    """The sum of weight / (k + rank) over the lists, ranks from 1; higher is better.

    Looks at ranks only, never at the distances between scores. Equal scores share the better rank.
    `k` softens how much the first ranks stand out.

    Source: G. V. Cormack, C. L. A. Clarke and S. Buettcher (2009). Reciprocal rank fusion
    outperforms Condorcet and individual rank learning methods. SIGIR.
    """
    fused: dict[Key, float] = {}
    for scores, weight in lists:
        if weight <= 0:
            continue
        ordered = sorted(scores.values(), reverse=True)
        ranks: dict[float, int] = {}
        for rank, score in enumerate(ordered, start=1):
            ranks.setdefault(score, rank)
        for key, score in scores.items():
            fused[key] = fused.get(key, 0.0) + weight / (k + ranks[score])
    return fused
