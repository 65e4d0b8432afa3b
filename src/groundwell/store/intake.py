"""Accepting documents: new ones, new versions of known ones, and the same again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from groundwell.domain.documents import (
    CollectionId,
    DocumentStatus,
    DocumentUid,
    Metadata,
    TenantId,
)
from groundwell.domain.errors import ConflictError, UnavailableError
from groundwell.store.database import Row

_ROUNDS = 5
_OWN_ATTRIBUTES = ("document_id", "filename", "uploaded_at")


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document that is handed in.

    `id` is the client's choice. `key` names the place that the bytes came from: new bytes of the
    same key are a new version. Without either, the bytes themselves are the identity. `text` is
    set when there is nothing to parse. `title` and `metadata` are None where nothing is said.
    """

    filename: str
    media_type: str
    file_size: int
    sha256: bytes
    id: str | None = None
    key: str | None = None
    title: str | None = None
    blob_key: str | None = None
    text: str | None = None
    metadata: Metadata | None = None

    @property
    def identity(self) -> str:
        """What makes the document unique in its collection."""
        if self.key is not None:
            return f"key/{self.key}"
        return f"id/{self.id}" if self.id is not None else f"sha256/{self.sha256.hex()}"


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a document that was handed in. `has_work`: it has to be ingested."""

    uid: DocumentUid
    id: str
    status: DocumentStatus
    version: int
    has_work: bool


@dataclass(frozen=True, slots=True)
class _Known:
    uid: UUID
    id: str
    key: str
    status: DocumentStatus
    version: int
    sha256: bytes
    title: str | None
    metadata: Metadata
    attributes: Metadata


async def accept_documents(
    connection: AsyncConnection[Row],
    tenant: TenantId,
    collection: CollectionId,
    documents: Sequence[NewDocument],
) -> list[Accepted]:
    """Record documents in the caller's transaction, one answer for each, in order.

    The same bytes of a known document change its title and metadata, where these are given, and
    nothing else, unless it had failed: then it is tried again. Ids and identities must be
    distinct within one call.
    """
    answers: dict[int, Accepted] = {}
    for _ in range(_ROUNDS):
        waiting = {i: d for i, d in enumerate(documents) if i not in answers}
        if not waiting:
            break
        known = await _find_known(connection, collection, list(waiting.values()))
        fresh: dict[int, NewDocument] = {}
        for index, document in waiting.items():
            match = known.match(document)
            if match is None:
                fresh[index] = document
            else:
                answers[index] = await _accept_known(connection, tenant, match, document)
        # Whoever inserts the same identity at the same moment wins; it is then found as known.
        answers |= await _insert(connection, tenant, collection, fresh)
    else:
        raise UnavailableError(
            "The same document is being uploaded many times at once. Try again.",
            retry_after_seconds=1,
        )
    return [answers[index] for index in range(len(documents))]


class _KnownDocuments:
    """Looks documents up by the client's id, by key, by bytes, in this order."""

    def __init__(self, rows: list[_Known]) -> None:
        self._by_id = {row.id: row for row in rows}
        self._by_key = {row.key: row for row in rows}
        self._by_bytes = {row.sha256: row for row in rows}

    def match(self, document: NewDocument) -> _Known | None:
        by_key = self._by_key.get(document.identity)
        if document.id is not None:
            if by_key is not None and by_key.id != document.id:
                raise ConflictError(
                    f"The key belongs to the document '{by_key.id}' of this collection already.",
                    code="key_in_use",
                )
            return self._by_id.get(document.id)
        return by_key or self._by_bytes.get(document.sha256)


async def _find_known(
    connection: AsyncConnection[Row], collection: CollectionId, documents: list[NewDocument]
) -> _KnownDocuments:
    cursor = await connection.execute(
        """
        SELECT d.uid, d.id, d.s3_key, d.status, d.version, v.sha256, v.given_title,
               v.metadata, v.attributes
        FROM documents d
        JOIN document_versions v ON v.document_uid = d.uid AND v.number = d.version
        WHERE d.collection_id = %s AND (d.id = ANY(%s) OR d.s3_key = ANY(%s)
              OR d.uid IN (SELECT w.document_uid FROM document_versions w WHERE w.sha256 = ANY(%s)))
        ORDER BY d.uid FOR UPDATE OF d
        """,
        (
            collection,
            [document.id for document in documents if document.id is not None],
            [document.identity for document in documents],
            [document.sha256 for document in documents if document.id is None],
        ),
    )
    return _KnownDocuments(
        [
            _Known(r[0], r[1], r[2], DocumentStatus(r[3]), r[4], r[5], r[6], r[7], r[8])
            for r in await cursor.fetchall()
        ]
    )


