"""Taking documents in: nothing is acknowledged before it is safe."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from psycopg import AsyncConnection

from groundwell.apps.library.schemas import BatchDocument
from groundwell.apps.library.spool import spool_file
from groundwell.domain.composition import compose
from groundwell.domain.documents import Metadata, Priority, check_metadata
from groundwell.domain.errors import (
    InvalidInputError,
    QuotaExceededError,
    TooLargeError,
)
from groundwell.domain.identity import Principal
from groundwell.domain.sharing import Sharing, Viewer
from groundwell.domain.uploads import content_key
from groundwell.services import Services
from groundwell.store.blobs import clear_blobs, lock_blob
from groundwell.store.callbacks import Wish
from groundwell.store.collections import ensure_collection
from groundwell.store.database import Row
from groundwell.store.idempotency import RepeatableRequest, accept_once
from groundwell.store.intake import Accepted, NewDocument, accept_documents
from groundwell.store.scratch import scratch_folder
from groundwell.web.quotas import enforce_quotas

_FILENAME_CHARACTERS = 255
# Unicode categories: controls, formats such as directions, halves, private use, line ends.
_UNSHOWN = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that is handed in, and what its owner says about it."""

    file: BinaryIO
    filename: str
    collection: str
    id: str | None = None
    key: str | None = None
    title: str | None = None
    metadata: Metadata | None = None
    priority: Priority = Priority.NORMAL
    sharing: Sharing | None = None
    callback_url: str | None = None
    idempotency_key: str | None = None


async def accept_upload(services: Services, caller: Principal, upload: Upload) -> Accepted:
    """Store a file and queue its ingestion. When this returns, it survives a crash.

    Raises UnsupportedTypeError, DocumentError for an empty file, TooLargeError, QuotaExceededError,
    StorageFullError.
    """
    check_metadata(upload.metadata or {})
    wish = _read_wish(services, caller, upload.callback_url)
    filename = clean_filename(upload.filename)
    with scratch_folder(services.scratch) as folder:
        path = folder / "upload"
        digest, size = await asyncio.to_thread(spool_file, upload.file, path)
        if size > services.limits.upload_bytes:
            raise TooLargeError(f"The file is larger than {services.limits.upload_bytes} bytes.")
        media_type = await services.detect_media_type(path, filename)
        blob_key = content_key(digest)
        document = NewDocument(
            filename=filename,
            media_type=media_type,
            file_size=size,
            sha256=digest,
            id=upload.id,
            key=upload.key,
            title=upload.title,
            blob_key=blob_key,
            metadata=upload.metadata,
            sharing=upload.sharing,
        )
        try:
            return await _accept(services, caller, upload, document, path, digest, wish)
        except QuotaExceededError:
            # The file is of use to nobody, and may be large.
            await clear_blobs(services.database, services.blobs, [blob_key])
            raise


async def _accept(
    services: Services,
    caller: Principal,
    upload: Upload,
    document: NewDocument,
    path: Path,
    digest: bytes,
    wish: Wish | None,
) -> Accepted:
    blob_key = document.blob_key
    assert blob_key is not None, "an upload is a file"
    async with services.database.transaction(Viewer.of(caller)) as connection:

        async def accept() -> list[Accepted]:
            # Nobody may clear the blob away between its arrival and its first use.
            await lock_blob(connection, blob_key)
            await services.blobs.put(blob_key, path)
            return await _record(
                services, connection, caller, upload.collection, [document], upload.priority, wish
            )

        request = _upload_request(caller.user_id, upload, digest)
        (accepted,) = await accept_once(connection, caller.tenant, request, accept)
    return accepted


async def accept_batch(
    services: Services,
    caller: Principal,
    collection_name: str,
    batch: Sequence[BatchDocument],
    priority: Priority = Priority.NORMAL,
    callback_url: str | None = None,
    idempotency_key: str | None = None,
) -> list[Accepted]:
    """Take in texts, all of them or none, in one transaction."""
    wish = _read_wish(services, caller, callback_url)
    tenant = caller.tenant
    said = [collection_name, priority, callback_url]
    # Millions of words are put into one form; nobody else should have to wait for that.
    documents = await asyncio.to_thread(_text_documents, batch)
    request = await asyncio.to_thread(_batch_request, caller.user_id, idempotency_key, said, batch)
    # Texts without an id are told apart by their content; the same one twice is one document.
    distinct = {document.identity: document for document in documents}
    async with services.database.transaction(Viewer.of(caller)) as connection:

        async def accept() -> list[Accepted]:
            texts = list(distinct.values())
            return await _record(
                services, connection, caller, collection_name, texts, priority, wish
            )

        accepted = await accept_once(connection, tenant, request, accept)
    answers = dict(zip(distinct, accepted, strict=True))
    return [answers[document.identity] for document in documents]


