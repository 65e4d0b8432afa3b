"""What becomes of a ranking: capped, made diverse, loaded, and joined with what stands around."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from groundwell.domain.chunks import ChunkId
from groundwell.domain.search import SearchRequest
from groundwell.domain.search_switches import SearchSwitches
from groundwell.retrieval.diversify import (
    cap_per_document,
    maximal_marginal_relevance,
    share_out,
)
from groundwell.retrieval.neighbours import join_windows
from groundwell.retrieval.rank import FusionOptions
from groundwell.store.chunk_vectors import ChunkVectors
from groundwell.store.database import Database
from groundwell.store.neighbours import load_windows
from groundwell.store.passages import Passage, load_passages
from groundwell.store.traits import load_traits

RESERVE = 2
"""How many times `limit` passages are at hand where some may be left out or joined."""
_LEAST_POOL = 100
DOCUMENT_SHARE = 0.4
"""The part of the results that one document has to itself where they are shared out."""
EQUAL_SHARE = 0.9
"""What has this part of a passage's score is about as good.

Measured on the 51 sample questions, five passages each: without sharing and with 0.95, 0.9 and 0.8
the same answers come; with 0.7 one is another. With 0.9, the sources of four differ.
"""


@dataclass(frozen=True, slots=True)
class Placed:
    """A result: the passage that was found, and the text that is shown for it."""

    chunk: ChunkId
    passage: Passage
    score: float


def depth_of(request: SearchRequest, fusion: FusionOptions) -> int:
    """How many candidates each list should have.

    At least `limit`; twice as many where some may be left out or metadata change the order.
    """
    switches = request.switches
    leaves_out = switches.max_per_document or switches.diversity or switches.neighbours
    is_changed = leaves_out or fusion.metadata_weight > 0
    return max(fusion.depth, request.limit * (RESERVE if is_changed else 1))


class Arranger:
    """Makes results of a ranking. One instance serves all tenants."""

    def __init__(self, database: Database, vectors: ChunkVectors) -> None:
        self._database = database
        self._vectors = vectors

    async def arrange(
        self, request: SearchRequest, ranking: Sequence[ChunkId], scores: Mapping[ChunkId, float]
    ) -> list[Placed]:
        """At most `limit` results above the threshold, best first.

        `ranking` is best first, and `scores` fall along it. Chunks that are gone are left out.
        What a cap or joining takes away, deeper passages make up for while there are any.
        """
        chosen = [chunk for chunk in ranking if scores[chunk] >= request.threshold]
        chosen = await self._capped(request, chosen)
        chosen = await self._shared_out(request, chosen, scores)
        chosen = await self._diverse(request, chosen, scores)
        if request.switches.neighbours:
            return await self._joined(request, chosen, scores)
        chosen = chosen[: request.limit]
        passages = await load_passages(self._database, request.asking, chosen)
        return [
            Placed(chunk, passages[chunk], scores[chunk]) for chunk in chosen if chunk in passages
        ]

    async def _capped(self, request: SearchRequest, chosen: list[ChunkId]) -> list[ChunkId]:
        most = request.switches.max_per_document
        if most is None:
            return chosen
        traits = await load_traits(self._database, request.asking, chosen)
        known = [chunk for chunk in chosen if chunk in traits]
        return cap_per_document(known, [traits[chunk].document for chunk in known], most)

    async def _shared_out(
        self, request: SearchRequest, chosen: list[ChunkId], scores: Mapping[ChunkId, float]
    ) -> list[ChunkId]:
        """The ranking without most of one document among its first `limit`, if others are as good.

        Costs a look at the database only where more than `limit` passages are about equally good.
        """
        if not request.is_shared_out or request.switches.max_per_document is not None:
            return chosen
        shown = chosen[: request.limit]
        least = EQUAL_SHARE * scores[shown[-1]] if shown else 0.0
        equals = [chunk for chunk in chosen if scores[chunk] >= least]
        if len(equals) == len(shown):
            return chosen
        traits = await load_traits(self._database, request.asking, equals)
        equals = [chunk for chunk in equals if chunk in traits]
        first = share_out(
            [scores[chunk] for chunk in equals],
            [traits[chunk].document for chunk in equals],
            request.limit,
            math.ceil(DOCUMENT_SHARE * request.limit),
            EQUAL_SHARE,
        )
        taken = [equals[place] for place in first]
        rest = set(chosen) - set(taken)
        return [*taken, *(chunk for chunk in chosen if chunk in rest)]

    async def _diverse(
        self, request: SearchRequest, chosen: list[ChunkId], scores: Mapping[ChunkId, float]
    ) -> list[ChunkId]:
        """The ranking of what differs, and behind it what may take the place of joined ones."""
        share = request.switches.diversity
        if not share:
            return chosen
        wanted = _passages_wanted(request.limit, request.switches)
        pool = chosen[: max(_LEAST_POOL, request.limit * RESERVE)]
        vectors = await self._vectors.read(request.asking, pool)
        pool = [chunk for chunk in pool if chunk in vectors]
        if not pool:
            return []
        matrix = np.stack([vectors[chunk].embedding for chunk in pool])
        relevance = [scores[chunk] for chunk in pool]
        taken = maximal_marginal_relevance(relevance, matrix, wanted, 1 - share)
        shown, reserves = sorted(taken[: request.limit]), taken[request.limit :]
        return [pool[place] for place in (*shown, *reserves)]

    async def _joined(
        self, request: SearchRequest, chosen: list[ChunkId], scores: Mapping[ChunkId, float]
    ) -> list[Placed]:
        reach = request.switches.neighbours or 0
        chosen = chosen[: _passages_wanted(request.limit, request.switches)]
        windows = await load_windows(self._database, request.asking, chosen, reach)
        known = [chunk for chunk in chosen if chunk in windows]
        joined = join_windows([windows[chunk] for chunk in known], request.limit)
        placed = [Placed(known[place], passage, scores[known[place]]) for place, passage in joined]
        # A reserve may score better than what was preferred to it for being different.
        return sorted(placed, key=lambda result: -result.score)


def _passages_wanted(limit: int, switches: SearchSwitches) -> int:
    return limit * RESERVE if switches.neighbours else limit
