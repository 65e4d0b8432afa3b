"""What the analysis of a collection's queries depends on: its languages and its synonyms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import orjson
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from groundwell.domain.documents import CollectionId, DocumentUid, JsonValue, TenantId
from groundwell.domain.errors import NotFoundError
from groundwell.domain.languages import DEFAULT_LANGUAGE
from groundwell.store.collection_versions import note_change
from groundwell.store.database import Database, Row


@dataclass(frozen=True, slots=True)
class StoredSynonyms:
    """The bundled packs that are on, by name, and the collection's own entries, by phrase."""

    packs: tuple[str, ...] = ()
    entries: Mapping[str, JsonValue] = field(default_factory=dict)


def languages_of(profile: str) -> tuple[str, ...]:
    """The languages in a collection's profile, at least the default."""
    return tuple(profile.partition("#")[0].split(",")) if profile else (DEFAULT_LANGUAGE,)


def has_synonyms(profile: str) -> bool:
    """Whether a collection with this profile has synonyms."""
    return bool(profile.partition("#")[2])


async def load_synonyms(
    database: Database, tenant: TenantId, collection: str
) -> tuple[str, StoredSynonyms]:
    """The profile of the collection of that name, and its synonyms.

    Raises NotFoundError when there is no such collection.
    """
    async with database.transaction(tenant) as connection:
        return await read_synonyms(connection, collection)


async def read_synonyms(
    connection: AsyncConnection[Row], collection: str
) -> tuple[str, StoredSynonyms]:
    """As `load_synonyms`, in the caller's transaction."""
    cursor = await connection.execute(
        "SELECT profile, synonym_packs, synonym_entries FROM collections WHERE name = %s",
        (collection,),
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFoundError(f"There is no collection '{collection}'.", code="collection_not_found")
    return row[0], StoredSynonyms(tuple(row[1]), row[2])


async def save_synonyms(
    connection: AsyncConnection[Row], collection: CollectionId, synonyms: StoredSynonyms
) -> None:
    """Replace the collection's synonyms. The next search of every process knows them.

    To be called at the end of a transaction: it takes the lock on the collection's version.
    """
    packs, entries = list(synonyms.packs), dict(synonyms.entries)
    content = orjson.dumps([packs, entries], default=dict, option=orjson.OPT_SORT_KEYS)
    digest = sha256(content).hexdigest()[:32] if packs or entries else ""
    await connection.execute(
        "UPDATE collections SET synonym_packs = %s, synonym_entries = %s, synonyms_digest = %s"
        " WHERE id = %s",
        (packs, Jsonb(entries), digest, collection),
    )
    await note_change(connection, collection)


async def count_languages(
    connection: AsyncConnection[Row], collection: CollectionId, added: Mapping[str, int]
) -> None:
    """Add searchable documents, by language; negative to take them away. Needs the lock."""
    cursor = await connection.execute(
        "SELECT language_counts FROM collections WHERE id = %s", (collection,)
    )
    row = await cursor.fetchone()
    counts = Counter({} if row is None else row[0])
    counts.update(added)
    await connection.execute(
        "UPDATE collections SET language_counts = %s WHERE id = %s",
        (Jsonb({language: n for language, n in counts.items() if n > 0}), collection),
    )


async def forget_languages(
    connection: AsyncConnection[Row], collection: CollectionId, uids: Sequence[DocumentUid]
) -> None:
    """Take documents away that are searchable still. Needs the collection's lock."""
    cursor = await connection.execute(
        "SELECT language, -count(*) FROM documents"
        " WHERE uid = ANY(%s) AND language IS NOT NULL GROUP BY language",
        (list(uids),),
    )
    await count_languages(connection, collection, dict(await cursor.fetchall()))
