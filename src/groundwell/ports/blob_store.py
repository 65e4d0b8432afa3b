"""The blob store port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class BlobEntry:
    """A blob in a list: its length in bytes, and when it was put there last."""

    size: int
    changed_at: datetime


class BlobStore(Protocol):
    """Keeps original bytes under a key.

    Promises: when `put` returns, the blob survives a crash; a reader sees the whole blob or
    none; putting the same key again is harmless. Keys match `[a-z0-9/._-]+`.

    Errors: NotFoundError for a missing key, UnavailableError when the store is away. Who says the
    `size` that a blob must have gets DamagedFileError, and not a byte, where it has another.
    """

    async def put(self, key: str, source: Path) -> None:
        """Store the file at `source` under `key`."""
        ...

    async def fetch(self, key: str, target: Path, size: int | None = None) -> None:
        """Write the blob to the file `target`."""
        ...

    def stream(self, key: str, size: int | None = None) -> AsyncIterator[bytes]:
        """The blob's bytes in pieces."""
        ...

    async def size_of(self, key: str) -> int:
        """The blob's length in bytes."""
        ...

    async def sign_put(self, key: str, lifetime: timedelta) -> str | None:
        """An address at which anybody may put the blob by an HTTP PUT, for that long.

        None where the store has no address of its own, or cannot sign one.
        """
        ...

    async def delete(self, key: str) -> None:
        """Remove the blob; a missing one is not an error."""
        ...

    def entries(self) -> AsyncIterator[tuple[str, BlobEntry]]:
        """The key of each blob, and what is known of it without reading it.

        What a process that died has left of one counts as a blob too: it can be deleted.
        """
        ...

    async def is_available(self) -> bool:
        """Whether the store answers."""
        ...
