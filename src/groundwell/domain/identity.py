"""Who is asking."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from groundwell.domain.documents import TenantId
from groundwell.domain.errors import ForbiddenError


class Scope(StrEnum):
    """What a credential may do."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Principal:
    """The authenticated caller. The tenant comes from the credential and from nowhere else."""

    tenant: TenantId
    user_id: UUID
    scopes: frozenset[Scope]

    def require(self, scope: Scope) -> None:
        """Raise ForbiddenError unless the caller holds `scope`."""
        if scope not in self.scopes:
            raise ForbiddenError(f"This key may not do that: it needs the scope '{scope}'.")
