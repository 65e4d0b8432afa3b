"""What a cache says of itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CacheState:
    """Look-ups since the start, and what is held now; None where others hold it too."""

    hits: int
    misses: int
    entries: int | None = None
    bytes: int | None = None
