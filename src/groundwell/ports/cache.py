"""The port of caches that requests share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from groundwell.domain.documents import TenantId

MOST_KEY_CHARACTERS = 1000
MOST_VALUE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class CachedValue:
    """Bytes that were kept, and the seconds for which they still count."""

    content: bytes
    seconds_left: float


class Cache(Protocol):
    """Keeps bytes for a time, for whoever would otherwise compute them again.

    Promises: what is found was put by the same tenant under the same key, and is not older than its
    time; the newest of several counts; what is kept is bounded, and may go at any moment. Nothing
    that goes wrong with a cache is an error of whoever uses it: then nothing is found, and nothing
    is kept. A key of more than `MOST_KEY_CHARACTERS` or a value of more than `MOST_VALUE_BYTES` is
    not kept either. `domain/cache_keys.py` makes the keys.
    """

    async def get(self, tenant: TenantId, key: str) -> CachedValue | None:
        """What was put under the key; None if it is not there any more, or never was."""
        ...

    async def put(self, tenant: TenantId, key: str, content: bytes, seconds: float) -> None:
        """Keep bytes for so many seconds."""
        ...

    async def delete(self, tenant: TenantId, prefix: str) -> None:
        """Forget whatever of the tenant has a key that begins so.

        Other processes may go on giving it for half a minute: what must not be given any more
        needs a key of its own, which names the version of what it was made of.
        """
        ...
