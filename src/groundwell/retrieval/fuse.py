"""Fusion of score lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

Key = TypeVar("Key")


def min_max(scores: Mapping[Key, float]) -> dict[Key, float]:
    """Scores stretched to [0, 1]. Equal scores all become 1; no scores stay none."""
    if not scores:
        return {}
    low, high = min(scores.values()), max(scores.values())
    if high <= low:
        return dict.fromkeys(scores, 1.0)
    return {key: (score - low) / (high - low) for key, score in scores.items()}


def fuse(lists: Sequence[tuple[Mapping[Key, float], float]]) -> dict[Key, float]:
    """The weighted sum of the lists, each stretched to [0, 1] first.

    What a list does not contain gets nothing from it. The weights of lists that are empty go to
    the others, so that the best possible score is always 1.
    """
    present = [(min_max(scores), weight) for scores, weight in lists if scores and weight > 0]
    total = sum(weight for _, weight in present)
    fused: dict[Key, float] = {}
    for scores, weight in present:
        for key, score in scores.items():
            fused[key] = fused.get(key, 0.0) + score * weight / total
    return fused
