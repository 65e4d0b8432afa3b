"""Two caches as one: a near one, and a far one that others share."""

from __future__ import annotations

from groundwell.domain.documents import TenantId
from groundwell.ports.cache import Cache, CachedValue

_NEAR_SECONDS = 30.0
"""How long the near one keeps things: what others have replaced or deleted is gone from it then."""


class TieredCache:
    """Asks the near cache first, and keeps there for a short while what the far one knew."""

    def __init__(self, near: Cache, far: Cache) -> None:
        self._near = near
        self._far = far

    async def get(self, tenant: TenantId, key: str) -> CachedValue | None:
        """What one of them knows."""
        found = await self._near.get(tenant, key)
        if found is not None:
            return found
        found = await self._far.get(tenant, key)
        if found is not None:
            seconds = min(found.seconds_left, _NEAR_SECONDS)
            await self._near.put(tenant, key, found.content, seconds)
        return found

    async def put(self, tenant: TenantId, key: str, content: bytes, seconds: float) -> None:
        """Keep bytes in both."""
        await self._near.put(tenant, key, content, min(seconds, _NEAR_SECONDS))
        await self._far.put(tenant, key, content, seconds)

    async def delete(self, tenant: TenantId, prefix: str) -> None:
        """Forget in both, the far one first, so that nothing comes back from it."""
        await self._far.delete(tenant, prefix)
        await self._near.delete(tenant, prefix)
