"""Whether there is room for what a request brings."""

from __future__ import annotations

from dataclasses import replace

from psycopg import AsyncConnection

from groundwell.domain.errors import QuotaExceededError
from groundwell.domain.identity import Principal
from groundwell.domain.limits import Quotas, Usage, allowance_of
from groundwell.ports.metrics import Metrics
from groundwell.services import Services
from groundwell.store.database import Row
from groundwell.store.embedded_chunks import read_embedded
from groundwell.store.usage import claim_usage, read_usage


async def enforce_quotas(
    services: Services, connection: AsyncConnection[Row], caller: Principal
) -> None:
    """Raise QuotaExceededError if what the transaction adds does not fit.

    Call it last: from here on, whoever else adds to the same tenant waits for the commit. So of
    any number of requests at once, as many are let through as fit. An unlimited caller waits for
    nothing and is asked for nothing.
    """
    quotas = services.allowances.table.of(caller).quotas
    if not quotas.is_unlimited:
        held, added = await claim_usage(connection)
        if quotas.embedded is not None:
            held = replace(held, embedded=await read_embedded(connection))
        _check(quotas, held, added, services.metrics, caller)


async def check_ahead(services: Services, caller: Principal, least_bytes: int) -> None:
    """Raise QuotaExceededError for a body that cannot fit, before a byte of it is read.

    `least_bytes`: what the body surely brings. The last word is with `enforce_quotas`.
    """
    quotas = services.allowances.table.of(caller).quotas
    if not quotas.is_unlimited:
        held = await read_usage(services.database, caller.tenant)
        ahead = Quotas(bytes=quotas.bytes, queued=quotas.queued)
        _check(ahead, held, Usage(least_bytes, 0, 0, 1), services.metrics, caller)


def _check(quotas: Quotas, held: Usage, added: Usage, metrics: Metrics, caller: Principal) -> None:
    try:
        quotas.check(held, added)
    except QuotaExceededError as error:
        metrics.count_limit_hit(error.quota, allowance_of(caller))
        raise
