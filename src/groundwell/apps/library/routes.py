"""HTTP: documents."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.convertors import PathConvertor, register_url_convertor

from groundwell.apps.library import job_service, service
from groundwell.apps.library.batch import BATCH_BODY, read_batch
from groundwell.apps.library.schemas import (
    AcceptedOut,
    BatchDocument,
    BatchOut,
    CallbackUrl,
    DocumentId,
    DocumentList,
    DocumentOut,
    TextOut,
    Title,
)
from groundwell.apps.library.sharing_schemas import SharingIn, parse_shared_with, read_sharing
from groundwell.apps.library.upload_form import (
    FORM,
    TAKEN_BEFORE,
    FormWriter,
    IdempotencyKey,
    MetadataField,
    SharedWithField,
    UploadedFile,
    read_metadata,
    refuse_nul,
)
from groundwell.apps.library.uploads import Upload, accept_batch, accept_upload
from groundwell.domain.documents import (
    DEFAULT_COLLECTION,
    PARTS_OF_A_DOCUMENT,
    DocumentName,
    DocumentStatus,
    Priority,
    Visibility,
)
from groundwell.domain.errors import InvalidInputError
from groundwell.domain.media_types import MediaType
from groundwell.domain.sharing import Viewer
from groundwell.store.intake import Accepted
from groundwell.web.cursors import Cursor
from groundwell.web.deps import App, Reader, Writer
from groundwell.web.fields import CollectionName
from groundwell.web.gate import visit_of
from groundwell.web.json_body import StrictJsonRoute
from groundwell.web.streaming import EVENT_STREAM, Event, described_events, event_stream


class _DocumentConvertor(PathConvertor):
    """An id in an address. What ends like the address of a part is that part, for any method."""

    regex = rf"(?!.*(?:{'|'.join(PARTS_OF_A_DOCUMENT)})$).+"


register_url_convertor("document", _DocumentConvertor())
router = APIRouter(prefix="/documents", tags=["documents"], route_class=StrictJsonRoute)


async def _name(
    document_id: str,
    collection: Annotated[
        CollectionName | None,
        Query(description="Needed only when several collections use the same document id."),
    ] = None,
    owner_id: Annotated[
        UUID | None,
        Query(description="Needed only when several users keep documents under the same id."),
    ] = None,
) -> DocumentName:
    return DocumentName(document_id, collection, owner_id)


Named = Annotated[DocumentName, Depends(_name)]


_ORIGINAL: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The original, under its own type.",
        "headers": {
            "Content-Disposition": {"required": True, "schema": {"type": "string"}},
            "Content-Security-Policy": {"required": True, "schema": {"type": "string"}},
        },
        "content": {
            kind.value: {"schema": {"type": "string", "format": "binary"}} for kind in MediaType
        },
    }
}
_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events `progress`, `error`, `done`.",
        "content": {EVENT_STREAM: described_events("progress", "error", "done")},
    }
}


@router.post(
    "",
    status_code=202,
    summary="Upload a file",
    responses=TAKEN_BEFORE,
    openapi_extra=FORM,
)
async def upload_document(
    request: Request,
    app: App,
    caller: FormWriter,
    file: UploadedFile,
    response: Response,
    collection: Annotated[CollectionName, Form()] = DEFAULT_COLLECTION,
    document_id: Annotated[DocumentId | None, Form()] = None,
    key: Annotated[str | None, Form(min_length=1, max_length=1000)] = None,
    title: Annotated[Title | None, Form()] = None,
    metadata: MetadataField = None,
    priority: Annotated[Priority, Form()] = Priority.NORMAL,
    visibility: Annotated[Visibility | None, Form()] = None,
    shared_with: SharedWithField = None,
    callback_url: Annotated[CallbackUrl | None, Form()] = None,
    idempotency_key: IdempotencyKey = None,
) -> AcceptedOut:
    """Store a file and index it in the background.

    The answer comes when the file is safe. The same bytes again are the same document (200); a
    title or metadata sent with them replace what it had. New bytes under the same `document_id`,
    or the same `key` (where the file came from), are a new version that replaces the old one at
    once when it is ready.
    """
    for value in (document_id, key, title):
        refuse_nul(value)
    if len((await request.form()).getlist("file")) > 1:
        raise InvalidInputError("Send one file in a request.", code="several_files")
    # Fields of a form may be a mebibyte long.
    described = await asyncio.to_thread(read_metadata, metadata)
    shared = await asyncio.to_thread(parse_shared_with, shared_with)
    upload = Upload(
        file=file.file,
        filename=file.filename or "document",
        collection=collection,
        id=document_id,
        key=key,
        title=title,
        metadata=described,
        priority=priority,
        sharing=read_sharing(visibility, shared),
        callback_url=callback_url,
        idempotency_key=idempotency_key,
    )
    accepted = await accept_upload(app, caller, upload)
    if not accepted.has_work:
        response.status_code = 200
    return _accepted(accepted)


@router.post("/batch", status_code=202, summary="Send many texts at once", openapi_extra=BATCH_BODY)
async def upload_batch(
    app: App,
    caller: Writer,
    batch: Annotated[list[BatchDocument], Depends(read_batch)],
    collection: Annotated[CollectionName, Query()] = DEFAULT_COLLECTION,
    priority: Annotated[Priority, Query()] = Priority.NORMAL,
    callback_url: Annotated[CallbackUrl | None, Query()] = None,
    idempotency_key: IdempotencyKey = None,
) -> BatchOut:
    """Take texts as a JSON list, or as lines of JSON (`application/x-ndjson`): all or none."""
    accepted = await accept_batch(
        app, caller, collection, batch, priority, callback_url, idempotency_key
    )
    return BatchOut(documents=[_accepted(item) for item in accepted])


@router.get("", summary="List documents")
async def list_documents(
    app: App,
    caller: Reader,
    collection: Annotated[CollectionName | None, Query()] = None,
    status: Annotated[DocumentStatus | None, Query()] = None,
    cursor: Annotated[Cursor | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> DocumentList:
    """Documents, newest first, with the number in each state."""
    page = await service.list_documents(app, Viewer.of(caller), collection, status, cursor, limit)
    return DocumentList(
        documents=[DocumentOut.of(document) for document in page.documents],
        next_cursor=page.next_cursor,
        counts={state.value: count for state, count in page.counts.items()},
        awaiting_upload=page.awaiting_upload,
    )


# An id may contain slashes, so that the longer addresses have to be tried first.
@router.get("/{document_id:path}/text", summary="Read a document's text")
async def get_text(app: App, caller: Reader, name: Named) -> TextOut:
    """The text that citations point into, and where its pages begin and end."""
    document, text, pages, version = await service.get_text(app, Viewer.of(caller), name)
    return TextOut.of(document.id, version, text, pages)


@router.get(
    "/{document_id:path}/content",
    summary="Download a document's original",
    response_class=StreamingResponse,
    responses=_ORIGINAL,
)
async def get_content(request: Request, app: App, caller: Reader, name: Named) -> StreamingResponse:
    """The bytes that were uploaded, always as an attachment."""
    found = await service.find_content(app, caller, name)
    visit_of(request).leave_place()
    # An error can still be answered.
    content = await service.begin_reading(found)
    return StreamingResponse(
        content.pieces,
        media_type=content.media_type,
        headers={
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(content.filename)}",
            "Content-Security-Policy": "sandbox; default-src 'none'",
        },
    )


@router.get(
    "/{document_id:path}/events",
    summary="Follow a document's ingestion",
    response_class=StreamingResponse,
    responses=_EVENTS,
)
async def follow_document(
    request: Request, app: App, caller: Reader, name: Named
) -> StreamingResponse:
    """Server-sent events `progress`, each a document, until it is complete or failed.

    One comes whenever the document has moved on, or waits for something else than before.
    """
    await service.get_document(app, Viewer.of(caller), name)

    async def events() -> AsyncIterator[Event]:
        async for document, waiting in service.watch_document(app, Viewer.of(caller), name):
            yield Event("progress", DocumentOut.of(document, waiting).model_dump(mode="json"))

    return event_stream(request, events())


@router.get("/{document_id:document}", summary="Read a document's state")
async def get_document(app: App, caller: Reader, name: Named) -> DocumentOut:
    """Where the document stands, what it waits for, and why it failed if it did."""
    return DocumentOut.of(*await service.read_state(app, Viewer.of(caller), name))


@router.post("/{document_id:path}/retry", status_code=202, summary="Try a failed document again")
async def retry_document(
    app: App,
    caller: Writer,
    name: Named,
    priority: Annotated[Priority, Query()] = Priority.NORMAL,
) -> DocumentOut:
    """Queue a failed document again. What was parsed and embedded of it is not done again."""
    return DocumentOut.of(await job_service.retry(app, caller, name, priority))


@router.post("/{document_id:path}/cancel", summary="Cancel a document's ingestion")
async def cancel_document(app: App, caller: Writer, name: Named) -> DocumentOut:
    """End the ingestion, waiting or running. A searchable version stays and is complete again."""
    return DocumentOut.of(await job_service.cancel(app, caller, name))


@router.patch("/{document_id:document}", summary="Share a document, or keep it private")
async def share_document(app: App, caller: Writer, name: Named, body: SharingIn) -> DocumentOut:
    """Change who may see the document. For its owner and for administrators.

    Searches that begin after the answer know it; no passage is indexed anew.
    """
    return DocumentOut.of(await service.share(app, caller, name, body.sharing()))


@router.delete("/{document_id:document}", status_code=204, summary="Delete a document")
async def delete_document(app: App, caller: Writer, name: Named) -> None:
    """Remove the document with its text, vectors and original bytes."""
    await service.delete(app, caller, name)


def _accepted(accepted: Accepted) -> AcceptedOut:
    return AcceptedOut(
        document_id=accepted.id,
        status=accepted.status,
        version=accepted.version,
        is_new_work=accepted.has_work,
    )
