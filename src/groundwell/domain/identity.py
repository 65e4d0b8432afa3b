"""Who is asking, and what each role may do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from groundwell.domain.documents import TenantId
from groundwell.domain.errors import ForbiddenError


class Scope(StrEnum):
    """What a credential may do."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


class Role(StrEnum):
    """What a user is within a tenant."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    READER = "reader"


class Tier(StrEnum):
    """What a user has been granted of the server's capacity."""

    FREE = "free"
    PREMIUM = "premium"


# The one table of rights. Owners differ from administrators in one thing: only an owner makes,
# changes or removes an owner.
SCOPES_OF_ROLE: Mapping[Role, frozenset[Scope]] = MappingProxyType(
    {
        Role.OWNER: frozenset(Scope),
        Role.ADMIN: frozenset(Scope),
        Role.MEMBER: frozenset({Scope.READ, Scope.WRITE}),
        Role.READER: frozenset({Scope.READ}),
    }
)


# At most 255 ASCII characters, as OpenID Connect Core 1.0, section 2, says of `sub`.
SUBJECT = re.compile(r"[!-~]{1,255}")


@dataclass(frozen=True, slots=True)
class Principal:
    """The authenticated caller. The tenant comes from the credential and from nowhere else.

    `scopes` are those of the credential as far as the role has them. `is_alone`: there is nobody
    else, because the server asks for no credential.
    """

    tenant: TenantId
    user_id: UUID
    scopes: frozenset[Scope]
    role: Role
    tier: Tier
    is_alone: bool = False

    def require(self, scope: Scope) -> None:
        """Raise ForbiddenError unless the caller holds `scope`."""
        if scope not in self.scopes:
            raise ForbiddenError(f"You may not do that here: it needs the scope '{scope}'.")


@dataclass(frozen=True, slots=True)
class User:
    """A user of a tenant. `subject` is the name that an identity provider gives, if there is one.

    `disabled_at` is None as long as the user is let in.
    """

    id: UUID
    name: str
    role: Role
    tier: Tier
    subject: str | None
    created_at: datetime
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What is known of an API key; not the key."""

    id: str
    user_id: UUID
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


def check_grant(caller: Principal, *roles: Role) -> None:
    """Raise ForbiddenError when one of `roles` is the owner's and the caller is no owner."""
    if Role.OWNER in roles and caller.role is not Role.OWNER:
        raise ForbiddenError(
            "Only an owner may make, change or act for an owner.", code="insufficient_role"
        )


@dataclass(frozen=True, slots=True)
class AssertedUser:
    """Whom an identity provider, by a token or through a gateway, says the caller is.

    `tenant` is None where tenants are not named, `role` where roles are not told.
    """

    subject: str
    name: str
    tenant: str | None
    role: Role | None


def pick_role(names: Iterable[str]) -> Role:
    """The strongest of our roles among the names that somebody else gives.

    Owners are made here only: nobody else's word makes one. Raises ForbiddenError when no name is
    a role of ours.
    """
    told = set(names)
    for role in (Role.ADMIN, Role.MEMBER, Role.READER):
        if role.value in told:
            return role
    raise ForbiddenError(
        "You are known, but have no role here: it must be admin, member or reader.",
        code="unknown_role",
    )
