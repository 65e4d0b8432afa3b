"""A memory with a size and an age that it does not exceed: what both caches are made of."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Generic, TypeVar

import numpy as np
from cachetools import TTLCache

from groundwell.domain.caching import CacheState

Value = TypeVar("Value")
# Beside the value: the digest that is its key, and the places in three tables.
_ENTRY_BYTES = 600
_LEAVES = frozenset((str, int, float, bool, type(None)))


class _Fields(dict[type[object], Callable[[object], Iterable[object]]]):
    """What gives the fields of a dataclass; what is none has no fields."""

    def __missing__(self, kind: type[object]) -> Callable[[object], Iterable[object]]:
        names = tuple(getattr(kind, "__dataclass_fields__", ()))

        def one_by_one(item: object) -> list[object]:
            return [getattr(item, name) for name in names]

        found = self[kind] = attrgetter(*names) if len(names) > 1 else one_by_one
        return found


_FIELDS = _Fields()


class Memory(Generic[Value]):
    """Values by the digest of what they answer; the least recently used leave first.

    `most_bytes`: what all values together may take, by `size_of`. `seconds`: how old one may get.
    For one event loop.
    """

    def __init__(
        self, most_bytes: int, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._values: TTLCache[bytes, Value] = TTLCache(
            most_bytes, seconds, clock, getsizeof=lambda value: _ENTRY_BYTES + size_of(value)
        )
        self._hits = 0
        self._misses = 0

    def get(self, key: bytes) -> Value | None:
        """The value, unless it is not there or too old. Counts."""
        value = self._values.get(key)
        if value is None:
            self._misses += 1
        else:
            self._hits += 1
        return value

    def put(self, key: bytes, value: Value) -> None:
        """Keep a value. One that is larger than the whole memory is not kept."""
        try:
            self._values[key] = value
        except ValueError:
            return

    def state(self) -> CacheState:
        """How it did, and what it holds."""
        self._values.expire()
        return CacheState(self._hits, self._misses, len(self._values), round(self._values.currsize))


def size_of(value: object) -> int:
    """Bytes that a value takes with all it holds; things held twice are counted twice."""
    measure = sys.getsizeof
    total = 0
    waiting = [value]
    while waiting:
        item = waiting.pop()
        total += measure(item)
        # Most things are leaves; a search waits while they are counted.
        if type(item) in _LEAVES:
            continue
        if isinstance(item, tuple | list):
            waiting += item
        elif isinstance(item, dict):
            waiting += item.keys()
            waiting += item.values()
        elif isinstance(item, np.ndarray):
            # `getsizeof` knows the numbers of an array that owns them, not those of a view.
            total += item.nbytes if item.base is not None else 0
        else:
            waiting += _FIELDS[type(item)](item)
    return total