async def _record(
    services: Services,
    connection: AsyncConnection[Row],
    caller: Principal,
    collection_name: str,
    documents: Sequence[NewDocument],
    priority: Priority,
    wish: Wish | None,
) -> list[Accepted]:
    """Write documents and the jobs that ingest them, in the transaction of `connection`."""
    tenant = caller.tenant
    collection = await ensure_collection(connection, tenant, collection_name, services.chunking)
    accepted = await accept_documents(connection, tenant, collection.id, documents, caller.user_id)
    work = [item.uid for item in accepted if item.has_work]
    await services.ingestion.defer(connection, tenant, work, priority)
    if wish is not None:
        await services.webhooks.ask(connection, tenant, wish, accepted)
    if work:
        await enforce_quotas(services, connection, caller)
    return accepted


def _read_wish(services: Services, caller: Principal, url: str | None) -> Wish | None:
    return None if url is None else services.webhooks.read_wish(caller.user_id, url)


def _upload_request(user: UUID, upload: Upload, digest: bytes) -> RepeatableRequest | None:
    if upload.idempotency_key is None:
        return None
    own = [upload.collection, upload.id, upload.key, upload.title, upload.metadata, upload.priority]
    own.append(upload.callback_url)
    said = ["upload", digest.hex(), upload.filename, said_of(upload.sharing), *own]
    return repeatable(user, upload.idempotency_key, said)


def said_of(sharing: Sharing | None) -> list[object]:
    """What a request says of who may see a document, in one order."""
    if sharing is None:
        return []
    return [sharing.visibility, sorted(sharing.roles), sorted(map(str, sharing.users))]


def _batch_request(
    user: UUID,
    key: str | None,
    about_all: Sequence[object],
    batch: Sequence[BatchDocument],
) -> RepeatableRequest | None:
    if key is None:
        return None
    digest = hashlib.sha256(json.dumps(["batch", *about_all]).encode())
    # One by one: whoever writes JSON lets nobody else have a turn until it is written.
    for item in batch:
        said = item.model_dump(mode="json", exclude_unset=True)
        digest.update(b"\n" + json.dumps(said, sort_keys=True).encode())
    return RepeatableRequest(user, key, digest.digest())


def repeatable(user: UUID, key: str, said: Sequence[object]) -> RepeatableRequest:
    """The request of a user under a key, with all that it says."""
    content = json.dumps(said, sort_keys=True).encode()
    return RepeatableRequest(user, key, hashlib.sha256(content).digest())


def clean_filename(name: str) -> str:
    """A name that is safe to show: no folders, controls, directions or line ends, in NFC."""
    last = name.replace("\\", "/").rpartition("/")[2]
    plain = compose(last.encode("utf-8", "replace").decode())
    visible = "".join(c for c in plain if unicodedata.category(c) not in _UNSHOWN)
    if not visible.strip(". "):
        return "document"
    stem, extension = os.path.splitext(visible.strip())  # noqa: PTH122 - a name, not a path
    return stem[: _FILENAME_CHARACTERS - len(extension[:20])] + extension[:20]


def _text_documents(batch: Sequence[BatchDocument]) -> list[NewDocument]:
    """The texts as documents, if there is nothing wrong with any of them."""
    seen: set[str] = set()
    for index, item in enumerate(batch):
        if not (item.text.strip() or (item.title or "").strip()):
            raise InvalidInputError(f"Document {index} has no text.", code="empty_text")
        if item.id is not None and item.id in seen:
            raise InvalidInputError(
                f"Document {index} repeats the id '{item.id[:80]}'.", code="duplicate_id"
            )
        seen.add(item.id or "")
        check_metadata(item.metadata)
    return [_text_document(item) for item in batch]


def _text_document(item: BatchDocument) -> NewDocument:
    """A text as a document. One without a body has its title as its text."""
    text = compose(item.text.replace("\r\n", "\n")).strip()
    text = text or (item.title or "").strip()
    identity = f"{item.title or ''}\0{text}".encode()
    return NewDocument(
        filename=clean_filename(f"{item.id or item.title or 'text'}.txt"),
        media_type="text/plain",
        file_size=len(text.encode()),
        sha256=hashlib.sha256(identity).digest(),
        id=item.id,
        title=item.title or None,
        text=text,
        metadata=item.metadata if "metadata" in item.model_fields_set else None,
        sharing=item.sharing(),
    )
