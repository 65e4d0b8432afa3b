"""What the endpoint of the audit log gives."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field

from groundwell.domain.audit import AuditAction, AuditEntry


class AuditEntryOut(BaseModel):
    """Something that was done."""

    id: UUID
    at: AwareDatetime
    action: AuditAction
    actor: Annotated[UUID | None, Field(description="The user; null where nobody was let in.")]
    object: Annotated[str | None, Field(description="The id of what it was done to.")]
    detail: str | None
    count: Annotated[int, Field(description="Above 1 for refusals that were counted together.")]
    request_id: str | None
    address: Annotated[str | None, Field(description="Network address of the caller.")]

    @classmethod
    def of(cls, entry: AuditEntry) -> AuditEntryOut:
        """The entry as clients see it."""
        return cls(
            id=entry.id,
            at=entry.at,
            action=entry.event.action,
            actor=entry.event.actor,
            object=entry.event.object,
            detail=entry.event.detail,
            count=entry.event.count,
            request_id=entry.request_id,
            address=entry.address,
        )


class AuditList(BaseModel):
    """Entries, the newest first."""

    entries: list[AuditEntryOut]
    next_cursor: str | None
