"""HTTP: collections."""

from __future__ import annotations

from fastapi import APIRouter

from groundwell.apps.library import service
from groundwell.apps.library.schemas import (
    CollectionIn,
    CollectionList,
    CollectionOut,
)
from groundwell.web.deps import App, Reader, Writer
from groundwell.web.fields import CollectionName
from groundwell.web.json_body import StrictJsonRoute

router = APIRouter(prefix="/collections", tags=["collections"], route_class=StrictJsonRoute)


@router.post("", status_code=201, summary="Make a collection")
async def create_collection(app: App, caller: Writer, body: CollectionIn) -> CollectionOut:
    """A new, empty collection. Uploading into a name that is not there makes one as well."""
    made = await service.create_collection(
        app, caller.tenant, body.name, body.description, body.chunking
    )
    return CollectionOut.of(made)


@router.get("", summary="List collections")
async def list_collections(app: App, caller: Reader) -> CollectionList:
    """All collections, by name."""
    found = await service.list_collections(app, caller.tenant)
    return CollectionList(collections=[CollectionOut.of(collection) for collection in found])


@router.get("/{name}", summary="Read a collection")
async def get_collection(app: App, caller: Reader, name: CollectionName) -> CollectionOut:
    """A collection and its size."""
    return CollectionOut.of(await service.get_collection(app, caller.tenant, name))


@router.delete("/{name}", status_code=204, summary="Delete a collection")
async def delete_collection(app: App, caller: Writer, name: CollectionName) -> None:
    """Remove the collection and all its documents."""
    await service.delete_collection(app, caller.tenant, name)
