"""Who was refused: counted for a while, then written to the audit log in a few entries.

A stranger can be refused a million times a minute. Neither memory nor the table may grow with that.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from uuid import UUID

from starlette.types import Scope

from groundwell.domain.audit import AuditAction, AuditEvent
from groundwell.domain.documents import TenantId
from groundwell.domain.errors import UnavailableError
from groundwell.domain.identity import Principal
from groundwell.domain.origin import Origin, origin_kept, set_origin
from groundwell.domain.pauses import pause
from groundwell.store.audit import record
from groundwell.store.database import Database
from groundwell.store.identity import find_first_tenant
from groundwell.web.caller import caller_address

_FLUSH_SECONDS = 60.0
_MOST_KINDS = 50
_ACTIONS = {401: AuditAction.AUTHENTICATION_FAILED, 403: AuditAction.ACCESS_REFUSED}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Refusal:
    """What refusals that are counted together have in common."""

    action: AuditAction
    tenant: TenantId | None
    user: UUID | None
    code: str
    address: str | None


class Refusals:
    """Counts answers 401 and 403; `run` writes them down every minute and at the end.

    Those that are alike in everything but time make one entry. Of more than 50 kinds in a
    minute, the rest is counted without user and address. Strangers belong to no tenant: the audit
    log of the tenant that the installation began with has them.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._counts: Counter[_Refusal] = Counter()

    def note(self, scope: Scope, status: int) -> None:
        """Count an answer, if it is a refusal."""
        if status not in _ACTIONS:
            return
        principal: Principal | None = scope.get("groundwell.principal")
        refusal = _Refusal(
            _ACTIONS[status],
            None if principal is None else principal.tenant,
            None if principal is None else principal.user_id,
            str(scope.get("groundwell.code", "")),
            caller_address(scope),
        )
        if refusal not in self._counts and len(self._counts) >= _MOST_KINDS:
            refusal = _Refusal(refusal.action, None, None, refusal.code, None)
        self._counts[refusal] += 1

    async def run(self) -> None:
        """Write down what was counted, until cancelled."""
        try:
            while True:
                await pause(_FLUSH_SECONDS)
                await self.flush()
        finally:
            await self.flush()

    async def flush(self) -> None:
        """Write down what was counted; without a database it is kept for the next time."""
        if not self._counts:
            return
        counts, self._counts = self._counts, Counter()
        try:
            await self._write(counts)
        except UnavailableError:
            _log.warning("refused requests could not be written to the audit log yet")
        finally:
            self._counts += counts

    async def _write(self, counts: Counter[_Refusal]) -> None:
        """Write all down; what is written is taken away from `counts`."""
        async with self._database.anonymous_transaction() as connection:
            first = await find_first_tenant(connection)
        by_tenant: dict[TenantId, list[_Refusal]] = {}
        for refusal in counts:
            tenant = refusal.tenant or first
            if tenant is not None:
                by_tenant.setdefault(tenant, []).append(refusal)
        for tenant, refusals in by_tenant.items():
            async with self._database.transaction(tenant) as connection:
                for refusal in refusals:
                    event = AuditEvent(
                        refusal.action, refusal.user, detail=refusal.code, count=counts[refusal]
                    )
                    with origin_kept():
                        set_origin(Origin(address=refusal.address))
                        await record(connection, tenant, event)
            for refusal in refusals:
                del counts[refusal]
