"""What callers may spend on language models, in tokens a day."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from groundwell.domain.documents import TenantId


@dataclass(frozen=True, slots=True)
class Reservation:
    """Tokens that count as spent on a day, in UTC, until it is known how many were."""

    tenant: TenantId
    user: UUID
    day: date
    tokens: int


@dataclass(slots=True)
class Purse:
    """Who pays for the work that is being done: a user with `tokens_a_day`, of a tier.

    `put_aside`: what was reserved for the next call before all is known that it says.
    """

    tenant: TenantId
    user: UUID
    tier: str
    tokens_a_day: int
    put_aside: Reservation | None = None

    def take_put_aside(self) -> Reservation | None:
        """What was put aside; it is so no more."""
        taken, self.put_aside = self.put_aside, None
        return taken


_PURSE: ContextVar[Purse | None] = ContextVar("groundwell_purse", default=None)


def current_purse() -> Purse | None:
    """Who pays for the work of this task; None where nothing is counted."""
    return _PURSE.get()


@contextmanager
def paid_by(purse: Purse | None) -> Iterator[None]:
    """Within the block, work is paid by `purse`."""
    token = _PURSE.set(purse)
    try:
        yield
    finally:
        _PURSE.reset(token)
