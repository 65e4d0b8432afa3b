"""Turns for requests that take their time anyway, so that all others keep theirs."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable


class Turns:
    """Begins one request in each turn of the event loop, in order.

    Hundreds that come at once would else all be begun in one turn, and for as long as that takes
    nobody else's request would move.
    """

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()

    def __len__(self) -> int:
        """How many wait for their turn."""
        return len(self._waiting)

    def begin(self, start: Callable[[], None]) -> None:
        """Call `start` when it is its turn: in the next one at best."""
        self._waiting.append(start)
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._begin_next)

    def _begin_next(self) -> None:
        start = self._waiting.popleft()
        # Before it is called: whoever fails to begin keeps nobody else waiting.
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._begin_next)
        start()
