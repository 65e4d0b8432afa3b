"""The version of a collection: a number that changes with everything that a search could show."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import LiteralString

from psycopg import AsyncConnection

from groundwell.domain.documents import CollectionId
from groundwell.domain.sharing import Asking
from groundwell.store.database import Database, Row

_VERSION: LiteralString = "SELECT * FROM read_collection_version(%s, %s)"


@dataclass(frozen=True, slots=True)
class CollectionVersion:
    """A state of a collection for some of its users. Two that are equal found the same passages.

    `access`: the access lists, of those that the collection's documents have, that who asks is on.
    """

    collection: CollectionId
    number: int
    access: tuple[int, ...] = ()

    def label(self) -> str:
        """The version in the keys of caches (`domain/cache_keys.py`)."""
        lists = ",".join(map(str, self.access)).encode()
        readable = blake2b(lists, digest_size=8).hexdigest() if lists else "all"
        return f"{self.collection.hex}.{self.number}.{readable}"


async def load_version(
    database: Database, asking: Asking, collection: str
) -> CollectionVersion | None:
    """The collection's version, in one statement; None when the tenant has no such collection."""
    rows = await database.fetch(_VERSION, asking, collection)
    if not rows:
        return None
    identity, number, access = rows[0]
    return CollectionVersion(CollectionId(identity), number, tuple(access))


async def note_change(connection: AsyncConnection[Row], collection: CollectionId) -> None:
    """Give the collection a new version, at the end of the caller's transaction.

    Documents and statistics do so by themselves. This is for what triggers do not watch.
    """
    await connection.execute("SELECT note_collection_change(%s)", (collection,))
