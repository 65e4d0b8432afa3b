"""The memory of the caches: its bounds hold."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from groundwell.domain.caching import CacheState
from groundwell.domain.chunks import ChunkId, Encoding
from groundwell.domain.search import SearchResponse, SearchResult
from groundwell.retrieval.memory import Memory, size_of

KILOBYTE = "x" * 1024


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def key(number: int) -> bytes:
    return number.to_bytes(32, "big")


def test_a_value_is_found_until_its_time_is_over():
    clock = Clock()
    memory = Memory[str](1 << 20, 60, clock)
    memory.put(key(1), "value")
    clock.now += 59.9
    assert memory.get(key(1)) == "value"
    clock.now += 0.2
    assert memory.get(key(1)) is None


def test_being_read_makes_no_value_younger():
    clock = Clock()
    memory = Memory[str](1 << 20, 60, clock)
    memory.put(key(1), "value")
    for _ in range(6):
        assert memory.get(key(1)) == "value"
        clock.now += 10
    assert memory.get(key(1)) is None


def test_the_least_recently_used_leaves_first():
    memory = Memory[str](6000, 60)
    for number in (1, 2, 3):
        memory.put(key(number), KILOBYTE)
    assert memory.get(key(1)) == KILOBYTE
    memory.put(key(4), KILOBYTE)
    assert [memory.get(key(number)) for number in (1, 2, 3, 4)] == [
        KILOBYTE,
        None,
        KILOBYTE,
        KILOBYTE,
    ]


def test_a_value_larger_than_the_memory_is_not_kept_and_drives_nothing_out():
    memory = Memory[str](6000, 60)
    memory.put(key(1), KILOBYTE)
    memory.put(key(2), KILOBYTE * 6)
    assert memory.get(key(2)) is None
    assert memory.get(key(1)) == KILOBYTE


def test_the_memory_never_holds_more_than_it_may():
    memory = Memory[str](20_000, 60)
    for number in range(200):
        memory.put(key(number), "x" * (number * 37 % 5000))
        assert memory.state().bytes <= 20_000


def test_the_state_counts_hits_misses_and_what_is_not_yet_too_old():
    clock = Clock()
    memory = Memory[str](1 << 20, 60, clock)
    memory.get(key(1))
    memory.put(key(1), "value")
    memory.get(key(1))
    memory.get(key(1))
    state = memory.state()
    assert (state.hits, state.misses, state.entries) == (2, 1, 1)
    assert state.bytes > sys.getsizeof("value")
    clock.now += 61
    assert memory.state() == CacheState(hits=2, misses=1, entries=0, bytes=0)


@pytest.mark.parametrize("is_view", [False, True])
def test_the_size_of_an_encoding_has_all_its_numbers(is_view: bool):
    tokens = np.ones((20, 384), np.float32)
    encoding = Encoding(np.ones(384, np.float32), tokens[:10] if is_view else tokens[:10].copy())
    assert 11 * 384 * 4 < size_of(encoding) < 11 * 384 * 4 + 1000


def test_the_size_of_a_response_has_its_texts_and_metadata():
    def response(text: str, note: str) -> SearchResponse:
        result = SearchResult(
            ChunkId("c"), "d", 1, "f", None, text, 0.5, None, 0, 1, metadata={"a": [{"b": note}]}
        )
        return SearchResponse((result,), {})

    small = size_of(response("", ""))
    assert size_of(response(KILOBYTE, "")) - small == 1024
    assert size_of(response("", KILOBYTE)) - small == 1024
