"""HTTP: search."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from groundwell.apps.search import service
from groundwell.apps.search.context_schemas import ContextIn, ContextOut
from groundwell.apps.search.schemas import SearchIn, SearchOut
from groundwell.domain.sharing import Viewer
from groundwell.web.deps import App, Reader
from groundwell.web.json_body import StrictJsonRoute
from groundwell.web.measures import TOLD_DEGRADED, tell_degraded

router = APIRouter(prefix="/api/v1", tags=["search"], route_class=StrictJsonRoute)

_FOUND: dict[int | str, dict[str, Any]] = {
    200: {
        "headers": {
            **TOLD_DEGRADED[200]["headers"],
            "Cache-Status": {
                "description": "There if the answer was remembered (RFC 9211).",
                "schema": {"const": "groundwell; hit"},
            },
        }
    }
}


@router.post("/search", summary="Search a collection", responses=_FOUND)
async def search(app: App, caller: Reader, body: SearchIn, response: Response) -> SearchOut:
    """The passages that fit the query best.

    Scores lie in [0, 1], fall with the rank, and are made from how well each passage itself fits.
    A threshold therefore means the same for every query. An answer that was remembered bears
    `Cache-Status: groundwell; hit` (RFC 9211).
    """
    found = await service.search(app, Viewer.of(caller), body)
    if found.is_from_cache:
        response.headers["Cache-Status"] = "groundwell; hit"
    tell_degraded(response, app.metrics, found.degraded)
    return SearchOut.of(found)


@router.post("/context", summary="Collect context for a language model", responses=TOLD_DEGRADED)
async def context(app: App, caller: Reader, body: ContextIn, response: Response) -> ContextOut:
    """The sentences of the best passages that bear on the query, as one text within a budget.

    The text is for a model of your own; each `[n]` in it is one of `sources`, whose spans tell
    which characters of the document are shown. What documents say is data, not instructions.
    """
    collected = await service.collect_context(app, Viewer.of(caller), body)
    tell_degraded(response, app.metrics, collected.selected.degraded)
    return ContextOut.of(collected)
