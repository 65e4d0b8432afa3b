"""A cache in the memory of one process."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from cachetools import TLRUCache

from groundwell.domain.caching import CacheState
from groundwell.domain.documents import TenantId
from groundwell.ports.cache import MOST_KEY_CHARACTERS, MOST_VALUE_BYTES, CachedValue

# Beside key and value: their objects, and the places in three tables.
_ENTRY_BYTES = 900

_Key: TypeAlias = tuple[TenantId, str]


@dataclass(frozen=True, slots=True)
class _Entry:
    content: bytes
    ends_at: float
    size: int


class MemoryCache:
    """At most `most_bytes` with keys and all; the least recently used leave first.

    A cache of 0 bytes keeps nothing. For one event loop. `clock` gives seconds that only ever grow.
    """

    def __init__(self, most_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._entries: TLRUCache[_Key, _Entry] = TLRUCache(
            most_bytes,
            ttu=lambda _key, value, _now: value.ends_at,
            timer=clock,
            getsizeof=lambda value: value.size,
        )
        self._hits = 0
        self._misses = 0

    async def get(self, tenant: TenantId, key: str) -> CachedValue | None:
        """What was put under the key. Counts."""
        found = self._entries.get((tenant, key))
        if found is None:
            self._misses += 1
            return None
        self._hits += 1
        return CachedValue(found.content, found.ends_at - self._clock())

    async def put(self, tenant: TenantId, key: str, content: bytes, seconds: float) -> None:
        """Keep bytes."""
        if len(key) > MOST_KEY_CHARACTERS or len(content) > MOST_VALUE_BYTES:
            return
        size = _ENTRY_BYTES + len(key) + len(content)
        if size > self._entries.maxsize:
            return
        self._entries[tenant, key] = _Entry(content, self._clock() + seconds, size)

    async def delete(self, tenant: TenantId, prefix: str) -> None:
        """Forget what has a key that begins so."""
        doomed = [
            each for each in self._entries if each[0] == tenant and each[1].startswith(prefix)
        ]
        for each in doomed:
            self._entries.pop(each, None)

    def state(self) -> CacheState:
        """How it did, and what it holds."""
        self._entries.expire()
        size = round(self._entries.currsize)
        return CacheState(self._hits, self._misses, len(self._entries), size)
