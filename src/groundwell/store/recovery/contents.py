"""Reading everything, to find what is as large as it should be and something else all the same."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import LiteralString
from uuid import UUID

from psycopg import AsyncConnection, sql

from groundwell.domain.documents import CollectionId, DocumentUid, TenantId
from groundwell.domain.errors import NotFoundError
from groundwell.domain.uploads import digest_of
from groundwell.ports.blob_store import BlobStore
from groundwell.store.database import Database, Row
from groundwell.store.recovery.survey import FoundDocument, list_files

# A store at a distance answers many at once as fast as one.
_AT_ONCE = 8
_FILES_PER_REPORT = 1000
_PAGE = 200
_FIRST = UUID(int=0)
# Without words a text has no token bits, and so has every text of a space without tokens. Where
# there are so many words, some token is one.
_WORDS_THAT_TELL = 8

_INDEXED: LiteralString = """
    SELECT tenant_id, collection_id, uid, id, active_version_id FROM documents
    WHERE status = 'complete' AND uid > %s ORDER BY uid LIMIT %s
"""
# Each text is read once, whatever the number of its chunks: to cut a chunk out of it by SQL would
# unpack all of it again.
_TEXTS: LiteralString = """
    SELECT v.text, array_agg(c.text), array_agg(c.char_start), array_agg(c.char_end),
           bool_or(octet_length(s.token_bits) %% e.row_bytes <> 0 OR (e.has_tokens
                   AND t.length >= %(words)s AND octet_length(s.token_bits) = 0))
    FROM document_versions v
    JOIN chunks c ON c.version_id = v.id
    JOIN chunk_terms t ON t.chunk_id = c.id
    JOIN {vectors} s ON s.chunk_id = c.id,
    (SELECT (dimension + 7) / 8 AS row_bytes, 0 <> ANY(centre) AS has_tokens
     FROM embedding_spaces WHERE state = 'active') AS e
    WHERE v.id = %(version)s GROUP BY v.id
"""

Report = Callable[[str], None]


async def find_damaged_files(
    database: Database, blobs: BlobStore, report: Report
) -> tuple[str, ...]:
    """Ids of documents whose original has another SHA-256 than it was stored under.

    Reads all files, which takes as long as the store needs for that. Files that are missing are
    found by `survey`.
    """
    async with database.survey_transaction() as connection:
        files = await list_files(connection)
    keys = [key for key in files if digest_of(key) is not None]
    damaged: list[str] = []
    for start in range(0, len(keys), _AT_ONCE):
        group = keys[start : start + _AT_ONCE]
        answers = await asyncio.gather(*(_is_whole(blobs, key) for key in group))
        damaged += [
            files[key].document for key, whole in zip(group, answers, strict=True) if not whole
        ]
        if start % _FILES_PER_REPORT == 0 and start:
            report(f"{start} of {len(keys)} files are read.")
    return tuple(sorted(damaged))


async def _is_whole(blobs: BlobStore, key: str) -> bool:
    digest = hashlib.sha256()
    try:
        async for piece in blobs.stream(key):
            digest.update(piece)
    except NotFoundError:
        return True
    return digest.hexdigest() == digest_of(key)


async def find_altered(database: Database) -> tuple[FoundDocument, ...]:
    """Searchable documents whose chunks are not what stands in their text, or cannot be ranked."""
    found: list[FoundDocument] = []
    after = _FIRST
    while True:
        async with database.survey_transaction() as connection:
            cursor = await connection.execute(_INDEXED, (after, _PAGE))
            rows = await cursor.fetchall()
            if not rows:
                return tuple(found)
            query = await _texts_of_active_space(connection)
            for row in rows:
                if await _is_altered(connection, query, row[4]):
                    place = (TenantId(row[0]), CollectionId(row[1]))
                    found.append(FoundDocument(*place, DocumentUid(row[2]), row[3]))
        after = rows[-1][2]


async def _texts_of_active_space(connection: AsyncConnection[Row]) -> sql.Composed:
    cursor = await connection.execute("SELECT id FROM embedding_spaces WHERE state = 'active'")
    (space,) = await cursor.fetchall()
    return sql.SQL(_TEXTS).format(vectors=sql.Identifier(f"space_{space[0]:d}"))


async def _is_altered(connection: AsyncConnection[Row], query: sql.Composed, version: UUID) -> bool:
    given = {"version": version, "words": _WORDS_THAT_TELL}
    row = await (await connection.execute(query, given)).fetchone()
    if row is None:
        # Nothing of it is left, which is for `survey` to say.
        return False
    text, chunks, starts, ends, has_bad_bits = row
    places = zip(chunks, starts, ends, strict=True)
    return has_bad_bits or any(chunk != text[start:end] for chunk, start, end in places)
