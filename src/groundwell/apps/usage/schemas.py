"""What the endpoint of limits gives."""

from __future__ import annotations

from pydantic import BaseModel, Field

from groundwell.domain.limits import Allowance, Rule


class QuotaOut(BaseModel):
    """How much the tenant holds, and the most to which this caller may add; null: no limit."""

    used: int
    limit: int | None


class RateOut(BaseModel):
    """A rate limit of the caller. All of a user's keys and tokens count together."""

    rule: str
    addresses: list[str] = Field(
        description="Without `/api/v1`. `*` at the end: all that begin so, counted together."
    )
    requests: int
    seconds: int

    @classmethod
    def of(cls, rule: Rule, addresses: list[str]) -> RateOut:
        """The rule as clients see it."""
        return cls(
            rule=rule.name,
            addresses=addresses,
            requests=rule.rate.count,
            seconds=rule.rate.seconds,
        )


class UsageOut(BaseModel):
    """The caller's row of the table of limits, and how much of it is used."""

    tier: Allowance
    bytes: QuotaOut
    documents: QuotaOut
    chunks: QuotaOut
    queued: QuotaOut = Field(description="Documents that wait or are being ingested.")
    tokens: QuotaOut = Field(
        description="Tokens of the language model that count for the caller himself since midnight "
        "UTC. Those of a caller without a limit are not counted."
    )
    embedded: QuotaOut = Field(description="Chunks that were embedded since midnight (UTC).")
    rates: list[RateOut]
