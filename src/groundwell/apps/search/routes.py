"""HTTP: search."""

from __future__ import annotations

from fastapi import APIRouter

from groundwell.apps.search import service
from groundwell.apps.search.schemas import SearchIn, SearchOut
from groundwell.web.deps import App, Reader
from groundwell.web.json_body import StrictJsonRoute

router = APIRouter(prefix="/api/v1", tags=["search"], route_class=StrictJsonRoute)


@router.post("/search", summary="Search a collection")
async def search(app: App, caller: Reader, body: SearchIn) -> SearchOut:
    """The passages that fit the query best.

    Scores lie in [0, 1], fall with the rank, and are made from how well each passage itself fits.
    A threshold therefore means the same for every query.
    """
    return SearchOut.of(await service.search(app, caller.tenant, body))
