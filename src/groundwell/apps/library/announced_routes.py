"""HTTP: uploads that are announced first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect

from groundwell.apps.library import announced
from groundwell.apps.library.announced_schemas import (
    AnnouncedOut,
    AnnouncementIn,
    SignalIn,
    UploadOut,
)
from groundwell.apps.library.upload_form import IdempotencyKey
from groundwell.domain.errors import InvalidInputError
from groundwell.domain.sharing import Viewer
from groundwell.web.deps import App, Reader, Writer
from groundwell.web.json_body import StrictJsonRoute

router = APIRouter(prefix="/uploads", tags=["uploads"], route_class=StrictJsonRoute)

_BYTES = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post("", status_code=202, summary="Announce a file")
async def announce_upload(
    app: App,
    caller: Writer,
    body: AnnouncementIn,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> AnnouncedOut:
    """Say what will come. It is checked at once; then there is an hour for the bytes.

    Without them the document fails with the code `upload_timeout`. Bytes that are here already, as
    their `sha256` says, need not be sent (200).
    """
    found = await announced.announce(app, caller, body.announcement(idempotency_key))
    if not found.accepted.has_work:
        response.status_code = 200
    return AnnouncedOut.of(found)


@router.get("/{upload_id}", summary="Read an announced upload")
async def get_upload(app: App, caller: Reader, upload_id: UUID) -> UploadOut:
    """Where the upload stands, and why it failed if it did."""
    return UploadOut.of(await announced.get_upload(app, Viewer.of(caller), upload_id))


@router.put(
    "/{upload_id}/content", status_code=202, summary="Send an announced file", openapi_extra=_BYTES
)
async def put_content(request: Request, app: App, caller: Writer, upload_id: UUID) -> UploadOut:
    """Send the bytes as they are, not in a form. They are indexed in the background.

    The answer comes when they are safe. The same bytes again get the same answer. Others than were
    announced are refused and not kept.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    length = request.headers.get("content-length", "")
    upload = await announced.receive(
        app,
        caller,
        upload_id,
        media_type,
        int(length) if length.isdecimal() else None,
        _pieces(request),
    )
    return UploadOut.of(upload)


@router.post("/{upload_id}/signal", status_code=202, summary="Tell that a file is there")
async def signal_upload(app: App, caller: Writer, upload_id: UUID, body: SignalIn) -> UploadOut:
    """The bytes were put into the file store under `blob_key`: have them indexed.

    Their size is checked at once, their content in the background. A second signal changes nothing.
    """
    del body  # Its one event is what this address is for.
    return UploadOut.of(await announced.signal(app, caller, upload_id))


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    try:
        async for piece in request.stream():
            yield piece
    except ClientDisconnect as error:
        raise InvalidInputError(
            "The body ended before its time. Send the file again.", code="incomplete_body"
        ) from error
