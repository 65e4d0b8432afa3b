"""HTTP: health."""

from __future__ import annotations

import asyncio
import time
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from groundwell.web.deps import App

router = APIRouter(tags=["health"])

_Connection = Literal["connected", "disconnected"]


class HealthOut(BaseModel):
    """The state of the server and its parts."""

    status: Literal["healthy", "degraded"]
    models_loaded: list[str]
    database: _Connection
    cache: _Connection
    uptime_seconds: int


class AliveOut(BaseModel):
    """The event loop turns."""

    status: Literal["alive"] = "alive"


class ReadyOut(BaseModel):
    """Whether this server can do its work."""

    status: Literal["ready", "not_ready"]
    database: _Connection
    blobs: _Connection


@router.get("/health", summary="Health of the parts")
async def health(app: App) -> HealthOut:
    """Always 200 while the server runs. The cache lives in the process and so is always there."""
    is_up = await app.database.is_available()
    return HealthOut(
        status="healthy" if is_up else "degraded",
        models_loaded=[app.embedder.model],
        database=_word(is_up),
        cache="connected",
        uptime_seconds=int(time.monotonic() - app.started_at),
    )


@router.get("/health/live", summary="Is the process alive?")
async def live() -> AliveOut:
    """For restarts: checks nothing but itself."""
    return AliveOut()


@router.get(
    "/health/ready",
    summary="Can the server do its work?",
    responses={503: {"model": ReadyOut, "description": "Database or file store are away."}},
)
async def ready(app: App, response: Response) -> ReadyOut:
    """For load balancers: 503 while the database or the file store is away."""
    database, blobs = await asyncio.gather(app.database.is_available(), app.blobs.is_available())
    is_ready = database and blobs
    if not is_ready:
        response.status_code = 503
    return ReadyOut(
        status="ready" if is_ready else "not_ready",
        database=_word(database),
        blobs=_word(blobs),
    )


def _word(is_up: bool) -> _Connection:
    return "connected" if is_up else "disconnected"
