"""The table of limits, as the settings say."""

from __future__ import annotations

from groundwell.domain.limits import (
    Allowance,
    LimitTable,
    Quotas,
    Rule,
    RuleBook,
    TierLimits,
)
from groundwell.settings.limit_table import LimitTableSettings, TierSettings

# Each of these words an answer, collects what one is drawn from, or makes questions.
_GROUPS = {
    "answers": (
        *("/ask", "/rag/query", "/query"),
        *("/questions/generate", "/api/chat/generate-questions"),
    )
}


def make_limit_table(settings: LimitTableSettings) -> LimitTable:
    """The table in the form in which requests are judged."""
    tiers = {
        Allowance.FREE: settings.free,
        Allowance.PREMIUM: settings.premium,
        Allowance.ADMIN: settings.admin,
    }
    return LimitTable(
        {allowance: _tier(tier) for allowance, tier in tiers.items()},
        settings.failed_authentications,
    )


def _tier(tier: TierSettings) -> TierLimits:
    addresses = [
        (Rule(name, rate), address)
        for name, rate in tier.endpoints.items()
        if rate is not None
        for address in _GROUPS.get(name, (name,))
    ]
    quotas = Quotas(tier.bytes, tier.documents, tier.chunks, tier.queued, tier.embedded)
    return TierLimits(RuleBook.make(tier.requests, addresses), quotas, tier.tokens)
