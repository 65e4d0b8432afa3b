"""What becomes of a ranking, on a real database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.store.setting import Shelf, make_shelf, put

from groundwell.domain.chunks import ChunkId
from groundwell.domain.documents import TenantId
from groundwell.domain.search import SearchRequest
from groundwell.domain.search_switches import SearchSwitches
from groundwell.retrieval.arrange import Arranger, Placed, depth_of
from groundwell.retrieval.rank import FusionOptions
from groundwell.store.chunk_vectors import ChunkVectors
from groundwell.store.database import Database

# A chunk is a line; what stands between two lines differs from place to place.
LONG = "zero\n\none\ntwo\n\n\nthree\nfour\n\nfive\nsix\nseven — ünï\n\neight\nnine\n"
TEXTS = {"long": LONG, "pair": "first\nsecond", "single": "alone", "copy": "alone"}


@pytest.fixture
async def shelf(database: Database, database_url: str) -> Shelf:
    shelf = await make_shelf(database, database_url)
    await put(shelf, TEXTS)
    return shelf


async def chunks_of(shelf: Shelf) -> dict[str, ChunkId]:
    """The chunks by document and line, such as `long/3`."""
    async with shelf.database.transaction(shelf.tenant) as connection:
        cursor = await connection.execute(
            "SELECT d.id || '/' || c.ordinal, c.id FROM chunks c"
            " JOIN documents d ON d.uid = c.document_uid"
        )
        return {name: ChunkId(str(key)) for name, key in await cursor.fetchall()}


async def arrange(
    shelf: Shelf,
    ranking: Sequence[str],
    *,
    limit: int = 10,
    threshold: float = 0.0,
    tenant: TenantId | None = None,
    **switches: float | None,
) -> list[tuple[str, Placed]]:
    """The results of a ranking whose scores fall from 1 in steps of 0.01, with their names."""
    chunks = await chunks_of(shelf)
    names = {chunk: name for name, chunk in chunks.items()}
    wanted = SearchRequest(
        tenant=tenant or shelf.tenant,
        collection=shelf.name,
        query="q",
        limit=limit,
        threshold=threshold,
        switches=SearchSwitches(**switches),  # type: ignore[arg-type] - a test's shorthand
    )
    keys = [chunks[name] for name in ranking]
    scores = {key: 1 - 0.01 * rank for rank, key in enumerate(keys)}
    arranger = Arranger(shelf.database, ChunkVectors(shelf.database, shelf.space))
    return [(names[p.chunk], p) for p in await arranger.arrange(wanted, keys, scores)]


def names_of(placed: list[tuple[str, Placed]]) -> list[str]:
    return [name for name, _ in placed]


async def test_without_switches_the_first_of_the_ranking_are_loaded(shelf: Shelf):
    placed = await arrange(shelf, ["long/3", "pair/1", "long/4"], limit=2)
    assert [(name, p.passage.text) for name, p in placed] == [
        ("long/3", "three"),
        ("pair/1", "second"),
    ]


async def test_a_cap_lets_deeper_passages_of_other_documents_in(shelf: Shelf):
    ranking = ["long/1", "long/2", "long/3", "pair/0", "pair/1", "single/0"]
    capped = await arrange(shelf, ranking, limit=3, max_per_document=1)
    assert names_of(capped) == ["long/1", "pair/0", "single/0"]
    assert names_of(await arrange(shelf, ranking, limit=4, max_per_document=2)) == [
        "long/1",
        "long/2",
        "pair/0",
        "pair/1",
    ]


async def test_what_fills_up_is_above_the_threshold(shelf: Shelf):
    ranking = ["long/1", "long/2", "pair/0", "single/0"]
    capped = await arrange(shelf, ranking, limit=3, threshold=0.98, max_per_document=1)
    assert names_of(capped) == ["long/1", "pair/0"]


async def test_a_near_copy_gives_way_when_results_should_differ(shelf: Shelf):
    ranking = ["single/0", "copy/0", "pair/0"]
    assert names_of(await arrange(shelf, ranking, limit=2)) == ["single/0", "copy/0"]
    diverse = await arrange(shelf, ranking, limit=2, diversity=0.5)
    assert names_of(diverse) == ["single/0", "pair/0"]
    scores = [p.score for _, p in diverse]
    assert scores == sorted(scores, reverse=True)


async def test_no_diversity_leaves_the_ranking_as_it_is(shelf: Shelf):
    ranking = ["single/0", "copy/0", "pair/0", "long/0"]
    assert names_of(await arrange(shelf, ranking, diversity=0)) == ranking


async def test_diverse_results_stay_best_first(shelf: Shelf):
    ranking = ["single/0", "copy/0", "pair/0", "long/0", "long/1"]
    for share in (0.3, 0.7, 1.0):
        placed = await arrange(shelf, ranking, limit=3, diversity=share)
        assert len(placed) == 3
        assert names_of(placed)[0] == "single/0"
        assert [p.score for _, p in placed] == sorted((p.score for _, p in placed), reverse=True)


async def test_neighbours_are_shown_with_what_stands_between(shelf: Shelf):
    ((name, placed),) = await arrange(shelf, ["long/3"], neighbours=1)
    assert (name, placed.passage.text) == ("long/3", "two\n\n\nthree\nfour")
    start, end = placed.passage.char_start, placed.passage.char_end
    assert LONG[start:end] == placed.passage.text


@pytest.mark.parametrize("neighbours", [None, 0])
async def test_without_neighbours_nothing_is_joined(shelf: Shelf, neighbours: int | None):
    placed = await arrange(shelf, ["long/3", "long/4"], neighbours=neighbours)
    assert [p.passage.text for _, p in placed] == ["three", "four"]


async def test_the_page_is_that_on_which_the_shown_text_begins(shelf: Shelf):
    async with shelf.database.transaction(shelf.tenant) as connection:
        await connection.execute("UPDATE chunks SET page = 1 + ordinal / 2")
    placed = await arrange(shelf, ["long/4", "long/8"], neighbours=1)
    assert [(p.passage.text[:5], p.passage.page) for _, p in placed] == [
        ("three", 2),
        ("seven", 4),
    ]


async def test_neighbours_end_with_the_document(shelf: Shelf):
    texts = [p.passage.text for _, p in await arrange(shelf, ["single/0", "pair/1"], neighbours=3)]
    assert texts == ["alone", "first\nsecond"]


async def test_passages_that_meet_become_one_result_with_the_best_score(shelf: Shelf):
    ranking = ["long/6", "single/0", "long/3"]
    joined = await arrange(shelf, ranking, neighbours=1)
    assert [(name, p.score) for name, p in joined] == [("long/6", 1.0), ("single/0", 0.99)]
    assert joined[0][1].passage.text == "two\n\n\nthree\nfour\n\nfive\nsix\nseven — ünï"


async def test_joining_makes_room_for_deeper_passages(shelf: Shelf):
    ranking = ["long/6", "long/7", "pair/0", "single/0"]
    placed = await arrange(shelf, ranking, limit=2, neighbours=1)
    assert names_of(placed) == ["long/6", "pair/0"]


async def test_a_foreign_tenant_gets_nothing_by_any_way(shelf: Shelf, database_url: str):
    other = await make_shelf(shelf.database, database_url)
    for switches in ({}, {"max_per_document": 1}, {"diversity": 0.5}, {"neighbours": 1}):
        placed = await arrange(
            shelf,
            ["long/1"],
            tenant=other.tenant,
            **switches,  # type: ignore[arg-type] - a test's shorthand
        )
        assert placed == []


lines = st.integers(0, 9).map(lambda line: f"long/{line}")
names = lines | st.sampled_from(["pair/0", "pair/1", "single/0", "copy/0"])


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    ranking=st.lists(names, unique=True, max_size=14),
    limit=st.integers(1, 8),
    most=st.none() | st.integers(1, 4),
    diversity=st.none() | st.floats(0, 1),
    neighbours=st.none() | st.integers(0, 3),
)
async def test_results_are_verbatim_best_first_and_apart_whatever_is_switched(
    shelf: Shelf,
    ranking: list[str],
    limit: int,
    most: int | None,
    diversity: float | None,
    neighbours: int | None,
):
    placed = await arrange(
        shelf,
        ranking,
        limit=limit,
        max_per_document=most,
        diversity=diversity,
        neighbours=neighbours,
    )
    assert len(placed) <= limit
    assert bool(placed) == bool(ranking)
    scores = [p.score for _, p in placed]
    assert scores == sorted(scores, reverse=True)
    for name, p in placed:
        text = TEXTS[name.split("/")[0]]
        assert text[p.passage.char_start : p.passage.char_end] == p.passage.text
    if not neighbours:
        counts = [sum(n.startswith(key) for n in names_of(placed)) for key in TEXTS]
        assert max(counts, default=0) <= (most or 14)
        return
    for key in TEXTS:
        spans = sorted(
            (p.passage.char_start, p.passage.char_end) for n, p in placed if n.startswith(key)
        )
        assert all(first[1] < second[0] for first, second in pairwise(spans))


async def test_passages_whose_vectors_are_gone_are_left_out(shelf: Shelf):
    chunks = await chunks_of(shelf)
    wanted = SearchRequest(shelf.tenant, shelf.name, "q", switches=SearchSwitches(diversity=0.5))
    gone = ChunkId(str(uuid4()))
    keys = [gone, chunks["pair/0"]]
    arranger = Arranger(shelf.database, ChunkVectors(shelf.database, shelf.space))
    placed = await arranger.arrange(wanted, keys, dict.fromkeys(keys, 0.5))
    assert [p.chunk for p in placed] == [chunks["pair/0"]]
    assert await arranger.arrange(wanted, [gone], {gone: 0.5}) == []


def test_lists_are_twice_as_deep_where_passages_may_be_left_out_or_metadata_count():
    wanted = SearchRequest(TenantId(uuid4()), "c", "q", limit=80)
    plain, weighted = FusionOptions(), FusionOptions(metadata_weight=0.1)
    assert depth_of(wanted, plain) == 100
    assert depth_of(wanted, weighted) == 160
    assert depth_of(replace(wanted, limit=10), weighted) == 100
    for switches in (
        SearchSwitches(max_per_document=1),
        SearchSwitches(diversity=0.1),
        SearchSwitches(neighbours=1),
    ):
        assert depth_of(replace(wanted, switches=switches), plain) == 160
    off = SearchSwitches(diversity=0.0, neighbours=0)
    assert depth_of(replace(wanted, switches=off), plain) == 100