async def _accept_known(
    connection: AsyncConnection[Row], tenant: TenantId, known: _Known, document: NewDocument
) -> Accepted:
    is_same = known.sha256 == document.sha256
    if is_same:
        await _describe_anew(connection, known, document)
    if is_same and known.status != DocumentStatus.FAILED:
        return Accepted(DocumentUid(known.uid), known.id, known.status, known.version, False)
    version = known.version if is_same else known.version + 1
    if not is_same:
        await _insert_version(connection, tenant, [(known.uid, known.id, version, document)])
    # What the new version brings along takes effect with its text, in one transaction.
    await connection.execute(
        "UPDATE documents SET status = 'pending', stage = 'queued', progress = 0, version = %s,"
        " error_code = NULL, error_message = NULL, updated_at = now() WHERE uid = %s",
        (version, known.uid),
    )
    return Accepted(DocumentUid(known.uid), known.id, DocumentStatus.PENDING, version, True)


async def _describe_anew(
    connection: AsyncConnection[Row], known: _Known, document: NewDocument
) -> None:
    """Another title or metadata: at once where the bytes are searchable, else with their text."""
    title = known.title if document.title is None else document.title
    metadata = known.metadata if document.metadata is None else document.metadata
    if (title, metadata) == (known.title, known.metadata):
        return
    # The file is the old one, so what the system says of it stays.
    own = {name: known.attributes[name] for name in _OWN_ATTRIBUTES}
    values = (title, Jsonb(metadata), Jsonb({**metadata, **own}), known.uid)
    await connection.execute(
        "UPDATE document_versions SET given_title = %s, metadata = %s, attributes = %s"
        " WHERE document_uid = %s AND number = %s",
        (*values, known.version),
    )
    if known.status == DocumentStatus.COMPLETE:
        await connection.execute(
            "UPDATE documents SET title = coalesce(%s, title), metadata = %s, attributes = %s,"
            " updated_at = now() WHERE uid = %s",
            values,
        )


async def _insert(
    connection: AsyncConnection[Row],
    tenant: TenantId,
    collection: CollectionId,
    documents: dict[int, NewDocument],
) -> dict[int, Accepted]:
    if not documents:
        return {}
    # In one order for everybody: two batches with the same documents must not wait in a circle.
    rows = {uuid4(): i for i in sorted(documents, key=lambda index: documents[index].identity)}
    async with connection.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO documents (uid, tenant_id, collection_id, id, s3_key, filename, title,"
            " media_type, file_size, status, metadata, attributes)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, 'pending', %s, %s)"
            " ON CONFLICT DO NOTHING RETURNING uid",
            [_row(uid, tenant, collection, documents[index]) for uid, index in rows.items()],
            returning=True,
        )
        inserted = [row[0] async for result in cursor.results() for row in await result.fetchall()]
    versions = [(u, documents[rows[u]].id or str(u), 1, documents[rows[u]]) for u in inserted]
    await _insert_version(connection, tenant, versions)
    return {
        rows[uid]: Accepted(
            DocumentUid(uid), documents[rows[uid]].id or str(uid), DocumentStatus.PENDING, 1, True
        )
        for uid in inserted
    }


def _row(
    uid: UUID, tenant: TenantId, collection: CollectionId, document: NewDocument
) -> tuple[object, ...]:
    identity = document.id or str(uid)
    return (
        uid,
        tenant,
        collection,
        identity,
        document.identity,
        document.filename,
        document.title,
        document.media_type,
        document.file_size,
        Jsonb(document.metadata or {}),
        Jsonb(_attributes(identity, document)),
    )


def _attributes(document_id: str, document: NewDocument) -> Metadata:
    return {
        **(document.metadata or {}),
        "document_id": document_id,
        "filename": document.filename,
        "uploaded_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


async def _insert_version(
    connection: AsyncConnection[Row],
    tenant: TenantId,
    versions: Sequence[tuple[UUID, str, int, NewDocument]],
) -> None:
    async with connection.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO document_versions (id, tenant_id, document_uid, number, sha256, blob_key,"
            " filename, media_type, file_size, given_title, metadata, attributes, text)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                (
                    uuid4(),
                    tenant,
                    uid,
                    number,
                    document.sha256,
                    document.blob_key,
                    document.filename,
                    document.media_type,
                    document.file_size,
                    document.title,
                    Jsonb(document.metadata or {}),
                    Jsonb(_attributes(identity, document)),
                    document.text,
                )
                for uid, identity, number, document in versions
            ],
        )
