"""Files that are announced first, and whose bytes come later: through us, or past us."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

from psycopg import AsyncConnection

from groundwell.apps.library.spool import check_size, spool_pieces
from groundwell.apps.library.uploads import clean_filename, repeatable, said_of
from groundwell.domain.documents import (
    DocumentAccess,
    Metadata,
    Priority,
    Visibility,
    check_metadata,
)
from groundwell.domain.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    TooLargeError,
    UnsupportedTypeError,
)
from groundwell.domain.identity import Principal
from groundwell.domain.media_types import MediaType, announced_media_type, are_alike
from groundwell.domain.sharing import Sharing, Viewer, check_change
from groundwell.domain.uploads import UPLOAD_SECONDS, UploadState, content_key
from groundwell.services import Services
from groundwell.store import announced
from groundwell.store.announced import AnnouncedUpload
from groundwell.store.blobs import lock_blob
from groundwell.store.collections import ensure_collection
from groundwell.store.database import Row
from groundwell.store.idempotency import RepeatableRequest, accept_once
from groundwell.store.intake import Accepted, NewDocument, accept_documents
from groundwell.store.scratch import scratch_folder
from groundwell.web.errors import UnsupportedMediaTypeError
from groundwell.web.quotas import enforce_quotas


@dataclass(frozen=True, slots=True)
class Announcement:
    """What somebody says of a file that is to come. `file_size` is in bytes."""

    filename: str
    file_size: int
    collection: str
    media_type: str | None = None
    sha256: bytes | None = None
    id: str | None = None
    key: str | None = None
    title: str | None = None
    metadata: Metadata | None = None
    priority: Priority = Priority.NORMAL
    sharing: Sharing | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Announced:
    """The document, and the upload that it waits for.

    `upload` is None where the bytes are known by their SHA-256: nothing has to be sent.
    `presigned_url` is there if the blob store can sign one.
    """

    accepted: Accepted
    upload: AnnouncedUpload | None
    presigned_url: str | None


async def announce(services: Services, caller: Principal, said: Announcement) -> Announced:
    """Check what is said of a file, record its document, and wait an hour for the bytes.

    Raises UnsupportedTypeError, TooLargeError, QuotaExceededError; ConflictError while the document
    is being indexed.
    """
    document = _new_document(said, services.limits.upload_bytes)
    tenant = caller.tenant
    async with services.database.transaction(Viewer.of(caller)) as connection:

        async def accept() -> list[Accepted]:
            return [await _record(services, connection, caller, said, document)]

        request = _request(caller.user_id, said)
        (accepted,) = await accept_once(connection, tenant, request, accept)
        upload = await announced.find_upload(connection, accepted.uid, accepted.version)
    presigned_url = None
    if upload is not None and upload.state is UploadState.AWAITING:
        lifetime = timedelta(seconds=UPLOAD_SECONDS)
        presigned_url = await services.blobs.sign_put(upload.staging_key, lifetime)
    return Announced(accepted, upload, presigned_url)


async def get_upload(services: Services, viewer: Viewer, identity: UUID) -> AnnouncedUpload:
    """Where an announced upload stands."""
    async with services.database.transaction(viewer) as connection:
        return await announced.get_upload(connection, identity)


async def receive(
    services: Services,
    caller: Principal,
    identity: UUID,
    media_type: str,
    length: int | None,
    pieces: AsyncIterator[bytes],
) -> AnnouncedUpload:
    """Take the bytes of an announced file and queue its ingestion.

    When this returns, they survive a crash. The same bytes again change nothing. Bytes that are not
    those that were announced are not kept, and the upload goes on waiting.
    Raises InvalidInputError `size_mismatch` or `sha256_mismatch`, UnsupportedTypeError,
    DocumentError, StorageFullError; ConflictError for an upload that waits no more.
    """
    viewer = Viewer.of(caller)
    upload = await get_upload(services, viewer, identity)
    _check_sender(viewer, upload)
    _check_type(upload, media_type)
    if upload.state is UploadState.RECEIVED and upload.sha256 is None:
        raise _has_other_bytes()
    if length is not None:
        check_size(length, upload.file_size)
    with scratch_folder(services.scratch) as folder:
        path = folder / "upload"
        digest = await spool_pieces(pieces, path, upload.file_size)
        if upload.announced_sha256 not in (None, digest):
            raise InvalidInputError(
                "The file is not the announced one: its SHA-256 is another.", code="sha256_mismatch"
            )
        found = await services.detect_media_type(path, upload.filename)
        if not are_alike(found, upload.media_type):
            raise UnsupportedTypeError(
                f"The file's content is {found.name} and was announced as another type.",
                code="type_mismatch",
            )
        return await _keep(services, viewer, identity, path, digest, found)


async def signal(services: Services, caller: Principal, identity: UUID) -> AnnouncedUpload:
    """Somebody has put the bytes into the blob store: look for them, and queue their download.

    A second signal, or one after the bytes came another way, changes nothing.
    Raises ConflictError `not_uploaded` where there is no file; InvalidInputError `size_mismatch`.
    """
    viewer = Viewer.of(caller)
    async with services.database.transaction(viewer) as connection:
        upload = await announced.lock_upload(connection, identity)
        _check_sender(viewer, upload)
        if upload.state is UploadState.RECEIVED:
            return upload
        try:
            size = await services.blobs.size_of(upload.staging_key)
        except NotFoundError as error:
            raise ConflictError(
                f"There is no file under the key '{upload.staging_key}' yet.", code="not_uploaded"
            ) from error
        check_size(size, upload.file_size)
        await announced.receive(connection, upload, upload.staging_key, None, upload.media_type)
        await services.ingestion.defer(connection, viewer.tenant, [upload.uid], upload.priority)
        return await announced.get_upload(connection, identity)


async def _record(
    services: Services,
    connection: AsyncConnection[Row],
    caller: Principal,
    said: Announcement,
    document: NewDocument,
) -> Accepted:
    tenant = caller.tenant
    collection = await ensure_collection(connection, tenant, said.collection, services.chunking)
    (accepted,) = await accept_documents(
        connection, tenant, collection.id, [document], caller.user_id
    )
    if accepted.has_work:
        await announced.insert_announcement(
            connection, tenant, accepted.uid, said.sha256, said.priority
        )
        await services.ingestion.defer(connection, tenant, [accepted.uid], said.priority)
        await enforce_quotas(services, connection, caller)
    return accepted


async def _keep(
    services: Services,
    viewer: Viewer,
    identity: UUID,
    path: Path,
    digest: bytes,
    media_type: MediaType,
) -> AnnouncedUpload:
    blob_key = content_key(digest)
    async with services.database.transaction(viewer) as connection:
        # In the order of every upload: the blob's lock, then the document's.
        await lock_blob(connection, blob_key)
        upload = await announced.lock_upload(connection, identity)
        _check_sender(viewer, upload)
        if upload.state is UploadState.RECEIVED:
            if upload.sha256 != digest:
                raise _has_other_bytes()
            return upload
        await services.blobs.put(blob_key, path)
        await announced.receive(connection, upload, blob_key, digest, media_type)
        await services.ingestion.defer(connection, viewer.tenant, [upload.uid], upload.priority)
        return await announced.get_upload(connection, identity)


def _new_document(said: Announcement, most_bytes: int) -> NewDocument:
    check_metadata(said.metadata or {})
    if said.file_size > most_bytes:
        raise TooLargeError(f"The file is larger than {most_bytes} bytes.")
    filename = clean_filename(said.filename)
    is_named = said.id is not None or said.key is not None or said.sha256 is not None
    return NewDocument(
        filename=filename,
        media_type=announced_media_type(filename, said.media_type),
        file_size=said.file_size,
        sha256=said.sha256,
        id=said.id,
        # What nobody can recognise is a document of its own.
        key=said.key if is_named else str(uuid4()),
        title=said.title,
        metadata=said.metadata,
        sharing=said.sharing,
        awaits_bytes=True,
    )


def _check_sender(viewer: Viewer, upload: AnnouncedUpload) -> None:
    """Raise an error unless the viewer may bring the bytes, and they are waited for or here."""
    visibility = Visibility.PRIVATE if upload.is_restricted else Visibility.TENANT
    check_change(viewer, DocumentAccess(upload.owner, visibility))
    if upload.failure is not None:
        code, sentence = upload.failure
        raise ConflictError(sentence, code=code)


def _check_type(upload: AnnouncedUpload, media_type: str) -> None:
    is_unsaid = media_type in ("", "application/octet-stream")
    if not is_unsaid and not are_alike(media_type, upload.media_type):
        raise UnsupportedMediaTypeError(
            f"The file was announced as {upload.media_type}. Send its bytes as that, or as "
            "application/octet-stream, and not in a form."
        )


def _has_other_bytes() -> ConflictError:
    return ConflictError(
        "Other bytes have come for this upload. Announce a new version.", code="already_uploaded"
    )


def _request(user: UUID, said: Announcement) -> RepeatableRequest | None:
    if said.idempotency_key is None:
        return None
    file = [said.filename, said.file_size, said.media_type, (said.sha256 or b"").hex()]
    own = [said.collection, said.id, said.key, said.title, said.metadata, said.priority]
    return repeatable(
        user, said.idempotency_key, ["announcement", *file, said_of(said.sharing), *own]
    )
