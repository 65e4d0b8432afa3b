"""The blob store port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol


class BlobStore(Protocol):
    """Keeps original bytes under a key.

    Promises: when `put` returns, the blob survives a crash; a reader sees the whole blob or
    none; putting the same key again is harmless. Keys match `[a-z0-9/._-]+`.

    Errors: NotFoundError for a missing key, UnavailableError when the store is away.
    """

    async def put(self, key: str, source: Path) -> None:
        """Store the file at `source` under `key`."""
        ...

    async def fetch(self, key: str, target: Path) -> None:
        """Write the blob to the file `target`."""
        ...

    def stream(self, key: str) -> AsyncIterator[bytes]:
        """The blob's bytes in pieces."""
        ...

    async def delete(self, key: str) -> None:
        """Remove the blob; a missing one is not an error."""
        ...

    async def is_available(self) -> bool:
        """Whether the store answers."""
        ...
