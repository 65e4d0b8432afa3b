"""Vectors that lie as those of a real sentence encoder do, without running one.

A vector is a mean direction plus what the text shares with its topic, its part of the topic and
its document, plus something of its own. Each is drawn from a normal distribution whose variances
fall along the dimensions as a power law; the sum is scaled to length 1. The constants were fitted
by hand to all-MiniLM-L6-v2 on 7,059 passages of up to 200 tokens and 476 queries from NFCorpus,
MedQuAD, CACM and CISI together. Real beside drawn, for as many vectors (cosines; medians, and in
brackets the 5th and the 95th percentile):

| | real | drawn |
|---|---|---|
| two passages, mean and standard deviation | .085, .133 | .089, .118 |
| a passage and its nearest of another document | .668 (.484, .888) | .660 (.444, .864) |
| and its 10th nearest | .536 (.383, .735) | .577 (.384, .820) |
| and its 100th nearest | .403 (.274, .580) | .380 (.280, .581) |
| two passages of one document | .669 | .764 |
| a query and its nearest passage, 10th, 100th | .589, .451, .328 | .600, .466, .313 |
| dimensions that count (participation ratio) | 60 | 63 |
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

PASSAGES_OF_A_TOPIC = 150
PARTS_OF_A_TOPIC = 10
_MEAN = 0.085
"""The mean cosine of two passages, which is the squared length of the mean."""
_TOPIC, _PART, _DOCUMENT = 0.37, 0.17, 0.2
"""Shares of the variance around the mean; what is left is the passage's own."""
_VARIETY = 0.35
"""Some parts of a topic lie closely together, others loosely: the spread of that (logarithm)."""
_DECAY, _FLAT = 0.95, 4.0
_QUERY_MEAN, _QUERY_OWN = 0.6, 0.95


@dataclass(frozen=True, slots=True)
class DrawnSpace:
    """Draws vectors of shape (dimension,) around topics 0 to `topics` - 1. All from one seed."""

    topics: int
    dimension: int
    seed: int = 5

    def passage(self, topic: int, part: int, document: int, ordinal: int) -> Floats:
        """The vector of a document's passage, always the same."""
        own = 1 - _TOPIC - _PART - _DOCUMENT
        looseness = np.exp(_VARIETY * self._normal(6, topic, part)[0])
        deviation = self._shared(topic, part, document, looseness)
        deviation += looseness * np.sqrt(own) * self._normal(4, document, ordinal)
        return self._scaled(1.0, deviation)

    def query(self, topic: int, part: int, document: int, number: int) -> Floats:
        """The vector of a question about the document: less of everything that they share."""
        deviation = self._shared(topic, part, document, 1.0)
        deviation += _QUERY_OWN * self._normal(5, document, number)
        return self._scaled(_QUERY_MEAN, deviation)

    def _shared(self, topic: int, part: int, document: int, looseness: float) -> Floats:
        return np.asarray(
            np.sqrt(_TOPIC) * self._normal(1, topic)
            + np.sqrt(_PART) * self._normal(2, topic, part)
            + looseness * np.sqrt(_DOCUMENT) * self._normal(3, document)
        )

    def _scaled(self, share_of_mean: float, deviation: Floats) -> Floats:
        vector = share_of_mean * np.sqrt(_MEAN) * self._normal(0) / np.linalg.norm(self._normal(0))
        vector = vector + np.sqrt(1 - _MEAN) * deviation * self._spread()
        return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)

    def _spread(self) -> Floats:
        """Standard deviations of the dimensions; their squares add up to 1."""
        variances = (np.arange(self.dimension) + _FLAT) ** -_DECAY
        return np.asarray(np.sqrt(variances / variances.sum()), dtype=np.float32)

    def _normal(self, *names: int) -> Floats:
        chance = np.random.default_rng((self.seed, *names))
        return chance.standard_normal(self.dimension, dtype=np.float32)
