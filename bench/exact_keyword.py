"""The exact BM25 of all chunks of a collection, computed in memory from their texts."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from groundwell.domain.analysis import analyse
from groundwell.domain.bm25 import K1, B, idf
from groundwell.domain.chunks import Chunk, text_in_context

# Scores in the database are made of numbers of 24 bits.
_ROUNDING = 1e-5
_CHUNKS = """
    SELECT c.id::text, d.title, c.ordinal, c.text, c.heading_path
    FROM chunks c JOIN documents d ON d.uid = c.document_uid
    JOIN collections k ON k.id = d.collection_id WHERE k.name = %s
"""


class ExactChunks:
    """All chunks of a collection with their terms. `ids`: chunk ids in the order of scores."""

    def __init__(self, rows: Iterable[tuple[str, str]]) -> None:
        self.ids: list[str] = []
        places: dict[str, int] = {}
        terms, owners, counts, lengths = array("i"), array("i"), array("i"), array("i")
        for number, (identity, text) in enumerate(rows):
            self.ids.append(identity)
            counted = Counter(analyse(text))
            lengths.append(counted.total())
            for term, count in counted.items():
                terms.append(places.setdefault(term, len(places)))
                owners.append(number)
                counts.append(count)
        order = np.argsort(np.array(terms), kind="stable")
        self._places = places
        self._owners = np.array(owners)[order]
        self._counts = np.array(counts)[order]
        starts = np.searchsorted(np.array(terms)[order], np.arange(len(places) + 1))
        self._starts = starts
        relative = np.array(lengths, dtype=np.float64)
        self._saturation = K1 * (1 - B + B * relative / max(float(relative.mean()), 1e-9))

    @classmethod
    def of(cls, connection: psycopg.Connection[tuple[Any, ...]], collection: str) -> ExactChunks:
        """Read a collection's chunks as they were analysed: under titles and headings."""
        with connection.transaction(), connection.cursor(name="chunks") as cursor:
            cursor.execute(_CHUNKS, (collection,))
            return cls(
                (
                    identity,
                    text_in_context(title, Chunk(ordinal, text, 0, len(text), None, tuple(path))),
                )
                for identity, title, ordinal, text, path in cursor
            )

    def scores(self, query: str) -> NDArray[np.float64]:
        """BM25 of every chunk."""
        scores = np.zeros(len(self.ids))
        for term, repeats in Counter(analyse(query)).items():
            place = self._places.get(term)
            if place is None:
                continue
            rows = slice(self._starts[place], self._starts[place + 1])
            owners, counts = self._owners[rows], self._counts[rows]
            rarity = repeats * idf(len(self.ids), len(owners))
            scores[owners] += rarity * counts / (counts + self._saturation[owners])
        return scores

    def share(self, query: str, found: Iterable[str], depth: int = 100) -> float | None:
        """How many of the `depth` best are among `found`, as a share; None when nothing matches.

        A found chunk counts when its exact score reaches the last place's: which of several equal
        ones stands there is chance.
        """
        scores = self.scores(query)
        wanted = min(depth, int((scores > 0).sum()))
        if not wanted:
            return None
        least = np.partition(scores, -wanted)[-wanted] * (1 - _ROUNDING)
        good = {self.ids[place] for place in np.flatnonzero(scores >= least)}
        return min(wanted, len(good & set(found))) / wanted
