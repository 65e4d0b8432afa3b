"""From the legs' scores to one ranking: fused, then blended with the reranker's view."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from groundwell.domain.chunks import ChunkId
from groundwell.domain.errors import InvalidInputError
from groundwell.domain.search import LegScores, Scores, SearchType
from groundwell.domain.search_switches import SearchSwitches
from groundwell.retrieval.fuse import Fusion, as_given, fuse, min_max, reciprocal_rank_fusion

_NO_METADATA: Scores = {}


@dataclass(frozen=True, slots=True)
class FusionOptions:
    """How the legs are joined. `depth`: how far each list counts in full.

    The weights count by their proportion. With a `metadata_weight`, candidates also score by their
    age and, where `category` names one, by their category.
    """

    depth: int = 100
    dense_weight: float = 0.5
    keyword_weight: float = 0.5
    metadata_weight: float = 0.0
    method: Fusion = "min_max"
    recency_half_life_days: float = 365.0
    category: str | None = None

    def wanted_by(self, switches: SearchSwitches, kind: SearchType) -> FusionOptions:
        """The options of one search.

        A request that names one of the legs' weights gives the other leg the rest of 1. Raises
        InvalidInputError when nothing has any weight, or when the request says what to look for
        in the metadata while these have none.
        """
        dense, keyword = _leg_weights(self, switches)
        options = replace(
            self,
            dense_weight=dense,
            keyword_weight=keyword,
            metadata_weight=_given(switches.metadata_weight, self.metadata_weight),
            method=switches.fusion or self.method,
            recency_half_life_days=_given(
                switches.recency_half_life_days, self.recency_half_life_days
            ),
            category=switches.category,
        )
        _check_weights(options, switches)
        return _with_leg(options, kind)


def fuse_legs(
    legs: LegScores, options: FusionOptions, metadata: Scores = _NO_METADATA
) -> dict[ChunkId, float]:
    """Fused scores. However many results are wanted, the first ones stay the same.

    Stretched scores depend on where a list ends, so the legs are fused at their usual depth; what
    lies deeper comes below. `metadata` are scores in [0, 1] of all candidates, or nothing.
    """
    depth = options.depth
    fused = _fuse_lists(_top(legs.dense, depth), _top(legs.keyword, depth), metadata, options)
    if max(len(legs.dense), len(legs.keyword)) <= depth:
        return fused
    floor = min(fused.values(), default=1.0)
    deep = _fuse_lists(legs.dense, legs.keyword, metadata, options)
    return {chunk: fused.get(chunk, floor * score) for chunk, score in deep.items()}


def blend(
    fused: Mapping[ChunkId, float], reranked: Mapping[ChunkId, float], share: float
) -> dict[ChunkId, float]:
    """What the ranking follows. What was not reranked stays below what was.

    `share`: the fused score's part of it; the rest is the reranker's.
    """
    fresh = min_max(reranked)
    again = min_max({chunk: fused[chunk] for chunk in reranked})
    blended = {chunk: share * again[chunk] + (1 - share) * fresh[chunk] for chunk in reranked}
    floor = min(blended.values(), default=1.0)
    return {chunk: blended.get(chunk, floor * score) for chunk, score in fused.items()}


def best(scores: Mapping[ChunkId, float], count: int) -> list[ChunkId]:
    """The `count` highest, best first; equal scores in the order of their ids."""
    ordered = sorted((-score, chunk) for chunk, score in scores.items())
    return [chunk for _, chunk in ordered[:count]]


def _fuse_lists(
    dense: Scores, keyword: Scores, metadata: Scores, options: FusionOptions
) -> dict[ChunkId, float]:
    if metadata:
        metadata = {chunk: metadata[chunk] for chunk in (*dense, *keyword)}
    weights = (options.dense_weight, options.keyword_weight, options.metadata_weight)
    if options.method == "rrf":
        return reciprocal_rank_fusion(list(zip((dense, keyword, metadata), weights, strict=True)))
    # Stretched as well, a day between two candidates' dates would count as much as ten years.
    lists = (min_max(dense), min_max(keyword), metadata)
    return fuse(list(zip(lists, weights, strict=True)), as_given)


def _top(scores: Scores, count: int) -> Scores:
    if len(scores) <= count:
        return scores
    return {chunk: scores[chunk] for chunk in best(scores, count)}


def _leg_weights(options: FusionOptions, switches: SearchSwitches) -> tuple[float, float]:
    dense, keyword = switches.dense_weight, switches.keyword_weight
    if dense is None and keyword is None:
        return options.dense_weight, options.keyword_weight
    if dense is None:
        dense = 1 - keyword if keyword is not None else options.dense_weight
    return dense, 1 - dense if keyword is None else keyword


def _check_weights(options: FusionOptions, switches: SearchSwitches) -> None:
    if options.dense_weight + options.keyword_weight + options.metadata_weight <= 0:
        raise InvalidInputError(
            "The weights dense_weight, keyword_weight and metadata_weight are all 0: give at "
            "least one of them a value above 0.",
            code="invalid_weights",
        )
    asks_metadata = switches.category is not None or switches.recency_half_life_days is not None
    if asks_metadata and options.metadata_weight <= 0:
        raise InvalidInputError(
            "category and recency_half_life_days count only with a metadata_weight above 0: "
            "add one, for example 0.1, or use a filter.",
            code="invalid_weights",
        )


def _with_leg(options: FusionOptions, kind: SearchType) -> FusionOptions:
    """A search of one method ranks by that method, though in a hybrid one it has no weight."""
    if kind is SearchType.SEMANTIC and options.dense_weight <= 0:
        return replace(options, dense_weight=1.0)
    if kind is SearchType.KEYWORD and options.keyword_weight <= 0:
        return replace(options, keyword_weight=1.0)
    return options


def _given(wanted: float | None, otherwise: float) -> float:
    return otherwise if wanted is None else wanted
