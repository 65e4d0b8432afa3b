"""How often somebody may ask, and how much a tenant may hold."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, field
from enum import StrEnum

from groundwell.domain.errors import QuotaExceededError
from groundwell.domain.identity import Principal, Role, Tier
from groundwell.domain.spending import Purse

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
_RATE = re.compile(r"([1-9]\d{0,8}) ?/ ?(?:([1-9]\d{0,5}) )?(second|minute|hour|day)s?", re.ASCII)
_PREFIX = "/api/v1"
# What passes by itself, and after how long it is worth to look again.
_RETRY_SECONDS = {"queued": 30, "embedded": 3600}
MOST_QUESTIONS = 100
"""Most questions that one request is given; who asks for more is told so."""


class Allowance(StrEnum):
    """Whose limits count: those of a tier, or those of whoever administers the server."""

    FREE = "free"
    PREMIUM = "premium"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `count` in any window of `seconds`."""

    count: int
    seconds: int

    @classmethod
    def parse(cls, text: str) -> Rate:
        """Read `20/minute` or `100/5 minutes`. Raises ValueError."""
        found = _RATE.fullmatch(text.strip())
        if found is None:
            raise ValueError("a rate is written as 20/minute, 2/hour or 100/5 minutes")
        count, units, unit = found.groups()
        return cls(int(count), int(units or 1) * _UNITS[unit])


@dataclass(frozen=True, slots=True)
class Rule:
    """A rate under a name. Requests that fall under the same rule share one count."""

    name: str
    rate: Rate


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a caller stands with a rule, after a request was asked for.

    remaining: requests that would be let through at once
    reset_seconds: time until the present window ends
    wait_seconds: 0 if the rule let the request through, else the time until it would
    """

    remaining: int
    reset_seconds: float
    wait_seconds: float


@dataclass(frozen=True, slots=True)
class RuleBook:
    """The rules of one allowance, found by address."""

    always: tuple[Rule, ...] = ()
    exact: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict)
    beneath: tuple[tuple[str, Rule], ...] = ()

    @classmethod
    def make(cls, requests: Rate | None, addresses: Iterable[tuple[Rule, str]]) -> RuleBook:
        """`requests` counts everything. An address that ends in `*` means all that begin so.

        `/api/v1` is left out: the short addresses lead to the same work and count with the long.
        """
        exact: dict[str, list[Rule]] = defaultdict(list)
        beneath: list[tuple[str, Rule]] = []
        for rule, address in addresses:
            if address.endswith("*"):
                beneath.append((_shortened(address[:-1]), rule))
            else:
                exact[_shortened(address).rstrip("/")].append(rule)
        return cls(
            () if requests is None else (Rule("requests", requests),),
            {address: tuple(rules) for address, rules in exact.items()},
            tuple(beneath),
        )

    def rules_for(self, path: str) -> tuple[Rule, ...]:
        """All rules that a request to `path` falls under, in one order for everybody."""
        short = _shortened(path)
        found = set(self.always)
        found.update(self.exact.get(short.rstrip("/"), ()))
        found.update(rule for start, rule in self.beneath if short.startswith(start))
        return tuple(sorted(found, key=lambda rule: rule.name))

    def listed(self) -> list[tuple[Rule, list[str]]]:
        """Each rule with its addresses, those of every address first, then by name."""
        found: dict[Rule, list[str]] = defaultdict(list)
        for address, rules in self.exact.items():
            for rule in rules:
                found[rule].append(address)
        for start, rule in self.beneath:
            found[rule].append(f"{start}*")
        ordered = sorted(found.items(), key=lambda each: each[0].name)
        return [*((rule, ["/*"]) for rule in self.always), *ordered]


@dataclass(frozen=True, slots=True)
class Usage:
    """What a tenant holds.

    bytes: of the files and texts that were handed in, old versions too while they are kept
    queued: documents that wait or are being ingested
    embedded: chunks that were embedded since midnight (UTC), whether they are still held or not
    """

    bytes: int
    documents: int
    chunks: int
    queued: int
    embedded: int = 0


@dataclass(frozen=True, slots=True)
class Quotas:
    """The most that a tenant may hold; None is without limit."""

    bytes: int | None = None
    documents: int | None = None
    chunks: int | None = None
    queued: int | None = None
    embedded: int | None = None

    @property
    def is_unlimited(self) -> bool:
        """Whether there is nothing to check."""
        return all(most is None for most in astuple(self))

    def check(self, held: Usage, added: Usage) -> None:
        """Raise QuotaExceededError when what a request adds would not fit on top of `held`.

        A quota that the request does not add to is not asked: what is full can be used, and
        emptied. How many chunks a document has is known only later: work is refused once they, or
        those embedded today, are at their limit.
        """
        self._check_one("bytes", self.bytes, held.bytes, added.bytes)
        self._check_one("documents", self.documents, held.documents, added.documents)
        self._check_one("queued", self.queued, held.queued, added.queued)
        self._check_one("chunks", self.chunks, held.chunks, min(added.queued, 1))
        self._check_one("embedded", self.embedded, held.embedded, min(added.queued, 1))

    def _check_one(self, name: str, most: int | None, held: int, added: int) -> None:
        if most is not None and added > 0 and held + added > most:
            raise QuotaExceededError(name, most, held, retry_after_seconds=_RETRY_SECONDS.get(name))


@dataclass(frozen=True, slots=True)
class TierLimits:
    """What one allowance grants. `tokens`: of language models, for each user and UTC day."""

    rules: RuleBook = RuleBook()
    quotas: Quotas = Quotas()
    tokens: int | None = None


@dataclass(frozen=True, slots=True)
class LimitTable:
    """All limits. `failed_authentications` counts by the address of the client."""

    tiers: Mapping[Allowance, TierLimits]
    failed_authentications: Rate | None = None

    def of(self, principal: Principal) -> TierLimits:
        """The limits of a caller."""
        return self.tiers[allowance_of(principal)]

    def purse_of(self, principal: Principal) -> Purse | None:
        """Who pays when a language model is asked for a caller; None without a limit."""
        allowance = allowance_of(principal)
        tokens = self.tiers[allowance].tokens
        if tokens is None:
            return None
        return Purse(principal.tenant, principal.user_id, allowance, tokens)


def allowance_of(principal: Principal) -> Allowance:
    """Whose limits count for the caller: who administers the server, or is alone, is of no tier."""
    if principal.is_alone or principal.role in (Role.OWNER, Role.ADMIN):
        return Allowance.ADMIN
    return Allowance.PREMIUM if principal.tier is Tier.PREMIUM else Allowance.FREE


def _shortened(address: str) -> str:
    return address.removeprefix(_PREFIX)
