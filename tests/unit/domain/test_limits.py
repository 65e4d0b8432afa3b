from __future__ import annotations

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwell.domain.documents import TenantId
from groundwell.domain.errors import QuotaExceededError
from groundwell.domain.identity import Principal, Role, Scope, Tier
from groundwell.domain.limits import (
    Allowance,
    Quotas,
    Rate,
    Rule,
    RuleBook,
    Usage,
    allowance_of,
)
from groundwell.domain.rate_window import Window

PROGRAM = Rule("/api/program/generate/*", Rate(2, 3600))
ANSWERS = Rule("answers", Rate(20, 60))
BOOK = RuleBook.make(
    Rate(300, 60),
    [
        (PROGRAM, PROGRAM.name),
        (ANSWERS, "/ask"),
        (ANSWERS, "/query"),
        (Rule("/api/v1/documents", Rate(5, 1)), "/api/v1/documents"),
    ],
)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("20/minute", Rate(20, 60)),
        ("2/hour", Rate(2, 3600)),
        ("100 / 5 minutes", Rate(100, 300)),
        ("1/day", Rate(1, 86_400)),
        (" 250/second ", Rate(250, 1)),
    ],
)
def test_a_rate_is_read_as_people_write_it(text: str, rate: Rate):
    assert Rate.parse(text) == rate


@pytest.mark.parametrize("text", ["", "0/minute", "20", "20/fortnight", "-1/hour", "1/0 hours"])
def test_what_is_no_rate_is_refused_with_an_example(text: str):
    with pytest.raises(ValueError, match="20/minute"):
        Rate.parse(text)


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/api/v1/ask", ["answers", "requests"]),
        ("/ask", ["answers", "requests"]),
        ("/query/", ["answers", "requests"]),
        ("/documents", ["/api/v1/documents", "requests"]),
        ("/api/v1/documents", ["/api/v1/documents", "requests"]),
        ("/api/v1/documents/7", ["requests"]),
        ("/api/program/generate/strength", ["/api/program/generate/*", "requests"]),
        ("/api/program/generate/running", ["/api/program/generate/*", "requests"]),
        ("/api/program", ["requests"]),
    ],
)
def test_rules_are_found_by_address_with_and_without_the_prefix(path: str, names: list[str]):
    assert [rule.name for rule in BOOK.rules_for(path)] == names


def test_a_book_lists_what_counts_where():
    assert BOOK.listed() == [
        (Rule("requests", Rate(300, 60)), ["/*"]),
        (Rule("/api/program/generate/*", Rate(2, 3600)), ["/api/program/generate/*"]),
        (Rule("/api/v1/documents", Rate(5, 1)), ["/documents"]),
        (ANSWERS, ["/ask", "/query"]),
    ]


@pytest.mark.parametrize(
    ("role", "tier", "allowance"),
    [
        (Role.OWNER, Tier.FREE, Allowance.ADMIN),
        (Role.ADMIN, Tier.PREMIUM, Allowance.ADMIN),
        (Role.MEMBER, Tier.PREMIUM, Allowance.PREMIUM),
        (Role.READER, Tier.FREE, Allowance.FREE),
    ],
)
def test_who_administers_the_server_is_of_no_tier(role: Role, tier: Tier, allowance: Allowance):
    caller = Principal(TenantId(uuid4()), uuid4(), frozenset(Scope), role, tier)
    assert allowance_of(caller) is allowance


def test_a_quota_is_full_to_the_last_byte_and_not_beyond():
    quotas = Quotas(bytes=100)
    quotas.check(Usage(60, 9, 9, 9), Usage(40, 1, 0, 1))
    with pytest.raises(QuotaExceededError) as caught:
        quotas.check(Usage(60, 9, 9, 9), Usage(41, 1, 0, 1))
    error = caught.value
    assert (error.quota, error.limit, error.used) == ("bytes", 100, 60)
    assert error.retry_after_seconds is None
    assert error.detail == (
        "You may hold 100 bytes and hold 60: this would be more. Delete some documents."
    )


def test_a_quota_that_is_overfull_stops_only_what_adds_to_it():
    quotas = Quotas(bytes=100, documents=1)
    quotas.check(Usage(500, 9, 9, 9), Usage(0, 0, 0, 1))
    with pytest.raises(QuotaExceededError):
        quotas.check(Usage(500, 9, 9, 9), Usage(1, 0, 0, 1))


def test_a_full_queue_says_when_to_try_again():
    with pytest.raises(QuotaExceededError, match="Wait until some are finished") as caught:
        Quotas(queued=2).check(Usage(0, 2, 0, 2), Usage(1, 1, 0, 1))
    assert caught.value.retry_after_seconds == 30


def test_new_work_is_refused_once_the_chunks_are_at_their_limit():
    quotas = Quotas(chunks=10)
    quotas.check(Usage(0, 1, 9, 0), Usage(1, 1, 0, 1))
    with pytest.raises(QuotaExceededError):
        quotas.check(Usage(0, 1, 10, 0), Usage(1, 1, 0, 1))


def test_new_work_is_refused_once_enough_was_embedded_today_whatever_is_still_held():
    quotas = Quotas(embedded=10)
    quotas.check(Usage(0, 0, 0, 0, embedded=9), Usage(1, 1, 0, 1))
    quotas.check(Usage(0, 0, 0, 0, embedded=10), Usage(1, 0, 0, 0))
    with pytest.raises(QuotaExceededError) as caught:
        quotas.check(Usage(0, 0, 0, 0, embedded=10), Usage(1, 1, 0, 1))
    assert caught.value.detail == (
        "You may have 10 chunks embedded a day and had 10 today. Wait until midnight (UTC)."
    )
    assert caught.value.retry_after_seconds == 3600


@given(
    count=st.integers(1, 20),
    seconds=st.integers(1, 100),
    steps=st.lists(st.floats(0, 50), max_size=120),
)
def test_the_told_wait_is_neither_too_short_nor_much_too_long(
    count: int, seconds: int, steps: list[float]
):
    rate, now = Rate(count, seconds), 0.0
    window = Window(now)
    for step in steps:
        now += step
        window = window.at(now, rate)
        standing = window.standing(now, rate, taken=False)
        if standing.wait_seconds == 0:
            window = window.with_one()
            continue
        assert 0 < standing.wait_seconds <= 2 * seconds
        later = now + standing.wait_seconds
        assert window.at(later, rate).standing(later, rate, taken=False).wait_seconds < 1e-3
        # A millionth of a request may be missing: so small a part of a window it may be sooner.
        sooner = now + standing.wait_seconds * 0.99 - 2e-6 * seconds
        if sooner > now:
            assert window.at(sooner, rate).standing(sooner, rate, taken=False).wait_seconds > 0
