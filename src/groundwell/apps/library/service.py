"""What the library decides."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import orjson
from psycopg import AsyncConnection

from groundwell.domain.audit import AuditAction, AuditEvent
from groundwell.domain.documents import (
    Collection,
    Document,
    DocumentName,
    DocumentStatus,
    PageSpan,
    TenantId,
    Waiting,
)
from groundwell.domain.errors import ForbiddenError
from groundwell.domain.identity import Principal
from groundwell.domain.sharing import Sharing, Viewer, check_change, check_owner, check_reading
from groundwell.retrieval.synonyms import BUNDLED, bundled_pack, parse_pack
from groundwell.services import Services
from groundwell.store import collections, documents
from groundwell.store.access_lists import ensure_access, set_access
from groundwell.store.audit import record
from groundwell.store.blobs import clear_blobs
from groundwell.store.chunks import delete_document, lock_collection
from groundwell.store.collection_profiles import StoredSynonyms, read_synonyms, save_synonyms
from groundwell.store.database import Row
from groundwell.web.cursors import read_cursor, write_cursor

_POLL_SECONDS = 0.3
_LOOKS_PER_WAIT = 10


@dataclass(frozen=True, slots=True)
class DocumentPage:
    """Some documents, where to go on, and how many there are in each state.

    `awaiting_upload`: how many of the pending ones are announced only.
    """

    documents: list[Document]
    next_cursor: str | None
    counts: dict[DocumentStatus, int]
    awaiting_upload: int


@dataclass(frozen=True, slots=True)
class Content:
    """A document's original bytes."""

    filename: str
    media_type: str
    pieces: AsyncIterator[bytes]


async def list_documents(
    services: Services,
    viewer: Viewer,
    collection: str | None,
    status: DocumentStatus | None,
    cursor: str | None,
    limit: int,
) -> DocumentPage:
    """A page of documents, newest first."""
    after = None if cursor is None else read_cursor(cursor)
    async with services.database.transaction(viewer) as connection:
        scope = None
        if collection is not None:
            scope = (await collections.get_collection(connection, collection)).id
        found = await documents.list_documents(connection, scope, status, after, limit + 1)
        counts = await documents.count_documents(connection, scope)
        awaiting = await documents.count_awaited(connection, scope)
    page = found[:limit]
    following = write_cursor(page[-1].created_at, page[-1].uid) if len(found) > limit else None
    return DocumentPage(page, following, counts, awaiting)


async def get_document(services: Services, viewer: Viewer, name: DocumentName) -> Document:
    """One document."""
    async with services.database.transaction(viewer) as connection:
        return await documents.get_document(connection, name)


async def read_state(
    services: Services, viewer: Viewer, name: DocumentName
) -> tuple[Document, Waiting | None]:
    """One document, and what it waits for, if it does."""
    async with services.database.transaction(viewer) as connection:
        document = await documents.get_document(connection, name)
        if document.status.is_terminal:
            return document, None
        return document, await services.ingestion.find_wait(connection, document.uid)


async def delete(services: Services, caller: Principal, name: DocumentName) -> None:
    """Delete a document with everything that was made from it.

    Raises ForbiddenError for what somebody else keeps to some.
    """
    viewer = Viewer.of(caller)
    document = await get_document(services, viewer, name)
    check_change(viewer, document.access)
    async with services.database.unrestricted.transaction(viewer) as connection:
        home = await collections.get_collection(connection, document.collection)
        blobs = await delete_document(connection, home.id, document.uid)
        await note(connection, caller, AuditAction.DOCUMENT_DELETED, document)
    await clear_blobs(services.database, services.blobs, blobs)


async def share(
    services: Services, caller: Principal, name: DocumentName, sharing: Sharing
) -> Document:
    """Change who may see a document; each search that begins from then on knows it.

    Raises ForbiddenError unless it is the caller's or he manages documents.
    """
    viewer = Viewer.of(caller)
    document = await get_document(services, viewer, name)
    check_owner(viewer, document.access)
    # What nobody in particular brought becomes his who closes it.
    owner = document.access.owner or viewer.user
    async with services.database.transaction(viewer) as connection:
        home = await collections.get_collection(connection, document.collection)
        await lock_collection(connection, home.id)
        access_id = await ensure_access(connection, viewer.tenant, owner, sharing)
        await set_access(connection, document.uid, owner, access_id)
        await note(connection, caller, AuditAction.DOCUMENT_SHARED, document)
        return await documents.get_document(
            connection, DocumentName(document.id, document.collection, owner)
        )


async def get_text(
    services: Services, viewer: Viewer, name: DocumentName
) -> tuple[Document, str, tuple[PageSpan, ...], int]:
    """A document, its text, its pages and the version they are of."""
    async with services.database.transaction(viewer) as connection:
        document = await documents.get_document(connection, name)
        check_reading(document.access)
        text, pages, version = await documents.load_text(connection, document.uid)
    return document, text, pages, version


