"""How often a failed call to a provider may be made again, and after what pause."""

from __future__ import annotations

import random

SHARE = 0.1
RESERVE = 5.0
_MOST_SAVED = 20.0
_FIRST_PAUSE_SECONDS = 0.5
_SPREAD_SECONDS = 1.0


class RetryBudget:
    """Lets a tenth of the calls be made again, so that retries cannot double an overload.

    Each call pays `SHARE` in, each retry takes 1 out; a few are free at the start. (Brooker,
    "Timeouts, retries and backoff with jitter", Amazon Builders' Library.)
    """

    def __init__(self) -> None:
        self._saved = RESERVE

    def count_call(self) -> None:
        """A call was made that is no retry."""
        self._saved = min(self._saved + SHARE, _MOST_SAVED)

    def take(self) -> bool:
        """Whether one more retry is allowed; if so, it counts."""
        if self._saved < 1:
            return False
        self._saved -= 1
        return True


class Jitter:
    """Spreads retries, so that those who failed together do not come back together.

    The pause after a failure is drawn from the whole of [0, 0.5 s] ("full jitter": Brooker,
    "Exponential backoff and jitter", AWS Architecture Blog, 2015). Where the server names seconds,
    it is these and up to one more.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed)  # noqa: S311 - spreads load, guards nothing

    def pause(self, retry_after_seconds: float | None) -> float:
        """Seconds to wait before the retry."""
        if retry_after_seconds is None:
            return self._random.uniform(0, _FIRST_PAUSE_SECONDS)
        return retry_after_seconds + self._random.uniform(0, _SPREAD_SECONDS)
