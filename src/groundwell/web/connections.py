"""All connections of the server: how many there may be, and who has to go when there are too many.

When all are taken, the one that has rested longest gives way, as in nginx.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from operator import itemgetter
from typing import Protocol

from uvicorn.server import ServerState

from groundwell.domain.proxies import TrustedProxies
from groundwell.web.outlet import Outlet
from groundwell.web.turns import Turns

# Answers that wait for their readers, of all connections together.
_MOST_UNSENT_BYTES = 128 << 20


class Watched(Protocol):
    """A connection, as those who count and watch see it."""

    address: str
    outlet: Outlet

    def look(self, now: float, request_seconds: float) -> None:
        """Hang up on a client that does not get on; asked once a second."""
        ...

    def drop_if_slow(self, now: float) -> None:
        """Hang up on a client whose request is still coming, or who does not read its answer."""
        ...


class Connections(ServerState):
    """What all connections share. `most` are open at once; one address has half of them at most.

    A trusted proxy may have all of them: its clients cannot be told apart here.
    """

    def __init__(self, most: int, proxies: TrustedProxies) -> None:
        super().__init__()
        self._proxies = proxies
        self.is_closing = False
        self.last_request = float("-inf")
        self.turns = Turns()
        self._most = most
        self._of_address: Counter[str] = Counter()
        self._open: set[Watched] = set()
        # Those without a request in work, the longest first.
        self._resting: dict[Watched, None] = {}

    def let_in(self, connection: Watched) -> bool:
        """Count a new connection; False when it has to go, and nobody can go for it."""
        self._open.add(connection)
        self._of_address[connection.address] += 1
        has_too_many = self._of_address[connection.address] > self._most // 2
        if has_too_many and not self._proxies.trusts(connection.address):
            return False
        if len(self._open) > self._most:
            oldest = next(iter(self._resting), None)
            if oldest is None:
                return False
            del self._resting[oldest]
            oldest.outlet.abort()
        self._resting[connection] = None
        return True

    def begin(self, connection: Watched) -> None:
        """Note that a request is in work."""
        self._resting.pop(connection, None)

    def rest(self, connection: Watched) -> None:
        """Note that the connection waits for its next request."""
        if connection in self._open:
            self._resting[connection] = None

    def forget(self, connection: Watched) -> None:
        """Note that the connection is closed."""
        self._resting.pop(connection, None)
        if connection in self._open:
            self._open.remove(connection)
            self._of_address[connection.address] -= 1
            if not self._of_address[connection.address]:
                del self._of_address[connection.address]

    def look(self, request_seconds: float) -> None:
        """Hang up on those that hold a connection without using it."""
        now = asyncio.get_running_loop().time()
        for connection in list(self._open):
            connection.look(now, request_seconds)
        self._free_memory()

    def _free_memory(self) -> None:
        """Hang up on the worst of the readers while too much waits for all of them together."""
        unsent = sum(connection.outlet.unsent_bytes for connection in self._open)
        if unsent <= _MOST_UNSENT_BYTES:
            return
        stuck = [
            (connection.outlet.stuck_since, connection.outlet)
            for connection in self._open
            if connection.outlet.stuck_since is not None
        ]
        for _, outlet in sorted(stuck, key=itemgetter(0)):
            if unsent <= _MOST_UNSENT_BYTES:
                return
            unsent -= outlet.unsent_bytes
            outlet.abort()

    def drop_slow(self) -> None:
        """Hang up on those who keep the server waiting."""
        now = asyncio.get_running_loop().time()
        for connection in list(self._open):
            connection.drop_if_slow(now)
