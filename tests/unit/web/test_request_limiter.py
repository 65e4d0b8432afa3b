from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest

from groundwell.adapters.metrics.prometheus import PrometheusMetrics
from groundwell.adapters.rate_limiter.memory import MemoryRateLimiter
from groundwell.domain.documents import TenantId
from groundwell.domain.errors import UnavailableError
from groundwell.domain.identity import SCOPES_OF_ROLE, Principal, Role, Tier
from groundwell.domain.limits import (
    Allowance,
    LimitTable,
    Rate,
    Rule,
    RuleBook,
    Standing,
    TierLimits,
)
from groundwell.web.request_limiter import RequestLimiter

FREE = RuleBook.make(Rate(5, 60), [(Rule("answers", Rate(2, 60)), "/ask")])
TABLE = LimitTable(
    {
        Allowance.FREE: TierLimits(FREE),
        Allowance.PREMIUM: TierLimits(RuleBook.make(Rate(50, 60), [])),
        Allowance.ADMIN: TierLimits(),
    }
)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Store:
    """A store that counts how often it is asked, and can be away."""

    def __init__(self, clock: Clock) -> None:
        self._counts = MemoryRateLimiter(clock)
        self.asked = 0
        self.is_away = False

    async def take(self, tenant: TenantId, user: UUID, rules: Sequence[Rule]) -> list[Standing]:
        self.asked += 1
        if self.is_away:
            raise UnavailableError("away")
        return await self._counts.take(tenant, user, rules)


class Setting:
    def __init__(self) -> None:
        self.clock = Clock()
        self.store = Store(self.clock)
        self.metrics = PrometheusMetrics()
        self.limiter = RequestLimiter(
            TABLE, self.store, MemoryRateLimiter(self.clock), self.metrics, self.clock
        )

    def counted(self, name: str) -> Counter[str]:
        text = self.metrics.exposition(None)[0].decode()
        lines = [line.rpartition(" ") for line in text.splitlines() if line.startswith(name)]
        return Counter({key.removeprefix(name): int(float(value)) for key, _, value in lines})


def person(role: Role = Role.MEMBER, tier: Tier = Tier.FREE) -> Principal:
    return Principal(TenantId(uuid4()), uuid4(), SCOPES_OF_ROLE[role], role, tier)


async def refusals(setting: Setting, caller: Principal, tries: int, path: str = "/x") -> int:
    verdicts = [await setting.limiter.judge(caller, path) for _ in range(tries)]
    return sum(verdict.refusal is not None for verdict in verdicts)


async def test_an_unlimited_caller_asks_the_store_for_nothing():
    setting = Setting()
    verdict = await setting.limiter.judge(person(Role.OWNER), "/ask")
    assert (verdict.headers, verdict.refusal, setting.store.asked) == ((), None, 0)


async def test_tiers_have_limits_of_their_own():
    setting = Setting()
    assert await refusals(setting, person(), 60) == 55
    assert await refusals(setting, person(tier=Tier.PREMIUM), 60) == 10


async def test_a_refusal_says_what_and_when_and_the_headers_say_it_too():
    setting, caller = Setting(), person()
    first = await setting.limiter.judge(caller, "/api/v1/ask")
    assert dict(first.headers) == {
        "RateLimit-Policy": '"answers";q=2;w=60, "requests";q=5;w=60',
        "RateLimit": '"answers";r=1;t=60, "requests";r=4;t=60',
    }
    await setting.limiter.judge(caller, "/ask")
    refused = await setting.limiter.judge(caller, "/ask")
    assert refused.refusal is not None
    assert refused.refusal.detail == (
        "You may send 2 requests to answers in a minute. Try again in 90 s."
    )
    assert refused.refusal.retry_after_seconds == 90
    assert (await setting.limiter.judge(caller, "/x")).refusal is None


async def test_a_flood_of_refused_requests_stays_in_the_process():
    setting, caller = Setting(), person()
    assert await refusals(setting, caller, 1000) == 995
    assert setting.store.asked == 6
    assert setting.counted("groundwell_limit_hits_total") == {'{rule="requests",tier="free"}': 995}
    setting.clock.now += 72
    assert await refusals(setting, caller, 1) == 0


async def test_while_the_store_is_away_the_process_counts_and_says_so(
    caplog: pytest.LogCaptureFixture,
):
    setting, caller = Setting(), person()
    setting.store.is_away = True
    caplog.set_level(logging.INFO)
    assert await refusals(setting, caller, 10) == 5
    assert setting.store.asked == 1, "a store that is away is left alone for a while"
    assert setting.counted("groundwell_rate_limit_fallbacks_total") == {"": 6}
    setting.store.is_away = False
    setting.clock.now += 6
    assert await refusals(setting, person(), 1) == 0
    assert setting.store.asked == 2
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
