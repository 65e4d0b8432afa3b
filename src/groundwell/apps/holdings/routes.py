"""HTTP: exports, and the deletion of users and tenants."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from groundwell.apps.holdings import service
from groundwell.apps.holdings.service import DocumentsOfUser
from groundwell.web.deps import Administrator, App, Reader
from groundwell.web.json_body import StrictJsonRoute
from groundwell.web.zip_stream import ZIP, zip_response

router = APIRouter(tags=["users"], route_class=StrictJsonRoute)


@router.get(
    "/users/me/export",
    summary="Take out one's own data",
    response_class=StreamingResponse,
    responses=ZIP,
)
async def export_caller(app: App, caller: Reader) -> StreamingResponse:
    """Profile, keys without secrets, documents with originals, conversations, judged queries."""
    members = await service.export_user(app, caller, caller.user_id)
    return zip_response(f"groundwell-user-{caller.user_id}.zip", members)


@router.get(
    "/users/{user_id}/export",
    summary="Take out a user's data",
    response_class=StreamingResponse,
    responses=ZIP,
)
async def export_user(app: App, caller: Administrator, user_id: UUID) -> StreamingResponse:
    """The same for another user of the tenant, for administrators.

    Documents that the user keeps private are among them.
    """
    members = await service.export_user(app, caller, user_id)
    return zip_response(f"groundwell-user-{user_id}.zip", members)


@router.delete("/users/{user_id}", status_code=204, summary="Delete a user")
async def delete_user(
    app: App,
    caller: Administrator,
    user_id: UUID,
    documents: Annotated[
        DocumentsOfUser,
        Query(description="`hand_over`: to the owner of the tenant who has been there longest."),
    ] = DocumentsOfUser.HAND_OVER,
) -> None:
    """Remove a user with keys and conversations, and hand over or delete the documents.

    Every process refuses the user's keys within five seconds. The last owner stays.
    """
    await service.delete_user(app, caller, user_id, documents)


@router.get(
    "/tenant/export",
    summary="Take out all data of the tenant",
    response_class=StreamingResponse,
    responses=ZIP,
)
async def export_tenant(app: App, caller: Administrator) -> StreamingResponse:
    """Everything of all users, and the collections. For owners."""
    members = await service.export_tenant(app, caller)
    return zip_response(f"groundwell-tenant-{caller.tenant}.zip", members)


@router.delete("/tenant", status_code=204, summary="Delete the tenant")
async def delete_tenant(
    app: App,
    caller: Administrator,
    confirm: Annotated[UUID, Query(description="The id of the tenant, against mishaps.")],
) -> None:
    """Remove the tenant with all users, keys, documents, conversations and files. For owners.

    There is no way back but a backup. Jobs that run end without writing anything.
    """
    await service.delete_tenant(app, caller, confirm)
