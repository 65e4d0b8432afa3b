"""What the endpoints for API keys take and give."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from groundwell.domain.identity import KeyRecord, Scope
from groundwell.web.fields import Moment, NotBlank

KeyName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), NotBlank
]


class KeyIn(BaseModel):
    """A new key."""

    model_config = ConfigDict(extra="forbid")

    name: KeyName
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(Scope))]
    expires_at: Moment | None = None
    user_id: Annotated[
        UUID | None, Field(description="Whose key; else the caller's. Others need `admin`.")
    ] = None


class KeyOut(BaseModel):
    """What is known of a key; never the key."""

    id: str
    user_id: UUID
    name: str
    scopes: list[Scope]
    created_at: AwareDatetime
    expires_at: AwareDatetime | None
    revoked_at: AwareDatetime | None

    @classmethod
    def of(cls, record: KeyRecord) -> KeyOut:
        """The key as clients see it; scopes in order."""
        return cls(
            id=record.id,
            user_id=record.user_id,
            name=record.name,
            scopes=[scope for scope in Scope if scope in record.scopes],
            created_at=record.created_at,
            expires_at=record.expires_at,
            revoked_at=record.revoked_at,
        )


class NewKeyOut(KeyOut):
    """A key that was just made, with the key itself."""

    key: str = Field(repr=False, description="The key. It is shown this once and not kept.")


class KeyList(BaseModel):
    """Keys, the newest first."""

    keys: list[KeyOut]
