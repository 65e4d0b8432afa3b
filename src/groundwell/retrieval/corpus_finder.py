"""Passages found in many collections at once, for many texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from groundwell.domain.chunks import ChunkId, Encoding
from groundwell.domain.filters import Filter
from groundwell.domain.search import IndexScope, LegScores
from groundwell.domain.sharing import Viewer
from groundwell.ports.search_index import CorpusIndex
from groundwell.retrieval.calibrate import evidence
from groundwell.retrieval.collection_profiles import CollectionProfiles, QueryProfile
from groundwell.retrieval.normalise import normalise_query
from groundwell.store.database import Database


class CorpusFinder:
    """Finds where texts might stand. One instance serves all tenants.

    The legs of a search and nothing else: no spelling, no ranking beyond their scores, and nobody's
    search in the metrics. Twenty texts cost two searches. For an app that wants to know whether
    something is said anywhere. One round trip for all collections that are analysed alike, unless a
    profile has changed. Raises NotFoundError where a collection is gone.
    """

    def __init__(self, database: Database, index: CorpusIndex) -> None:
        self._profiles = CollectionProfiles(database)
        self._index = index

    async def find(
        self, viewer: Viewer, collections: Sequence[str], texts: Sequence[str], each: int, most: int
    ) -> list[list[ChunkId]]:
        """For each text the passages with the best BM25, best first, equals by their ids.

        At most `each` of a collection, and `most` of all.
        """
        found = await self._look(viewer, collections, texts, each)
        best = []
        for place in range(len(texts)):
            scores = [pair for legs in found.values() for pair in legs[place].keyword.items()]
            ordered = sorted(scores, key=lambda pair: (-pair[1], pair[0]))
            best.append([chunk for chunk, _ in ordered[:most]])
        return best

    async def nearest(
        self,
        viewer: Viewer,
        collections: Sequence[str],
        text: str,
        encoding: Encoding | None,
        condition: Filter | None,
        most: int,
    ) -> list[str]:
        """The collections whose best passage fits the text best, by its words or its vector."""
        found = await self._look(viewer, collections, [text], 1, encoding, condition)
        fits = {name: _fit(legs) for name, (legs,) in found.items()}
        return sorted(fits, key=lambda name: (-fits[name], name))[:most]

    async def _look(
        self,
        viewer: Viewer,
        collections: Sequence[str],
        texts: Sequence[str],
        depth: int,
        encoding: Encoding | None = None,
        condition: Filter | None = None,
    ) -> Mapping[str, Sequence[LegScores]]:
        profiles = {name: self._profiles.known(viewer.tenant, name) for name in collections}
        found: dict[str, Sequence[LegScores]] = {}
        changed = list(collections)
        # The second time for those that were analysed for a profile that is no longer so.
        for _ in range(2):
            alike: dict[str, tuple[QueryProfile, list[str]]] = {}
            for name in changed:
                alike.setdefault(profiles[name].stamp, (profiles[name], []))[1].append(name)
            for profile, names in alike.values():
                queries = [
                    profile.analyse(text, encoding, normalise_query(text).text) for text in texts
                ]
                found |= await self._index.look(viewer, names, queries, depth, condition)
            changed = [name for name in changed if _stamp(found[name]) != profiles[name].stamp]
            for name in changed:
                scope = IndexScope(viewer.tenant, name, viewer=viewer)
                profiles[name] = await self._profiles.renew(scope, _stamp(found[name]))
        return found


def _stamp(legs: Sequence[LegScores]) -> str:
    return legs[0].profile if legs else ""


def _fit(legs: LegScores) -> float:
    return evidence(max(legs.dense.values(), default=0.0), max(legs.keyword.values(), default=0.0))
