"""HTTP: the audit log."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from groundwell.apps.audit.schemas import AuditEntryOut, AuditList
from groundwell.domain.audit import AuditAction
from groundwell.store.audit import list_entries
from groundwell.web.cursors import Cursor, read_cursor, write_cursor
from groundwell.web.deps import Administrator, App
from groundwell.web.fields import Moment
from groundwell.web.json_body import StrictJsonRoute

router = APIRouter(prefix="/audit", tags=["audit"], route_class=StrictJsonRoute)


@router.get("", summary="Read the audit log")
async def list_audit(
    app: App,
    caller: Administrator,
    action: Annotated[AuditAction | None, Query()] = None,
    actor: Annotated[UUID | None, Query(description="Id of a user.")] = None,
    since: Annotated[Moment | None, Query(description="Not before.")] = None,
    until: Annotated[Moment | None, Query(description="Before.")] = None,
    cursor: Annotated[Cursor | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> AuditList:
    """What was done to the safety of the tenant's data, newest first. Entries stay for 400 days."""
    after = None if cursor is None else read_cursor(cursor)
    async with app.database.transaction(caller.tenant) as connection:
        found = await list_entries(connection, action, actor, since, until, after, limit + 1)
    page = found[:limit]
    following = write_cursor(page[-1].at, page[-1].id) if len(found) > limit else None
    return AuditList(entries=[AuditEntryOut.of(entry) for entry in page], next_cursor=following)
