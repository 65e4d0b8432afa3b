"""HTTP: health."""

from __future__ import annotations

import time
from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from groundwell.web.deps import App
from groundwell.web.readiness import Condition, Readiness

router = APIRouter(tags=["health"])

_Connection = Literal["connected", "disconnected"]
_Migrations = Literal["current", "missing", "unknown"]
_MIGRATIONS: dict[bool | None, _Migrations] = {True: "current", False: "missing", None: "unknown"}


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
    """Whether this server can do its work. Parts are named, never what is wrong with them.

    `degraded`: parts that failed of late, without which answers are worse or some requests fail.
    """

    status: Literal["ready", "not_ready", "shutting_down"]
    database: _Connection
    migrations: _Migrations
    disk: Literal["enough", "low"]
    blobs: _Connection
    degraded: list[str]


@router.get("/health", summary="Health of the parts")
async def health(request: Request, app: App) -> HealthOut:
    """Always 200 while the server runs. The cache lives in the process and so is always there."""
    seen = await _look(request)
    return HealthOut(
        status="healthy" if seen.is_ready and not seen.degraded else "degraded",
        models_loaded=[app.embedder.model],
        database=_word(seen.has_database),
        cache="connected",
        uptime_seconds=int(time.monotonic() - app.started_at),
    )


@router.get("/health/live", summary="Is the process alive?")
async def live() -> AliveOut:
    """For restarts: checks nothing but itself. A restart mends no database that is away."""
    return AliveOut()


@router.get(
    "/health/ready",
    summary="Can the server do its work?",
    responses={503: {"model": ReadyOut, "description": "Something that is needed is away."}},
)
async def ready(request: Request, response: Response) -> ReadyOut:
    """For load balancers: 503 without database, migrations or room on the disk, or when stopping.

    Parts that answers can do without, such as a language model, are named in `degraded`. The parts
    are looked at once a second at most.
    """
    seen = await _look(request)
    if not seen.is_ready:
        response.status_code = 503
    return ReadyOut(
        status=_status(seen),
        database=_word(seen.has_database),
        migrations=_MIGRATIONS[seen.has_migrations],
        disk="enough" if seen.has_disk else "low",
        blobs=_word(seen.has_blobs),
        degraded=list(seen.degraded),
    )


def _status(seen: Condition) -> Literal["ready", "not_ready", "shutting_down"]:
    if seen.is_leaving:
        return "shutting_down"
    return "ready" if seen.is_ready else "not_ready"


async def _look(request: Request) -> Condition:
    readiness: Readiness = request.app.state.readiness
    return await readiness.look()


def _word(is_up: bool) -> _Connection:
    return "connected" if is_up else "disconnected"
