"""Taking documents in: nothing is acknowledged before it is safe."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from groundwell.apps.library.schemas import BatchDocument
from groundwell.domain.documents import Metadata, TenantId, check_metadata
from groundwell.domain.errors import InvalidInputError, TooLargeError
from groundwell.services import Services
from groundwell.store.blobs import lock_blob
from groundwell.store.collections import ensure_collection
from groundwell.store.intake import Accepted, NewDocument, accept_documents

_FILENAME_CHARACTERS = 255


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


async def accept_upload(services: Services, tenant: TenantId, upload: Upload) -> Accepted:
    """Store a file and queue its ingestion. When this returns, it survives a crash.

    Raises UnsupportedTypeError, DocumentError for an empty file, TooLargeError.
    """
    check_metadata(upload.metadata or {})
    filename = clean_filename(upload.filename)
    with TemporaryDirectory(prefix="groundwell-") as folder:
        path = Path(folder) / "upload"
        digest, size = await asyncio.to_thread(_spool, upload.file, path)
        if size > services.limits.upload_bytes:
            raise TooLargeError(f"The file is larger than {services.limits.upload_bytes} bytes.")
        media_type = await services.detect_media_type(path, filename)
        blob_key = f"sha256/{digest.hex()[:2]}/{digest.hex()}"
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
        )
        async with services.database.transaction(tenant) as connection:
            # Nobody may clear the blob away between its arrival and its first use.
            await lock_blob(connection, blob_key)
            await services.blobs.put(blob_key, path)
            collection = await ensure_collection(
                connection, tenant, upload.collection, services.chunking
            )
            (accepted,) = await accept_documents(connection, tenant, collection.id, [document])
            if accepted.has_work:
                await services.ingestion.defer(connection, tenant, [accepted.uid])
    return accepted


async def accept_batch(
    services: Services, tenant: TenantId, collection_name: str, batch: Sequence[BatchDocument]
) -> list[Accepted]:
    """Take in texts, all of them or none, in one transaction."""
    _check_batch(batch, services.limits.batch_documents)
    documents = [_text_document(item) for item in batch]
    # Texts without an id are told apart by their content; the same one twice is one document.
    distinct = {document.identity: document for document in documents}
    async with services.database.transaction(tenant) as connection:
        collection = await ensure_collection(connection, tenant, collection_name, services.chunking)
        accepted = await accept_documents(
            connection, tenant, collection.id, list(distinct.values())
        )
        work = [item.uid for item in accepted if item.has_work]
        await services.ingestion.defer(connection, tenant, work)
    answers = dict(zip(distinct, accepted, strict=True))
    return [answers[document.identity] for document in documents]


def clean_filename(name: str) -> str:
    """A name that is safe to show: no folders, no control or direction characters, NFC."""
    last = name.replace("\\", "/").rpartition("/")[2]
    plain = unicodedata.normalize("NFC", last.encode("utf-8", "replace").decode())
    visible = "".join(c for c in plain if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co"))
    stem, extension = os.path.splitext(visible.strip())  # noqa: PTH122 - a name, not a path
    return (stem[: _FILENAME_CHARACTERS - len(extension[:20])] + extension[:20]) or "document"


def _spool(source: BinaryIO, target: Path) -> tuple[bytes, int]:
    """Copy to a file of our own; return SHA-256 and size."""
    source.seek(0)
    with target.open("wb") as file:
        shutil.copyfileobj(source, file, 1 << 20)
    with target.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
    return digest, target.stat().st_size


def _check_batch(batch: Sequence[BatchDocument], most: int) -> None:
    if len(batch) > most:
        raise InvalidInputError(
            f"A batch may hold {most} documents at most; this one has {len(batch)}.",
            code="batch_too_large",
        )
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


def _text_document(item: BatchDocument) -> NewDocument:
    """A text as a document. One without a body has its title as its text."""
    text = unicodedata.normalize("NFC", item.text.replace("\r\n", "\n")).strip()
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
    )
