"""HTTP: collections."""

from __future__ import annotations

from fastapi import APIRouter

from groundwell.apps.library import service
from groundwell.apps.library.collection_schemas import (
    CollectionIn,
    CollectionList,
    CollectionOut,
)
from groundwell.apps.library.synonym_schemas import PackList, PackOut, Synonyms
from groundwell.domain.sharing import Viewer
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
    found = await service.list_collections(app, Viewer.of(caller))
    return CollectionList(collections=[CollectionOut.of(collection) for collection in found])


@router.get("/{name}", summary="Read a collection")
async def get_collection(app: App, caller: Reader, name: CollectionName) -> CollectionOut:
    """A collection and its size."""
    return CollectionOut.of(await service.get_collection(app, Viewer.of(caller), name))


@router.get("/{name}/synonyms", summary="Read a collection's synonyms")
async def get_synonyms(app: App, caller: Reader, name: CollectionName) -> Synonyms:
    """The bundled packs that are on, and the collection's own entries."""
    return Synonyms.of(await service.get_synonyms(app, caller.tenant, name))


@router.put("/{name}/synonyms", summary="Replace a collection's synonyms")
async def put_synonyms(app: App, caller: Writer, name: CollectionName, body: Synonyms) -> Synonyms:
    """Widen the keyword search of this collection; the next search knows it.

    What is not sent is taken away: an empty body turns synonyms off.
    """
    await service.put_synonyms(app, caller, name, body.stored())
    return body


@router.delete("/{name}", status_code=204, summary="Delete a collection")
async def delete_collection(app: App, caller: Writer, name: CollectionName) -> None:
    """Remove the collection and all its documents.

    One that holds documents that others keep to themselves, or to some, is for administrators.
    """
    await service.delete_collection(app, caller, name)


pack_router = APIRouter(prefix="/synonym-packs", tags=["collections"], route_class=StrictJsonRoute)


@pack_router.get("", summary="List the bundled packs of synonyms")
async def list_packs(caller: Reader) -> PackList:
    """The packs that any collection may turn on, by name."""
    del caller
    return PackList(packs=[PackOut(name=name, entries=n) for name, n in service.list_packs()])
