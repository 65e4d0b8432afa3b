"""Batches: which texts go through the model together, and how they stand in its input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Ids: TypeAlias = NDArray[np.int32]

BATCH_TOKENS = 512
"""Padded tokens of a batch: enough for full speed, few enough that a query waits briefly."""

_FINE_LENGTH = 32


@dataclass(frozen=True, slots=True)
class Layout:
    """The input of a pass: int32 arrays of shape (rows, length).

    `ids`: token ids. `places`: each token's place in its text. `segments`: 1 for the tokens of
    the second text of a pair, 0 for all others. `texts`: the number of the text in its row that
    a token belongs to, from 1, and 0 for padding. `spans`: where each text stands: its row,
    start and end, in the order given.
    """

    ids: Ids
    places: Ids
    segments: Ids
    texts: Ids
    spans: list[tuple[int, int, int]]

    @property
    def inputs(self) -> list[Ids]:
        """The arrays in the order of the graph's inputs."""
        return [self.ids, self.places, self.segments, self.texts]


def lay_out(rows: Sequence[Sequence[Ids]], pad_id: int) -> Layout:
    """Put the token ids of one or more texts into each row, all of the first segment."""
    length = _padded_length(max(sum(map(len, row)) for row in rows))
    shape = (len(rows), length)
    layout = Layout(
        np.full(shape, pad_id, np.int32),
        np.zeros(shape, np.int32),
        np.zeros(shape, np.int32),
        np.zeros(shape, np.int32),
        [],
    )
    for row, texts in enumerate(rows):
        end = 0
        for number, ids in enumerate(texts, start=1):
            start, end = end, end + len(ids)
            layout.ids[row, start:end] = ids
            layout.places[row, start:end] = np.arange(end - start)
            layout.texts[row, start:end] = number
            layout.spans.append((row, start, end))
    return layout


def cut_batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Indices of texts of about one length, in batches of at most BATCH_TOKENS padded tokens.

    The longest come first, so that the last batches, on which lanes wait, are short.
    """
    batch: list[int] = []
    longest = 0
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        if batch and (len(batch) + 1) * longest > BATCH_TOKENS:
            yield batch
            batch = []
        if not batch:
            longest = _padded_length(lengths[index])
        batch.append(index)
    if batch:
        yield batch


def _padded_length(length: int) -> int:
    # Few different shapes: the compiler prepares and remembers a plan for each.
    step = 4 if length <= _FINE_LENGTH else 8
    return -(-length // step) * step
