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
    Stage,
    TenantId,
    Visibility,
)
from groundwell.domain.errors import ConflictError, UnavailableError
from groundwell.store.access_lists import EVERYBODY, ensure_access, set_access
from groundwell.store.announced import drop_unsent
from groundwell.store.chunks import lock_collection
from groundwell.store.database import Row
from groundwell.store.known_documents import Known, NewDocument, find_known

__all__ = ["Accepted", "NewDocument", "accept_documents"]

_ROUNDS = 5
_OWN_ATTRIBUTES = ("document_id", "filename", "uploaded_at")


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a document that was handed in. `has_work`: it has to be ingested."""

    uid: DocumentUid
    id: str
    status: DocumentStatus
    version: int
    has_work: bool


async def accept_documents(
    connection: AsyncConnection[Row],
    tenant: TenantId,
    collection: CollectionId,
    documents: Sequence[NewDocument],
    owner: UUID | None = None,
) -> list[Accepted]:
    """Record documents of a user in the caller's transaction, one answer for each, in order.

    The same bytes of a known document change its title, metadata and sharing, where these are
    given, and nothing else, unless it had failed: then it is tried again. Ids and identities must
    be distinct within one call. Known are documents that the whole tenant sees, and those that the
    owner keeps to himself or to some: no upload finds, or changes, what others keep so.
    """
    if any(document.sharing is not None for document in documents):
        # Who changes what the index counts takes this lock before those of documents.
        await lock_collection(connection, collection)
    answers: dict[int, Accepted] = {}
    for _ in range(_ROUNDS):
        waiting = {i: d for i, d in enumerate(documents) if i not in answers}
        if not waiting:
            break
        known = await find_known(connection, collection, list(waiting.values()), owner)
        fresh: dict[int, NewDocument] = {}
        for index, document in waiting.items():
            match = known.match(document)
            if match is None:
                fresh[index] = document
            else:
                answers[index] = await _accept_known(connection, tenant, match, document)
                await _share_anew(connection, tenant, match, document, owner)
        # Whoever inserts the same identity at the same moment wins; it is then found as known.
        answers |= await _insert(connection, tenant, collection, fresh, owner)
    else:
        raise UnavailableError(
            "The same document is being uploaded many times at once. Try again.",
            retry_after_seconds=1,
        )
    return [answers[index] for index in range(len(documents))]


async def _accept_known(
    connection: AsyncConnection[Row], tenant: TenantId, known: Known, document: NewDocument
) -> Accepted:
    is_same = document.sha256 is not None and known.sha256 == document.sha256
    if is_same:
        await _describe_anew(connection, known, document)
    if is_same and known.status != DocumentStatus.FAILED:
        return Accepted(DocumentUid(known.uid), known.id, known.status, known.version, False)
    if document.awaits_bytes and not is_same and known.is_being_ingested:
        # The bytes that are here would give way to some that may never come.
        raise ConflictError(
            f"The document '{known.id}' is being indexed. Announce its next version when it is "
            "complete, or cancel what is going on.",
            code="ingestion_in_progress",
        )
    version = known.version if is_same else known.version + 1
    stage = Stage.QUEUED if is_same else _first_stage(document)
    if not is_same:
        await drop_unsent(connection, known.uid)
        await _insert_version(connection, tenant, [(known.uid, known.id, version, document)])
    # What the new version brings along takes effect with its text, in one transaction.
    await connection.execute(
        "UPDATE documents SET status = 'pending', stage = %s, progress = 0, version = %s,"
        " attempts = 0, fence = fence + 1, error_code = NULL, error_message = NULL,"
        " updated_at = now() WHERE uid = %s",
        (stage, version, known.uid),
    )
    return Accepted(DocumentUid(known.uid), known.id, DocumentStatus.PENDING, version, True)


async def _describe_anew(
    connection: AsyncConnection[Row], known: Known, document: NewDocument
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


async def _share_anew(
    connection: AsyncConnection[Row],
    tenant: TenantId,
    known: Known,
    document: NewDocument,
    owner: UUID | None,
) -> None:
    """Other viewers, where some are named and the document is the owner's."""
    if document.sharing is None or owner is None or known.owner != owner:
        return
    access_id = await ensure_access(connection, tenant, owner, document.sharing)
    if access_id != known.access_id:
        await set_access(connection, DocumentUid(known.uid), owner, access_id)


async def _insert(
    connection: AsyncConnection[Row],
    tenant: TenantId,
    collection: CollectionId,
    documents: dict[int, NewDocument],
    owner: UUID | None,
) -> dict[int, Accepted]:
    if not documents:
        return {}
    access = {
        index: await _access_of(connection, tenant, document, owner)
        for index, document in documents.items()
    }
    # In one order for everybody: two batches with the same documents must not wait in a circle.
    rows = {uuid4(): i for i in sorted(documents, key=lambda index: documents[index].identity)}
    async with connection.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO documents (uid, tenant_id, collection_id, id, s3_key, filename, title,"
            " media_type, file_size, status, stage, metadata, attributes, owner_id, access_id)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, 'pending', %s, %s, %s, %s, %s)"
            " ON CONFLICT DO NOTHING RETURNING uid",
            [
                (*_row(uid, tenant, collection, documents[index]), owner, access[index])
                for uid, index in rows.items()
            ],
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


async def _access_of(
    connection: AsyncConnection[Row], tenant: TenantId, document: NewDocument, owner: UUID | None
) -> int:
    if document.sharing is None or document.sharing.visibility is Visibility.TENANT:
        return EVERYBODY
    assert owner is not None, "what is kept to some is somebody's"
    return await ensure_access(connection, tenant, owner, document.sharing)


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
        _first_stage(document),
        Jsonb(document.metadata or {}),
        Jsonb(_attributes(identity, document)),
    )


def _first_stage(document: NewDocument) -> Stage:
    return Stage.AWAITING_UPLOAD if document.awaits_bytes else Stage.QUEUED


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
                    None if document.awaits_bytes else document.sha256,
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
