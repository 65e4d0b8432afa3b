"""A sliding window of two counts, as pure arithmetic.

The count of the window before, weighted by the share of it that still lies within one length of
time from now, plus the count of the present window (the approximation that Cloudflare described in
"How we built rate limiting capable of scaling to millions of domains", 2017). A window begins with
its first request, so that a first burst falls into one window and is counted exactly. The same
arithmetic is in the database, in `take_requests`; one contract test holds for both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from groundwell.domain.limits import Rate, Standing

# Who waits exactly as long as told must not fail by a rounding.
_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Window:
    """Counts of the present window and the one before. `began` is on the caller's clock."""

    began: float
    previous: int = 0
    current: int = 0

    def at(self, now: float, rate: Rate) -> Window:
        """The window as it is at `now`. A clock that went back begins anew."""
        age = now - self.began
        if age < 0 or age >= 2 * rate.seconds:
            return Window(now)
        if age >= rate.seconds:
            return Window(self.began + rate.seconds, self.current)
        return self

    def with_one(self) -> Window:
        """After one more request."""
        return Window(self.began, self.previous, self.current + 1)

    def standing(self, now: float, rate: Rate, *, taken: bool) -> Standing:
        """Where this leaves the caller; the window must be `at(now)`.

        `taken`: whether the request is counted in it already.
        """
        age = now - self.began
        used = self.previous * (1 - age / rate.seconds) + self.current
        fits = used + 1 <= rate.count + _TOLERANCE
        return Standing(
            max(0, math.floor(rate.count - used + _TOLERANCE)),
            rate.seconds - age,
            0.0 if taken or fits else self._wait(age, rate),
        )

    def _wait(self, age: float, rate: Rate) -> float:
        """Seconds until one more fits, if nobody else asks."""
        if self.current < rate.count:
            gone = 1 - (rate.count - self.current - 1) / self.previous
            return gone * rate.seconds - age
        return (rate.seconds - age) + (1 - (rate.count - 1) / self.current) * rate.seconds
