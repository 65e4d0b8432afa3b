"""Who may see what is of all tenants together."""

from __future__ import annotations

from groundwell.domain.documents import TenantId
from groundwell.domain.errors import ForbiddenError, UnavailableError
from groundwell.domain.identity import Principal
from groundwell.store.database import Database
from groundwell.store.identity import find_first_tenant


class Operator:
    """The tenant that the installation began with: whoever administers it runs the server.

    It is remembered for a time without database, when a monitor is needed most.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: TenantId | None = None

    async def check(self, caller: Principal) -> None:
        """Raise ForbiddenError for callers of other tenants, UnavailableError if nobody knows."""
        try:
            async with self._database.anonymous_transaction() as connection:
                self._known = await find_first_tenant(connection)
        except UnavailableError:
            if self._known is None:
                raise
        if caller.tenant != self._known:
            raise ForbiddenError(
                "This is about all tenants together: only the tenant that the installation began "
                "with may see it.",
                code="not_the_operator",
            )
