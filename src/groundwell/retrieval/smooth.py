"""Passages that resemble each other tend to answer the same questions: scores are smoothed.

A passage's score is drawn towards the scores of those candidates that lie nearest to it. One that
says the same in other words than the query's is lifted by its neighbours; one that matched by
chance, among passages on other subjects, sinks.

Source: F. Diaz (2007). Regularizing query-based retrieval scores. Information Retrieval 10(6),
531-562; the first step of its iteration, over the nearest neighbours only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from groundwell.domain.chunks import Floats

Key = TypeVar("Key")

_NEIGHBOURS = 10
_LEAST_WEIGHT = 1e-9


def smooth(
    scores: Mapping[Key, float], vectors: Mapping[Key, Floats], share: float
) -> dict[Key, float]:
    """Scores, each drawn towards the weighted mean of its nearest neighbours' scores.

    `vectors`: (d,) of length 1 for each key that has one; `share`: how much the neighbours count,
    in [0, 1]. A key without a vector, or that resembles no other, keeps its score. No score leaves
    the range of the given ones.
    """
    keys = [key for key in scores if key in vectors]
    if len(keys) < 2 or share <= 0:  # noqa: PLR2004 - a passage needs another one to resemble
        return dict(scores)
    weights = _neighbour_weights([vectors[key] for key in keys])
    own = np.array([scores[key] for key in keys])
    total = weights.sum(axis=1)
    around = np.where(total > _LEAST_WEIGHT, weights @ own / np.maximum(total, _LEAST_WEIGHT), own)
    drawn = (1 - share) * own + share * around
    return {**scores, **dict(zip(keys, drawn.tolist(), strict=True))}


def _neighbour_weights(vectors: Sequence[Floats]) -> Floats:
    """How much each passage counts for each other one, (n, n); 0 but for the nearest ones."""
    stacked = np.concatenate(vectors).reshape(len(vectors), -1)
    cosines = np.maximum(stacked @ stacked.T, 0)
    np.fill_diagonal(cosines, 0)
    near = min(_NEIGHBOURS, len(vectors) - 1)
    least = np.partition(cosines, -near, axis=1)[:, -near, None]
    # Neighbours count by the fourth power of their cosine: those that say nearly the same count by
    # far most.
    weights: Floats = np.square(np.square(np.where(cosines >= least, cosines, 0)))
    return weights
