"""Looking for what is out of step: rows without files, files without rows, wrong counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import LiteralString
from uuid import UUID

from psycopg import AsyncConnection, sql

from groundwell.domain.documents import CollectionId, DocumentUid, TenantId
from groundwell.domain.uploads import digest_of
from groundwell.ports.blob_store import BlobEntry, BlobStore
from groundwell.store.database import Database, Row

# A file is stored before its document is. This is far longer than any upload takes.
_GRACE = timedelta(hours=1)

_STUCK: LiteralString = """
    WITH queued AS (
        SELECT unnest(string_to_array(coalesce(j.args->>'documents', j.args->>'awaited'), ' '))
               AS uid, j.args ? 'awaited' AS is_awaited
        FROM procrastinate_jobs j WHERE j.status IN ('todo', 'doing')
    )
    SELECT d.tenant_id, d.collection_id, d.uid, d.id FROM documents d
    WHERE d.status IN ('pending', 'indexing')
      AND NOT EXISTS (SELECT FROM queued q WHERE q.uid = d.uid::text
                      AND q.is_awaited = (d.stage = 'awaiting_upload'))
    ORDER BY d.uid
"""
_INCOMPLETE: LiteralString = """
    WITH held AS (
        SELECT c.document_uid, c.version_id, count(*) AS chunks, count(t.chunk_id) AS terms,
               count(v.chunk_id) AS vectors
        FROM chunks c
        LEFT JOIN chunk_terms t ON t.chunk_id = c.id
        LEFT JOIN {vectors} v ON v.chunk_id = c.id
        GROUP BY c.document_uid, c.version_id
    )
    SELECT d.tenant_id, d.collection_id, d.uid, d.id FROM documents d
    LEFT JOIN held h ON h.document_uid = d.uid AND h.version_id = d.active_version_id
    WHERE d.status = 'complete'
      AND (d.chunk_count, d.chunk_count, d.chunk_count) IS DISTINCT FROM
          (coalesce(h.chunks, 0), coalesce(h.terms, 0), coalesce(h.vectors, 0))
    ORDER BY d.uid
"""
_MISCOUNTED: LiteralString = """
    WITH chunked AS (
        SELECT collection_id, count(*) AS chunks, sum(length) AS terms,
               count(*) FILTER (WHERE access_id <> 0) AS restricted
        FROM chunk_terms GROUP BY collection_id
    ), spoken AS (
        SELECT collection_id, jsonb_object_agg(language, n) AS languages
        FROM (SELECT collection_id, language, count(*) AS n FROM documents
              WHERE language IS NOT NULL GROUP BY collection_id, language) AS l
        GROUP BY collection_id
    ), frequent AS (
        SELECT t.collection_id, t.access_id,
               substr(u.lexeme, strpos(u.lexeme, ':') + 1) AS term, count(*) AS n
        FROM chunk_terms t, unnest(t.lexemes) AS u GROUP BY 1, 2, 3
        UNION ALL
        SELECT collection_id, access_id, '', count(*) FROM chunk_terms
        WHERE access_id <> 0 GROUP BY 1, 2
    ), stored AS (
        SELECT collection_id, 0 AS access_id, term, document_frequency FROM term_statistics
        UNION ALL
        SELECT collection_id, access_id, term, document_frequency FROM restricted_terms
    ), wrong AS (
        SELECT coalesce(f.collection_id, s.collection_id) AS collection_id
        FROM frequent f FULL JOIN stored s
          ON s.collection_id = f.collection_id AND s.access_id = f.access_id AND s.term = f.term
        WHERE coalesce(f.n, 0) <> coalesce(s.document_frequency, 0)
    )
    SELECT c.tenant_id, c.id, c.name FROM collections c
    LEFT JOIN chunked k ON k.collection_id = c.id
    LEFT JOIN spoken l ON l.collection_id = c.id
    WHERE c.chunk_count <> coalesce(k.chunks, 0)
       OR c.term_count <> coalesce(k.terms, 0)
       OR c.restricted_chunks <> coalesce(k.restricted, 0)
       OR c.language_counts <> coalesce(l.languages, '{}')
       OR c.id IN (SELECT w.collection_id FROM wrong w)
    ORDER BY c.id
"""
_STRAY_VERSIONS: LiteralString = """
    SELECT v.tenant_id, v.collection_id FROM collection_versions v
    WHERE NOT EXISTS (SELECT FROM collections c WHERE c.id = v.collection_id)
"""
_MISCOUNTED_TENANTS: LiteralString = """
    WITH counted AS (
        SELECT tenant_id, sum(bytes) AS bytes, sum(documents) AS documents,
               sum(chunks) AS chunks, sum(queued) AS queued
        FROM (SELECT tenant_id, bytes, documents, chunks, queued FROM tenant_usage
              UNION ALL
              SELECT tenant_id, bytes, documents, chunks, queued FROM usage_changes) AS parts
        GROUP BY tenant_id
    ), kept AS (
        SELECT tenant_id, sum(file_size) AS bytes FROM document_versions GROUP BY tenant_id
    ), there AS (
        SELECT tenant_id, count(*) AS documents, sum(chunk_count) AS chunks,
               count(*) FILTER (WHERE status IN ('pending', 'indexing')) AS queued
        FROM documents GROUP BY tenant_id
    )
    SELECT t.id FROM tenants t
    LEFT JOIN counted c ON c.tenant_id = t.id
    LEFT JOIN kept k ON k.tenant_id = t.id
    LEFT JOIN there d ON d.tenant_id = t.id
    WHERE (coalesce(c.bytes, 0), coalesce(c.documents, 0), coalesce(c.chunks, 0),
           coalesce(c.queued, 0)) IS DISTINCT FROM
          (coalesce(k.bytes, 0), coalesce(d.documents, 0), coalesce(d.chunks, 0),
           coalesce(d.queued, 0))
    ORDER BY t.id
