from __future__ import annotations

import pytest

from groundwell.domain.chunks import ChunkId
from groundwell.domain.errors import InvalidInputError
from groundwell.domain.search import LegScores, SearchType
from groundwell.domain.search_switches import SearchSwitches
from groundwell.retrieval.rank import FusionOptions, fuse_legs

A, B, C, D = (ChunkId(name) for name in "abcd")
LEGS = LegScores(dense={A: 0.9, B: 0.5, C: 0.1}, keyword={B: 12.0, C: 6.0, D: 2.0})


def weights(options: FusionOptions) -> tuple[float, float, float]:
    return options.dense_weight, options.keyword_weight, options.metadata_weight


def wanted(
    switches: SearchSwitches,
    options: FusionOptions | None = None,
    kind: SearchType = SearchType.HYBRID,
) -> FusionOptions:
    return (options or FusionOptions()).wanted_by(switches, kind)


def test_without_switches_the_server_decides():
    options = FusionOptions(10, 0.7, 0.2, 0.1, "rrf", 30.0)
    assert wanted(SearchSwitches(), options) == options


@pytest.mark.parametrize(
    ("switches", "expected"),
    [
        (SearchSwitches(dense_weight=0.75), (0.75, 0.25, 0.0)),
        (SearchSwitches(keyword_weight=1.0), (0.0, 1.0, 0.0)),
        (SearchSwitches(dense_weight=0.7, keyword_weight=0.2), (0.7, 0.2, 0.0)),
        (
            SearchSwitches(dense_weight=0.7, keyword_weight=0.2, metadata_weight=0.1),
            (0.7, 0.2, 0.1),
        ),
        (SearchSwitches(metadata_weight=0.1), (0.5, 0.5, 0.1)),
    ],
)
def test_one_weight_alone_leaves_the_other_leg_the_rest(
    switches: SearchSwitches, expected: tuple[float, float, float]
):
    assert weights(wanted(switches)) == expected


def test_a_request_chooses_method_category_and_half_life():
    switches = SearchSwitches(
        fusion="rrf", metadata_weight=0.1, category="news", recency_half_life_days=7
    )
    options = wanted(switches)
    assert (options.method, options.category, options.recency_half_life_days) == ("rrf", "news", 7)


@pytest.mark.parametrize(
    "switches",
    [
        SearchSwitches(dense_weight=0, keyword_weight=0),
        SearchSwitches(dense_weight=0, keyword_weight=0, metadata_weight=0),
    ],
)
def test_no_weight_at_all_is_refused(switches: SearchSwitches):
    with pytest.raises(InvalidInputError, match="all 0") as caught:
        wanted(switches, FusionOptions(metadata_weight=0.0))
    assert caught.value.code == "invalid_weights"


@pytest.mark.parametrize(
    "switches", [SearchSwitches(category="news"), SearchSwitches(recency_half_life_days=7)]
)
def test_a_wish_about_metadata_without_a_weight_is_refused(switches: SearchSwitches):
    with pytest.raises(InvalidInputError, match="metadata_weight"):
        wanted(switches)
    assert wanted(switches, FusionOptions(metadata_weight=0.1)).metadata_weight == 0.1


@pytest.mark.parametrize(
    ("kind", "options", "expected"),
    [
        (SearchType.SEMANTIC, FusionOptions(dense_weight=0.0, keyword_weight=1.0), {A, B, C}),
        (SearchType.KEYWORD, FusionOptions(dense_weight=1.0, keyword_weight=0.0), {B, C, D}),
    ],
)
def test_a_search_of_one_method_ranks_by_it_though_it_has_no_weight_elsewhere(
    kind: SearchType, options: FusionOptions, expected: set[ChunkId]
):
    dense = LEGS.dense if kind is SearchType.SEMANTIC else {}
    keyword = LEGS.keyword if kind is SearchType.KEYWORD else {}
    assert fuse_legs(LegScores(dense, keyword), options) == {}
    fused = fuse_legs(LegScores(dense, keyword), wanted(SearchSwitches(), options, kind))
    assert fused.keys() == expected


def test_metadata_scores_are_not_stretched():
    options = FusionOptions(dense_weight=0.7, keyword_weight=0.2, metadata_weight=0.1)
    metadata = {A: 0.5, B: 0.51, C: 0.52, D: 1.0}
    assert fuse_legs(LEGS, options, metadata) == pytest.approx(
        {A: 0.7 + 0.05, B: 0.35 + 0.2 + 0.051, C: 0.08 + 0.052, D: 0.1}
    )


def test_metadata_take_part_in_the_fusion_of_ranks():
    options = FusionOptions(10, 0.5, 0.5, 1.0, "rrf")
    fused = fuse_legs(LEGS, options, {A: 0.2, B: 0.1, C: 0.0, D: 1.0})
    assert fused[D] == pytest.approx(0.5 / 63 + 1 / 61)


def test_deep_candidates_stay_below_with_metadata_too():
    options = FusionOptions(1, metadata_weight=0.1)
    fused = fuse_legs(LEGS, options, {A: 0.0, B: 0.0, C: 1.0, D: 1.0})
    assert {A, B} == set(sorted(fused, key=lambda chunk: -fused[chunk])[:2])


def test_legs_without_weight_leave_nothing_however_deep():
    options = FusionOptions(1, dense_weight=1.0, keyword_weight=0.0)
    assert fuse_legs(LegScores({}, LEGS.keyword), options) == {}
