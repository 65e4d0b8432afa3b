"""HTTP: users."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from groundwell.apps.users import service
from groundwell.apps.users.schemas import CallerOut, UserChange, UserIn, UserList, UserOut
from groundwell.web.deps import Administrator, App, Reader
from groundwell.web.json_body import StrictJsonRoute

router = APIRouter(prefix="/users", tags=["users"], route_class=StrictJsonRoute)


@router.get("", summary="List users")
async def list_users(app: App, caller: Administrator) -> UserList:
    """All users of the tenant, the oldest first."""
    found = await service.list_users(app, caller)
    return UserList(users=[UserOut.of(user) for user in found])


@router.post("", status_code=201, summary="Make a user")
async def create_user(app: App, caller: Administrator, body: UserIn) -> UserOut:
    """A new user. Only an owner can make an owner."""
    return UserOut.of(await service.create_user(app, caller, body))


@router.get("/me", summary="Who am I")
async def get_caller(caller: Reader) -> CallerOut:
    """The user, role, tier and scopes that the credential of this request stands for."""
    return CallerOut.of(caller)


@router.get("/{user_id}", summary="Read a user")
async def get_user(app: App, caller: Administrator, user_id: UUID) -> UserOut:
    """A user of the tenant."""
    return UserOut.of(await service.get_user(app, caller, user_id))


@router.patch("/{user_id}", summary="Change a user")
async def change_user(app: App, caller: Administrator, user_id: UUID, body: UserChange) -> UserOut:
    """Change name, role or tier; disable a user, or let one in again.

    Every process knows within five seconds. The last owner stays one.
    """
    return UserOut.of(await service.change_user(app, caller, user_id, body))
