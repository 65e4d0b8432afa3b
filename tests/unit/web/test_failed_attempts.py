from __future__ import annotations

import pytest

from groundwell.adapters.metrics.prometheus import PrometheusMetrics
from groundwell.domain.errors import RateLimitedError
from groundwell.domain.limits import Rate
from groundwell.web.failed_attempts import FailedAttempts, address_of

THREE = Rate(3, 60)


class Setting:
    def __init__(self, rate: Rate | None = THREE) -> None:
        self.now = 0.0
        self.metrics = PrometheusMetrics()
        self.attempts = FailedAttempts(rate, self.metrics, lambda: self.now)

    def is_waiting(self, address: str) -> bool:
        try:
            self.attempts.check(address)
        except RateLimitedError:
            return True
        return False


def test_an_address_waits_after_many_failures_and_others_do_not():
    setting = Setting()
    for _ in range(3):
        assert not setting.is_waiting("a")
        setting.attempts.count("a")
    with pytest.raises(RateLimitedError, match="wrong credentials") as caught:
        setting.attempts.check("a")
    assert caught.value.retry_after_seconds == 80
    assert not setting.is_waiting("b")
    setting.now += 80
    assert not setting.is_waiting("a")
    hits = 'groundwell_limit_hits_total{rule="failed_authentications",tier="none"} 1.0'
    assert hits in setting.metrics.exposition(None)[0].decode()


def test_without_a_rate_nobody_waits():
    setting = Setting(None)
    for _ in range(1000):
        setting.attempts.count("a")
    assert not setting.is_waiting("a")


def test_the_addresses_of_many_strangers_take_little_memory():
    setting = Setting()
    for _ in range(3):
        setting.attempts.count("busy")
    for number in range(20_000):
        if number % 1000 == 0:
            setting.attempts.count("busy")
        setting.attempts.count(str(number))
    assert len(setting.attempts._windows) == 10_000
    assert setting.is_waiting("busy")


@pytest.mark.parametrize(
    ("client", "address"),
    [
        (("192.0.2.7", 1), "192.0.2.7"),
        (("::ffff:192.0.2.7", 1), "192.0.2.7"),
        (("2001:db8:1:2:3:4:5:6", 1), "2001:db8:1:2::/64"),
        (("testclient", 1), "testclient"),
        (None, ""),
    ],
)
def test_an_address_is_that_of_the_socket(client: tuple[str, int] | None, address: str):
    forged = [(b"x-forwarded-for", b"203.0.113.9"), (b"forwarded", b"for=203.0.113.9")]
    assert address_of({"type": "http", "client": client, "headers": forged}) == address
