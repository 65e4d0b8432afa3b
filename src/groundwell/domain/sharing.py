"""Who of a tenant may see a document, and who may change it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

from groundwell.domain.documents import DocumentAccess, TenantId, Visibility
from groundwell.domain.errors import ForbiddenError, InvalidInputError
from groundwell.domain.identity import Principal, Role, Scope

_MOST_USERS = 100


@dataclass(frozen=True, slots=True)
class Sharing:
    """Who may see a document, beside its owner. Roles and users are there when it is shared."""

    visibility: Visibility = Visibility.TENANT
    roles: frozenset[Role] = frozenset()
    users: frozenset[UUID] = frozenset()

    def __post_init__(self) -> None:
        """Raise InvalidInputError for names without sharing, and for sharing without names."""
        is_shared = self.visibility is Visibility.SHARED
        if is_shared != bool(self.roles or self.users):
            raise InvalidInputError(
                "Name the roles or users in `shared_with` exactly when the visibility is `shared`.",
                code="invalid_sharing",
            )
        if len(self.users) > _MOST_USERS:
            raise InvalidInputError(
                f"A document can be shared with {_MOST_USERS} users at most. Share it with a role.",
                code="invalid_sharing",
            )


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks the database, as far as it matters for what is seen.

    `manages`: sees the rows of all documents, though not their texts.
    """

    tenant: TenantId
    user: UUID
    role: Role
    manages: bool = False

    @classmethod
    def of(cls, caller: Principal) -> Viewer:
        """The caller of a request. An administrator's key without that scope manages nothing."""
        manages = Scope.ADMIN in caller.scopes
        return cls(caller.tenant, caller.user_id, caller.role, manages)


Asking: TypeAlias = TenantId | Viewer
"""Who asks. A tenant alone sees what all of its users see."""


def tenant_of(asking: Asking) -> TenantId:
    """The tenant of whoever asks."""
    return asking.tenant if isinstance(asking, Viewer) else asking


def check_change(viewer: Viewer, access: DocumentAccess) -> None:
    """Raise ForbiddenError unless the viewer may replace or delete a document that he sees.

    What the whole tenant sees is everybody's to change who may write; what is kept to some, its
    owner's and the administrators'.
    """
    if access.visibility is not Visibility.TENANT:
        check_owner(viewer, access)


def check_owner(viewer: Viewer, access: DocumentAccess) -> None:
    """Raise ForbiddenError unless the viewer owns the document, or manages all of them."""
    if not viewer.manages and access.owner != viewer.user:
        raise ForbiddenError(
            "Only the document's owner or an administrator may do that.", code="not_your_document"
        )


def check_reading(access: DocumentAccess) -> None:
    """Raise ForbiddenError where an administrator sees a document, but may not read it."""
    if not access.is_readable:
        raise ForbiddenError(
            "You manage this document, but its owner has not shared its text with you.",
            code="not_shared_with_you",
        )
