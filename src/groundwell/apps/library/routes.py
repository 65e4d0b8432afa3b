"""HTTP: documents."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, File, Form, Query, Request, Response, UploadFile
from fastapi.responses import StreamingResponse
from pydantic import JsonValue, TypeAdapter, ValidationError

from groundwell.apps.library import service
from groundwell.apps.library.batch import BATCH_BODY, read_batch
from groundwell.apps.library.schemas import (
    AcceptedOut,
    BatchDocument,
    BatchOut,
    DocumentId,
    DocumentList,
    DocumentOut,
    TextOut,
    Title,
)
from groundwell.apps.library.uploads import Upload, accept_batch, accept_upload
from groundwell.domain.documents import DEFAULT_COLLECTION, DocumentStatus
from groundwell.domain.errors import InvalidInputError
from groundwell.domain.identity import Principal
from groundwell.store.intake import Accepted
from groundwell.web.deps import App, Reader, Writer
from groundwell.web.errors import UnsupportedMediaTypeError
from groundwell.web.fields import CollectionName
from groundwell.web.json_body import StrictJsonRoute, read_json
from groundwell.web.streaming import Event, event_stream

router = APIRouter(prefix="/documents", tags=["documents"], route_class=StrictJsonRoute)

InCollection = Annotated[
    CollectionName | None,
    Query(description="Needed only when several collections use the same document id."),
]


async def _form_writer(request: Request, caller: Writer) -> Principal:
    """A writer whose request is a form; anything else would seem to lack all its fields."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "multipart/form-data":
        raise UnsupportedMediaTypeError(
            "Send the file as multipart/form-data, in a part named file. Texts as JSON belong to "
            "/api/v1/documents/batch."
        )
    return caller


FormWriter = Annotated[Principal, Depends(_form_writer)]


@router.post("", status_code=202, summary="Upload a file")
async def upload_document(
    request: Request,
    app: App,
    caller: FormWriter,
    file: Annotated[UploadFile, File(description="PDF, DOCX, PPTX, XLSX, HTML, MD, CSV or TXT.")],
    response: Response,
    collection: Annotated[CollectionName, Form()] = DEFAULT_COLLECTION,
    document_id: Annotated[DocumentId | None, Form()] = None,
    key: Annotated[str | None, Form(min_length=1, max_length=1000)] = None,
    title: Annotated[Title | None, Form()] = None,
    metadata: Annotated[str | None, Form(description="A JSON object.")] = None,
) -> AcceptedOut:
    """Store a file and index it in the background.

    The answer comes when the file is safe. The same bytes again are the same document (200); a
    title or metadata sent with them replace what it had. New bytes under the same `document_id`,
    or the same `key` (where the file came from), are a new version that replaces the old one at
    once when it is ready.
    """
    for value in (document_id, key, title):
        _refuse_nul(value)
    if len((await request.form()).getlist("file")) > 1:
        raise InvalidInputError("Send one file in a request.", code="several_files")
    upload = Upload(
        file=file.file,
        filename=file.filename or "document",
        collection=collection,
        id=document_id,
        key=key,
        title=title,
        metadata=_read_metadata(metadata),
    )
    accepted = await accept_upload(app, caller.tenant, upload)
    if not accepted.has_work:
        response.status_code = 200
    return _accepted(accepted)


@router.post("/batch", status_code=202, summary="Send many texts at once", openapi_extra=BATCH_BODY)
async def upload_batch(
    app: App,
    caller: Writer,
    batch: Annotated[list[BatchDocument], Depends(read_batch)],
    collection: Annotated[CollectionName, Query()] = DEFAULT_COLLECTION,
) -> BatchOut:
    """Take texts as a JSON list, or as lines of JSON (`application/x-ndjson`): all or none."""
    accepted = await accept_batch(app, caller.tenant, collection, batch)
    return BatchOut(documents=[_accepted(item) for item in accepted])


@router.get("", summary="List documents")
async def list_documents(
    app: App,
    caller: Reader,
    collection: Annotated[CollectionName | None, Query()] = None,
    status: Annotated[DocumentStatus | None, Query()] = None,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> DocumentList:
    """Documents, newest first, with the number in each state."""
    page = await service.list_documents(app, caller.tenant, collection, status, cursor, limit)
    return DocumentList(
        documents=[DocumentOut.of(document) for document in page.documents],
        next_cursor=page.next_cursor,
        counts={state.value: count for state, count in page.counts.items()},
    )


# An id may contain slashes, so that the longer addresses have to be tried first.
@router.get("/{document_id:path}/text", summary="Read a document's text")
async def get_text(
    app: App, caller: Reader, document_id: str, collection: InCollection = None
) -> TextOut:
    """The text that citations point into, and where its pages begin and end."""
    document, text, pages, version = await service.get_text(
        app, caller.tenant, document_id, collection
    )
    return TextOut.of(document.id, version, text, pages)


@router.get("/{document_id:path}/content", summary="Download a document's original")
async def get_content(
    app: App, caller: Reader, document_id: str, collection: InCollection = None
) -> StreamingResponse:
    """The bytes that were uploaded, always as an attachment."""
    content = await service.get_content(app, caller.tenant, document_id, collection)
    return StreamingResponse(
        content.pieces,
        media_type=content.media_type,
        headers={
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(content.filename)}",
            "Content-Security-Policy": "sandbox; default-src 'none'",
        },
    )


@router.get("/{document_id:path}/events", summary="Follow a document's ingestion")
async def follow_document(
    request: Request, app: App, caller: Reader, document_id: str, collection: InCollection = None
) -> StreamingResponse:
    """Server-sent events `progress`, each a document, until it is complete or failed."""
    await service.get_document(app, caller.tenant, document_id, collection)

    async def events() -> AsyncIterator[Event]:
        async for document in service.watch_document(app, caller.tenant, document_id, collection):
            yield Event("progress", DocumentOut.of(document).model_dump(mode="json"))

    return event_stream(request, events())


@router.get("/{document_id:path}", summary="Read a document's state")
async def get_document(
    app: App, caller: Reader, document_id: str, collection: InCollection = None
) -> DocumentOut:
    """Where the document stands, and why it failed if it did."""
    return DocumentOut.of(await service.get_document(app, caller.tenant, document_id, collection))


@router.delete("/{document_id:path}", status_code=204, summary="Delete a document")
async def delete_document(
    app: App, caller: Writer, document_id: str, collection: InCollection = None
) -> None:
    """Remove the document with its text, vectors and original bytes."""
    await service.delete(app, caller.tenant, document_id, collection)


_METADATA: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])


def _read_metadata(text: str | None) -> Mapping[str, JsonValue] | None:
    if not text:
        return None
    try:
        return _METADATA.validate_python(read_json(text.encode()))
    except (json.JSONDecodeError, ValidationError, UnicodeEncodeError) as error:
        raise InvalidInputError(
            "metadata must be a JSON object.", code="invalid_metadata"
        ) from error


def _refuse_nul(value: str | None) -> None:
    if value is not None and "\0" in value:
        raise InvalidInputError("A form field must not contain NUL.", code="invalid_text")


def _accepted(accepted: Accepted) -> AcceptedOut:
    return AcceptedOut(
        document_id=accepted.id,
        status=accepted.status,
        version=accepted.version,
        is_new_work=accepted.has_work,
    )
