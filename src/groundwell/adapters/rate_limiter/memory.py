"""Rate limits in the memory of one process."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from uuid import UUID

from groundwell.domain.documents import TenantId
from groundwell.domain.limits import Rule, Standing
from groundwell.domain.rate_window import Window

_MOST_WINDOWS = 100_000


class MemoryRateLimiter:
    """Each process counts for itself, on its monotonic clock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._windows: dict[tuple[UUID, Rule], Window] = {}

    async def take(self, tenant: TenantId, user: UUID, rules: Sequence[Rule]) -> list[Standing]:
        """Count a request."""
        del tenant  # A user belongs to one.
        now = self._clock()
        keys = [(user, rule) for rule in rules]
        windows = [
            self._windows.get(key, Window(now)).at(now, rule.rate)
            for key, rule in zip(keys, rules, strict=True)
        ]
        before = [
            window.standing(now, rule.rate, taken=False)
            for window, rule in zip(windows, rules, strict=True)
        ]
        if any(standing.wait_seconds for standing in before):
            return before
        if len(self._windows) > _MOST_WINDOWS:
            self._forget(now)
        windows = [window.with_one() for window in windows]
        self._windows.update(zip(keys, windows, strict=True))
        return [
            window.standing(now, rule.rate, taken=True)
            for window, rule in zip(windows, rules, strict=True)
        ]

    def _forget(self, now: float) -> None:
        self._windows = {
            key: window
            for key, window in self._windows.items()
            if now - window.began < 2 * key[1].rate.seconds
        }
