"""What the endpoints for users take and give."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from groundwell.domain.identity import SUBJECT, Principal, Role, Scope, Tier, User
from groundwell.web.fields import Flag, NotBlank

UserName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), NotBlank
]
Subject = Annotated[str, StringConstraints(pattern=rf"^{SUBJECT.pattern}$")]


class UserIn(BaseModel):
    """A new user."""

    model_config = ConfigDict(extra="forbid")

    name: UserName
    role: Role = Role.READER
    tier: Tier = Tier.FREE
    subject: Annotated[
        Subject | None, Field(description="What access tokens or a gateway call the user.")
    ] = None


class UserChange(BaseModel):
    """What is to change; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    name: UserName | None = None
    role: Role | None = None
    tier: Tier | None = None
    disabled: Flag | None = None


class UserOut(BaseModel):
    """A user."""

    id: UUID
    name: str
    role: Role
    tier: Tier
    subject: str | None
    disabled: bool
    created_at: datetime

    @classmethod
    def of(cls, user: User) -> UserOut:
        """The user as clients see it."""
        return cls(
            id=user.id,
            name=user.name,
            role=user.role,
            tier=user.tier,
            subject=user.subject,
            disabled=user.disabled_at is not None,
            created_at=user.created_at,
        )


class UserList(BaseModel):
    """The users of the tenant."""

    users: list[UserOut]


class CallerOut(BaseModel):
    """Who the credential of this request is taken for."""

    id: UUID
    tenant: UUID
    role: Role
    tier: Tier
    scopes: list[Scope]

    @classmethod
    def of(cls, caller: Principal) -> CallerOut:
        """The caller as itself sees it; scopes in order."""
        return cls(
            id=caller.user_id,
            tenant=caller.tenant,
            role=caller.role,
            tier=caller.tier,
            scopes=[scope for scope in Scope if scope in caller.scopes],
        )
