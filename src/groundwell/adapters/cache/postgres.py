"""A cache in Postgres: one for all processes."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from groundwell.domain.caching import CacheState
from groundwell.domain.documents import TenantId
from groundwell.domain.errors import GroundwellError
from groundwell.ports.cache import MOST_KEY_CHARACTERS, MOST_VALUE_BYTES, CachedValue
from groundwell.store.database import Database

_MOST_BYTES = 64 << 20
# So much is put before somebody looks whether it is too much.
_SHARE_BETWEEN_LOOKS = 16

_log = logging.getLogger(__name__)


class PostgresCache:
    """Keeps `most_bytes` for each tenant, in an unlogged table, on the clock of the database.

    After a crash of the database it is empty: no request waits for a disk. What was put first
    leaves first. While several processes put at once, each may go a sixteenth beyond the bound.
    """

    def __init__(self, database: Database, most_bytes: int = _MOST_BYTES) -> None:
        self._database = database
        self._most_bytes = most_bytes
        self._put_since_look: defaultdict[TenantId, int] = defaultdict(int)
        self._hits = 0
        self._misses = 0

    async def get(self, tenant: TenantId, key: str) -> CachedValue | None:
        """What was put under the key, in one round trip. Counts."""
        async with _nothing_on_failure():
            rows = await self._database.fetch(
                "SELECT content, seconds_left FROM read_cache(%s, %s)", tenant, key
            )
            if rows:
                self._hits += 1
                return CachedValue(*rows[0])
        self._misses += 1
        return None

    async def put(self, tenant: TenantId, key: str, content: bytes, seconds: float) -> None:
        """Keep bytes."""
        if len(key) > MOST_KEY_CHARACTERS or len(content) > MOST_VALUE_BYTES:
            return
        async with _nothing_on_failure():
            await self._database.fetch(
                "SELECT put_into_cache(%s, %s, %s::bytea, %s)", tenant, key, content, seconds
            )
            self._put_since_look[tenant] += len(content)
            if self._put_since_look[tenant] > self._most_bytes // _SHARE_BETWEEN_LOOKS:
                del self._put_since_look[tenant]
                await self._database.fetch("SELECT trim_cache(%s, %s)", tenant, self._most_bytes)

    async def delete(self, tenant: TenantId, prefix: str) -> None:
        """Forget what has a key that begins so."""
        async with _nothing_on_failure():
            await self._database.fetch("SELECT delete_from_cache(%s, %s)", tenant, prefix)

    def state(self) -> CacheState:
        """How this process fared with it."""
        return CacheState(self._hits, self._misses)


@asynccontextmanager
async def _nothing_on_failure() -> AsyncIterator[None]:
    """A cache that is away is no error of the request, which goes on without it."""
    try:
        yield
    except (psycopg.Error, GroundwellError) as error:
        _log.warning("work goes on without the shared cache: %s", " ".join(str(error).split()))
