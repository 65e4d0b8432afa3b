"""The port of rate limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from groundwell.domain.documents import TenantId
from groundwell.domain.limits import Rule, Standing


class RateLimiter(Protocol):
    """Counts requests.

    Promises: of requests that come at the same time, exactly as many are let through as a rule
    has left; a request counts for all of its rules or, when one refuses it, for none; time is
    that of one clock, which no process's wall clock can move.
    """

    async def take(self, tenant: TenantId, user: UUID, rules: Sequence[Rule]) -> list[Standing]:
        """Count a request of the user; a standing for each rule, in order.

        The request is let through if all have `wait_seconds` of 0. The rules come sorted by name.
        Raises UnavailableError when what counts is away.
        """
        ...
