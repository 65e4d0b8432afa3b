"""HTTP: API keys."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response

from groundwell.apps.keys import service
from groundwell.apps.keys.schemas import KeyIn, KeyList, KeyOut, NewKeyOut
from groundwell.web.deps import App, Reader, Writer
from groundwell.web.json_body import StrictJsonRoute

router = APIRouter(prefix="/keys", tags=["keys"], route_class=StrictJsonRoute)


@router.get("", summary="List API keys")
async def list_keys(app: App, caller: Reader) -> KeyList:
    """The caller's keys, or with the scope `admin` all of the tenant's; the newest first."""
    return KeyList(keys=[KeyOut.of(record) for record in await service.list_keys(app, caller)])


@router.post("", status_code=201, summary="Make an API key")
async def create_key(app: App, caller: Writer, body: KeyIn, response: Response) -> NewKeyOut:
    """A key with at most the caller's scopes. The key is in this answer and never shown again."""
    record, text = await service.create_key(app, caller, body)
    response.headers["Cache-Control"] = "no-store"
    return NewKeyOut(**KeyOut.of(record).model_dump(), key=text)


@router.delete("/{key_id}", status_code=204, summary="Revoke an API key")
async def revoke_key(
    app: App, caller: Writer, key_id: Annotated[str, Path(max_length=100)]
) -> None:
    """Every process refuses the key within five seconds."""
    await service.revoke_key(app, caller, key_id)
