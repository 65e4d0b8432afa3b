"""Rate limits of callers: which rules count, who counts, and what the answer says of it."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

from groundwell.domain.errors import RateLimitedError, UnavailableError
from groundwell.domain.identity import Principal
from groundwell.domain.limits import LimitTable, Rule, Standing, allowance_of
from groundwell.ports.metrics import Metrics
from groundwell.ports.rate_limiter import RateLimiter

_PAUSE_SECONDS = 5.0
_MOST_REFUSED = 10_000
_log = logging.getLogger(__name__)

Judged: TypeAlias = list[tuple[Rule, Standing]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a request: an error if it is refused, and headers of its answer anyway."""

    headers: tuple[tuple[str, str], ...] = ()
    refusal: RateLimitedError | None = None


_FREE = Verdict()


class RequestLimiter:
    """Lets a request of a caller through, or refuses it with the time to wait.

    All keys and tokens of a user count together: who makes himself more keys gains nothing. A
    caller without limits costs nothing, one within them a round trip to the store. One over them
    costs nothing until the time is over that was told: a flood stays in this process. While the
    store is away, `substitute` counts; no request fails because of that.
    """

    def __init__(
        self,
        table: LimitTable,
        store: RateLimiter,
        substitute: RateLimiter,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._table = table
        self._store = store
        self._substitute = substitute
        self._metrics = metrics
        self._clock = clock
        self._refused_until: dict[tuple[UUID, Rule], float] = {}
        self._store_away_until: float | None = None

    async def judge(self, caller: Principal, path: str) -> Verdict:
        """Count a request to `path`, if there is room."""
        rules = self._table.of(caller).rules.rules_for(path)
        if not rules:
            return _FREE
        judged = self._recall(caller, rules) or await self._take(caller, rules)
        refusing = [each for each in judged if each[1].wait_seconds > 0]
        if not refusing:
            return Verdict(_headers(judged))
        self._remember(caller, refusing)
        rule, standing = max(refusing, key=lambda each: each[1].wait_seconds)
        return Verdict(_headers(judged), _refusal(rule, standing.wait_seconds))

    def _recall(self, caller: Principal, rules: Sequence[Rule]) -> Judged:
        """The refusals that still hold. Nothing but time can make room, so they are exact."""
        if not self._refused_until:
            return []
        now = self._clock()
        waits = [
            (rule, self._refused_until.get((caller.user_id, rule), now) - now) for rule in rules
        ]
        return [(rule, Standing(0, wait, wait)) for rule, wait in waits if wait > 0]

    def _remember(self, caller: Principal, refusing: Judged) -> None:
        if len(self._refused_until) >= _MOST_REFUSED:
            self._refused_until.clear()
        now = self._clock()
        for rule, standing in refusing:
            self._refused_until[caller.user_id, rule] = now + standing.wait_seconds
            self._metrics.count_limit_hit(rule.name, allowance_of(caller))

    async def _take(self, caller: Principal, rules: Sequence[Rule]) -> Judged:
        if self._store_away_until is None or self._store_away_until <= self._clock():
            try:
                standings = await self._store.take(caller.tenant, caller.user_id, rules)
            except UnavailableError as error:
                if self._store_away_until is None:
                    _log.warning("each process counts requests for itself. %s", error.detail)
                self._store_away_until = self._clock() + _PAUSE_SECONDS
            else:
                if self._store_away_until is not None:
                    _log.info("requests are counted for all processes together again")
                    self._store_away_until = None
                return list(zip(rules, standings, strict=True))
        self._metrics.count_limit_fallback()
        standings = await self._substitute.take(caller.tenant, caller.user_id, rules)
        return list(zip(rules, standings, strict=True))


def _refusal(rule: Rule, wait: float) -> RateLimitedError:
    seconds = max(1, math.ceil(wait))
    where = "" if rule.name == "requests" else f" to {rule.name}"
    return RateLimitedError(
        f"You may send {rule.rate.count} requests{where} in {_duration(rule.rate.seconds)}. "
        f"Try again in {seconds} s.",
        retry_after_seconds=seconds,
    )


def _duration(seconds: int) -> str:
    size, name = next(
        (size, name)
        for size, name in ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
        if seconds % size == 0
    )
    count = seconds // size
    return f"a {name}" if count == 1 else f"{count} {name}s"


def _headers(judged: Judged) -> tuple[tuple[str, str], ...]:
    """`RateLimit-Policy` and `RateLimit` as the IETF draft ratelimit-headers-10 has them."""
    policies = (f'"{rule.name}";q={rule.rate.count};w={rule.rate.seconds}' for rule, _ in judged)
    states = (
        f'"{rule.name}";r={standing.remaining};t={math.ceil(standing.reset_seconds)}'
        for rule, standing in judged
    )
    return (("RateLimit-Policy", ", ".join(policies)), ("RateLimit", ", ".join(states)))
