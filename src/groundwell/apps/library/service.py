"""What the library decides."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from groundwell.domain.documents import Collection, Document, DocumentStatus, PageSpan, TenantId
from groundwell.domain.errors import InvalidInputError
from groundwell.services import Services
from groundwell.store import collections, documents
from groundwell.store.blobs import clear_blobs
from groundwell.store.chunks import delete_document

_POLL_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class DocumentPage:
    """Some documents, where to go on, and how many there are in each state."""

    documents: list[Document]
    next_cursor: str | None
    counts: dict[DocumentStatus, int]


@dataclass(frozen=True, slots=True)
class Content:
    """A document's original bytes."""

    filename: str
    media_type: str
    pieces: AsyncIterator[bytes]


async def list_documents(
    services: Services,
    tenant: TenantId,
    collection: str | None,
    status: DocumentStatus | None,
    cursor: str | None,
    limit: int,
) -> DocumentPage:
    """A page of documents, newest first."""
    after = None if cursor is None else _read_cursor(cursor)
    async with services.database.transaction(tenant) as connection:
        scope = None
        if collection is not None:
            scope = (await collections.get_collection(connection, collection)).id
        found = await documents.list_documents(connection, scope, status, after, limit + 1)
        counts = await documents.count_documents(connection, scope)
    page = found[:limit]
    return DocumentPage(page, _write_cursor(page[-1]) if len(found) > limit else None, counts)


async def get_document(
    services: Services, tenant: TenantId, document_id: str, collection: str | None
) -> Document:
    """One document."""
    async with services.database.transaction(tenant) as connection:
        return await documents.get_document(connection, document_id, collection)


async def delete(
    services: Services, tenant: TenantId, document_id: str, collection: str | None
) -> None:
    """Delete a document with everything that was made from it."""
    async with services.database.transaction(tenant) as connection:
        document = await documents.get_document(connection, document_id, collection)
        home = await collections.get_collection(connection, document.collection)
        blobs = await delete_document(connection, home.id, document.uid)
    await clear_blobs(services.database, services.blobs, blobs)


async def get_text(
    services: Services, tenant: TenantId, document_id: str, collection: str | None
) -> tuple[Document, str, tuple[PageSpan, ...], int]:
    """A document, its text, its pages and the version they are of."""
    async with services.database.transaction(tenant) as connection:
        document = await documents.get_document(connection, document_id, collection)
        text, pages, version = await documents.load_text(connection, document.uid)
    return document, text, pages, version


async def get_content(
    services: Services, tenant: TenantId, document_id: str, collection: str | None
) -> Content:
    """A document's original bytes; for a text of a batch, the text."""
    async with services.database.transaction(tenant) as connection:
        document = await documents.get_document(connection, document_id, collection)
        blob, filename, media_type, text = await documents.find_content(connection, document.uid)
    pieces = _encoded(text or "") if blob is None else services.blobs.stream(blob)
    # Whatever is wrong with the file has to come out while an error can still be answered.
    first = await anext(pieces, b"")
    return Content(filename, media_type, _rejoined(first, pieces))


async def watch_document(
    services: Services, tenant: TenantId, document_id: str, collection: str | None
) -> AsyncIterator[Document]:
    """The document each time it has moved on, until it is finished."""
    last = None
    while True:
        document = await get_document(services, tenant, document_id, collection)
        moment = (document.status, document.stage, document.progress, document.version)
        if moment != last:
            yield document
            last = moment
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


async def list_collections(services: Services, tenant: TenantId) -> list[Collection]:
    """All collections."""
    async with services.database.transaction(tenant) as connection:
        return await collections.list_collections(connection)


async def get_collection(services: Services, tenant: TenantId, name: str) -> Collection:
    """One collection."""
    async with services.database.transaction(tenant) as connection:
        return await collections.get_collection(connection, name)


async def delete_collection(services: Services, tenant: TenantId, name: str) -> None:
    """Delete a collection with its documents."""
    async with services.database.transaction(tenant) as connection:
        blobs = await collections.delete_collection(connection, name)
    await clear_blobs(services.database, services.blobs, blobs)


async def _rejoined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece


async def _encoded(text: str) -> AsyncIterator[bytes]:
    yield text.encode()


def _write_cursor(document: Document) -> str:
    raw = f"{document.created_at.isoformat()} {document.uid}"
    return base64.urlsafe_b64encode(raw.encode()).decode()


def _read_cursor(cursor: str) -> tuple[datetime, UUID]:
    try:
        moment, uid = base64.urlsafe_b64decode(cursor).decode().rsplit(" ", 1)
        return datetime.fromisoformat(moment), UUID(uid)
    except (ValueError, binascii.Error) as error:
        raise InvalidInputError(
            "The cursor is not one that this server gave out.", code="invalid_cursor"
        ) from error
