"""Wrong credentials, counted by the address that they come from."""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.types import Scope

from groundwell.domain.errors import RateLimitedError
from groundwell.domain.limits import Rate
from groundwell.domain.rate_window import Window
from groundwell.ports.metrics import Metrics

_RULE = "failed_authentications"
_NO_TIER = "none"
_MOST_ADDRESSES = 10_000
# Whoever has one address of IPv6 usually has all of its network.
_OWN_BITS_V6 = 64


def address_of(scope: Scope) -> str:
    """Where a request comes from; no header is asked here. An IPv6 network is one.

    Empty where there is no address, such as on a Unix socket.
    """
    client = scope.get("client")
    if client is None:
        return ""
    try:
        address = ipaddress.ip_address(client[0])
    except ValueError:
        return str(client[0])
    if address.version == 4:  # noqa: PLR2004 - the name of a protocol
        return str(address)
    return str(address.ipv4_mapped or ipaddress.ip_network((address, _OWN_BITS_V6), strict=False))


class FailedAttempts:
    """Makes an address that has shown many wrong credentials wait.

    In the memory of each process: a stranger must not be able to make the database write. The
    addresses that are kept longest without a failure are forgotten first.
    """

    def __init__(
        self,
        rate: Rate | None,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate = rate
        self._metrics = metrics
        self._clock = clock
        self._windows: OrderedDict[str, Window] = OrderedDict()

    def check(self, address: str) -> None:
        """Raise RateLimitedError while the address has to wait."""
        window = self._windows.get(address)
        if self._rate is None or window is None:
            return
        now = self._clock()
        wait = window.at(now, self._rate).standing(now, self._rate, taken=False).wait_seconds
        if wait <= 0:
            return
        self._metrics.count_limit_hit(_RULE, _NO_TIER)
        seconds = max(1, math.ceil(wait))
        raise RateLimitedError(
            f"Too many wrong credentials came from your address. Try again in {seconds} s.",
            retry_after_seconds=seconds,
        )

    def count(self, address: str) -> None:
        """Count a wrong credential, while there is room to count it."""
        if self._rate is None:
            return
        now = self._clock()
        self._windows[address] = (
            self._windows.get(address, Window(now)).at(now, self._rate).with_one()
        )
        self._windows.move_to_end(address)
        if len(self._windows) > _MOST_ADDRESSES:
            self._windows.popitem(last=False)
