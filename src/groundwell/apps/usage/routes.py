"""HTTP: use and limits."""

from __future__ import annotations

from fastapi import APIRouter

from groundwell.apps.usage.schemas import QuotaOut, RateOut, UsageOut
from groundwell.domain.limits import allowance_of
from groundwell.store.embedded_chunks import read_embedded
from groundwell.store.usage import read_usage
from groundwell.web.deps import App, Reader
from groundwell.web.json_body import StrictJsonRoute

router = APIRouter(prefix="/usage", tags=["usage"], route_class=StrictJsonRoute)


@router.get("", summary="Read use and limits")
async def get_usage(app: App, caller: Reader) -> UsageOut:
    """How much the tenant holds, to which size the caller may fill it, and how often ask."""
    held = await read_usage(app.database, caller.tenant)
    tokens = await app.allowances.tokens.read(caller.tenant, caller.user_id)
    async with app.database.transaction(caller.tenant) as connection:
        embedded = await read_embedded(connection)
    limits = app.allowances.table.of(caller)
    quotas = limits.quotas
    return UsageOut(
        tier=allowance_of(caller),
        bytes=QuotaOut(used=held.bytes, limit=quotas.bytes),
        documents=QuotaOut(used=held.documents, limit=quotas.documents),
        chunks=QuotaOut(used=held.chunks, limit=quotas.chunks),
        queued=QuotaOut(used=held.queued, limit=quotas.queued),
        tokens=QuotaOut(used=tokens, limit=limits.tokens),
        embedded=QuotaOut(used=embedded, limit=quotas.embedded),
        rates=[RateOut.of(rule, addresses) for rule, addresses in limits.rules.listed()],
    )
