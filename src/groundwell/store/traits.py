"""Reading what ranking needs to know about the documents of many candidates, and no more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from groundwell.domain.chunks import ChunkId
from groundwell.domain.documents import JsonValue
from groundwell.domain.sharing import Asking
from groundwell.store.database import Database

_TRAITS: LiteralString = "SELECT * FROM read_traits(%s, %s::uuid[])"


@dataclass(frozen=True, slots=True)
class Traits:
    """Of which document a chunk is, and what its metadata say.

    `dates`: the fields `date`, `published` and `created_at`, those that are there, in this order.
    `category`: the field of that name, whatever it holds. `handed_in_at`: when the document's
    version came.
    """

    document: str
    dates: tuple[str, ...]
    category: JsonValue
    handed_in_at: datetime


async def load_traits(
    database: Database, asking: Asking, chunks: Sequence[ChunkId]
) -> dict[ChunkId, Traits]:
    """The traits of these chunks; chunks that are gone, or foreign, are left out."""
    if not chunks:
        return {}
    rows = await database.fetch(_TRAITS, asking, list(chunks))
    return {ChunkId(row[0]): Traits(row[1], tuple(row[2]), row[3], row[4]) for row in rows}
