"""The steps of a search that a request may switch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

MAX_NEIGHBOURS = 3
MAX_ROLE_CHARS = 80
MIN_HALF_LIFE_DAYS = 0.01
MAX_HALF_LIFE_DAYS = 100_000


@dataclass(frozen=True, slots=True)
class SearchSwitches:
    """What one search wants otherwise than the server is set; None: as the server is set.

    `role` tells the language model that words the variants who asks. `fusion` to
    `recency_half_life_days` say how the lists are joined, the last three what becomes of the
    ranking.
    """

    smoothing: bool | None = None
    spelling: bool | None = None
    variants: bool | None = None
    role: str | None = None
    feedback: bool | None = None
    fusion: Literal["min_max", "rrf"] | None = None
    dense_weight: float | None = None
    keyword_weight: float | None = None
    metadata_weight: float | None = None
    category: str | None = None
    recency_half_life_days: float | None = None
    max_per_document: int | None = None
    diversity: float | None = None
    neighbours: int | None = None

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> SearchSwitches:
        """The switches among a configuration's options, which were checked when it was stored."""
        names = [field.name for field in fields(cls)]
        return cls(**{name: options[name] for name in names if name in options})