async def find_content(services: Services, caller: Principal, name: DocumentName) -> Content:
    """A document's original bytes; for a text of a batch, the text. Nothing is read before that."""
    async with services.database.transaction(Viewer.of(caller)) as connection:
        document = await documents.get_document(connection, name)
        check_reading(document.access)
        blob, filename, media_type, text, size = await documents.find_content(
            connection, document.uid
        )
        await note(connection, caller, AuditAction.DOCUMENT_EXPORTED, document)
    pieces = _encoded(text or "") if blob is None else services.blobs.stream(blob, size)
    return Content(filename, media_type, pieces)


async def begin_reading(content: Content) -> Content:
    """The same, with its first piece read: what is wrong with a file comes out here."""
    first = await anext(content.pieces, b"")
    return replace(content, pieces=_rejoined(first, content.pieces))


async def watch_document(
    services: Services, viewer: Viewer, name: DocumentName
) -> AsyncIterator[tuple[Document, Waiting | None]]:
    """The document each time it has moved on, or waits for something else, until it is finished."""
    last: tuple[object, Waiting | None] | None = None
    waiting = None
    for look in itertools.count():
        # Only now and then: to find what a document waits for, the whole queue is looked at.
        if look % _LOOKS_PER_WAIT == 0:
            document, waiting = await read_state(services, viewer, name)
        else:
            document = await get_document(services, viewer, name)
        moment = (document.status, document.stage, document.progress, document.version)
        if last is not None and moment != last[0]:
            waiting = None
        if (moment, waiting) != last:
            yield document, waiting
            last = (moment, waiting)
        if document.status.is_terminal:
            return
        await asyncio.sleep(_POLL_SECONDS)


async def create_collection(
    services: Services, tenant: TenantId, name: str, description: str, chunking: str | None
) -> Collection:
    """Make a collection."""
    async with services.database.transaction(tenant) as connection:
        return await collections.insert_collection(
            connection, tenant, name, description, chunking or services.chunking
        )


async def list_collections(services: Services, viewer: Viewer) -> list[Collection]:
    """All collections."""
    async with services.database.transaction(viewer) as connection:
        return await collections.list_collections(connection)


async def get_collection(services: Services, viewer: Viewer, name: str) -> Collection:
    """One collection."""
    async with services.database.transaction(viewer) as connection:
        return await collections.get_collection(connection, name)


async def delete_collection(services: Services, caller: Principal, name: str) -> None:
    """Delete a collection with its documents.

    Raises ForbiddenError when it holds what others keep to some, unless the caller manages it.
    """
    viewer = Viewer.of(caller)
    async with services.database.unrestricted.transaction(viewer) as connection:
        collection = await collections.get_collection(connection, name)
        await lock_collection(connection, collection.id)
        if not viewer.manages and await collections.holds_of_others(
            connection, collection.id, viewer.user
        ):
            raise ForbiddenError(
                "The collection holds documents that only an administrator may delete with it.",
                code="not_your_document",
            )
        blobs = await collections.delete_collection(connection, name)
        event = AuditEvent(AuditAction.COLLECTION_DELETED, caller.user_id, name)
        await record(connection, caller.tenant, event)
    await clear_blobs(services.database, services.blobs, blobs)


def list_packs() -> list[tuple[str, int]]:
    """The bundled packs of synonyms, and how many phrases each knows."""
    return [(name, len(bundled_pack(name))) for name in BUNDLED]


async def get_synonyms(services: Services, tenant: TenantId, name: str) -> StoredSynonyms:
    """A collection's synonyms."""
    async with services.database.transaction(tenant) as connection:
        _, synonyms = await read_synonyms(connection, name)
    return synonyms


async def put_synonyms(
    services: Services, caller: Principal, name: str, synonyms: StoredSynonyms
) -> None:
    """Replace a collection's synonyms.

    Raises InvalidInputError for entries that cannot be used, NotFoundError for an unknown pack.
    """
    for pack in synonyms.packs:
        bundled_pack(pack)
    if synonyms.entries:
        await asyncio.to_thread(parse_pack, orjson.dumps(synonyms.entries))
    async with services.database.transaction(caller.tenant) as connection:
        collection = await collections.get_collection(connection, name)
        await save_synonyms(connection, collection.id, synonyms)
        event = AuditEvent(AuditAction.SYNONYMS_CHANGED, caller.user_id, name)
        await record(connection, caller.tenant, event)


async def note(
    connection: AsyncConnection[Row], caller: Principal, action: AuditAction, document: Document
) -> None:
    """Record what somebody did to a document, in the transaction of that."""
    event = AuditEvent(action, caller.user_id, document.id, document.collection)
    await record(connection, caller.tenant, event)


async def _rejoined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece


async def _encoded(text: str) -> AsyncIterator[bytes]:
    yield text.encode()