"""
_FILES: LiteralString = """
    SELECT v.blob_key, min(d.id), min(v.file_size)
    FROM document_versions v JOIN documents d ON d.uid = v.document_uid
    WHERE v.blob_key IS NOT NULL GROUP BY v.blob_key
"""


@dataclass(frozen=True, slots=True)
class FoundDocument:
    """A document of any tenant. `id` is the one that people know."""

    tenant: TenantId
    collection: CollectionId
    uid: DocumentUid
    id: str


@dataclass(frozen=True, slots=True)
class FoundCollection:
    """A collection of any tenant; the name is empty where it is gone."""

    tenant: TenantId
    id: CollectionId
    name: str


@dataclass(frozen=True, slots=True)
class StoredFile:
    """An original: the id of a document that has it, and its length in bytes."""

    document: str
    size: int


@dataclass(frozen=True, slots=True)
class OutOfStep:
    """What does not fit together.

    stuck:          documents that wait for a job that does not exist
    incomplete:     searchable documents some of whose chunks, terms or vectors are missing
    miscounted:     collections whose statistics are not those of their chunks
    miscounted_tenants: tenants that hold something else than is counted for their quotas
    stray_versions: versions of collections that are gone
    unused_blobs:   files, older than an hour, of no document
    lost_files:     ids of documents whose original is missing; nothing but a new upload mends it
    damaged_files:  ids of documents whose original has another length than it was stored with
    """

    stuck: tuple[FoundDocument, ...] = ()
    incomplete: tuple[FoundDocument, ...] = ()
    miscounted: tuple[FoundCollection, ...] = ()
    miscounted_tenants: tuple[TenantId, ...] = ()
    stray_versions: tuple[FoundCollection, ...] = ()
    unused_blobs: tuple[str, ...] = ()
    lost_files: tuple[str, ...] = ()
    damaged_files: tuple[str, ...] = ()


async def survey(database: Database, blobs: BlobStore) -> OutOfStep:
    """Everything that is out of step, at one moment. Reads every chunk: seconds for 100,000."""
    kept = {key: entry async for key, entry in blobs.entries()}
    async with database.survey_transaction() as connection:
        stuck = await _documents(connection, sql.SQL(_STUCK))
        incomplete: tuple[FoundDocument, ...] = ()
        cursor = await connection.execute("SELECT id FROM embedding_spaces WHERE state = 'active'")
        for (space,) in await cursor.fetchall():
            vectors = sql.Identifier(f"space_{space:d}")
            incomplete = await _documents(connection, sql.SQL(_INCOMPLETE).format(vectors=vectors))
        miscounted = await (await connection.execute(_MISCOUNTED)).fetchall()
        tenants = await (await connection.execute(_MISCOUNTED_TENANTS)).fetchall()
        stray = await (await connection.execute(_STRAY_VERSIONS)).fetchall()
        files = await list_files(connection)
    missing = files.keys() - kept.keys()
    if missing:
        # What came between the two looks is not missing.
        missing -= {key async for key, _ in blobs.entries()}
    before = datetime.now(UTC) - _GRACE
    return OutOfStep(
        stuck=stuck,
        incomplete=incomplete,
        miscounted=tuple(FoundCollection(*_ids(row), row[2]) for row in miscounted),
        miscounted_tenants=tuple(TenantId(tenant) for (tenant,) in tenants),
        stray_versions=tuple(FoundCollection(*_ids(row), "") for row in stray),
        unused_blobs=tuple(
            sorted(k for k, e in kept.items() if k not in files and e.changed_at < before)
        ),
        lost_files=tuple(sorted(files[key].document for key in missing)),
        damaged_files=tuple(sorted(_of_other_lengths(files, kept))),
    )


async def list_files(connection: AsyncConnection[Row]) -> dict[str, StoredFile]:
    """All files that versions name, by their keys in the blob store."""
    rows = await (await connection.execute(_FILES)).fetchall()
    return {key: StoredFile(document, size) for key, document, size in rows}


def _of_other_lengths(
    files: Mapping[str, StoredFile], kept: Mapping[str, BlobEntry]
) -> Iterator[str]:
    for key, file in files.items():
        # What others put somewhere is compared when it is fetched.
        if key in kept and digest_of(key) is not None and kept[key].size != file.size:
            yield file.document


async def find_stuck(database: Database) -> OutOfStep:
    """Only documents that wait for nothing: a look that is quick enough for every start."""
    async with database.survey_transaction() as connection:
        return OutOfStep(stuck=await _documents(connection, sql.SQL(_STUCK)))


async def _documents(
    connection: AsyncConnection[Row], query: sql.SQL | sql.Composed
) -> tuple[FoundDocument, ...]:
    rows = await (await connection.execute(query)).fetchall()
    return tuple(FoundDocument(*_ids(row), DocumentUid(row[2]), row[3]) for row in rows)


def _ids(row: Row) -> tuple[TenantId, CollectionId]:
    tenant: UUID = row[0]
    collection: UUID = row[1]
    return TenantId(tenant), CollectionId(collection)
