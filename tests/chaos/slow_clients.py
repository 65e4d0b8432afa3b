"""A program that holds connections to a server without using them, and comes back when thrown out.

It is a process of its own, on one thread without an event loop: what it costs must not count as
time that the server takes. It ends when its input ends, so it never outlives who started it.
"""

from __future__ import annotations

import json
import random
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count

_END_SECONDS = 120
_HUNG_UP = select.EPOLLHUP | select.EPOLLERR | select.EPOLLRDHUP


@dataclass
class Held:
    """What became of the connections. Complete once they are let go."""

    most_open: int = 0
    thrown_out: int = 0


@dataclass(frozen=True, slots=True)
class Kind:
    """What a slow client sends at first, and whether a byte follows each second."""

    first: bytes
    dribbles: bool


@dataclass
class SlowClients:
    """All of them, in one loop. Nothing is ever read."""

    address: tuple[str, int]
    kinds: tuple[Kind, ...]
    dice: random.Random
    held: Held = field(default_factory=Held)
    _poll: select.epoll = field(default_factory=select.epoll)
    _open: dict[int, tuple[int, socket.socket]] = field(default_factory=dict)
    # When which client connects, or sends the next byte on which connection.
    _due: list[tuple[float, int, int, socket.socket | None]] = field(default_factory=list)
    _order: count[int] = field(default_factory=count)

    def run(self, number: int, ended: threading.Event) -> None:
        """Keep so many clients at it until the end; all of them come at once."""
        for client in range(number):
            self._wait(0.0, client, None)
        while not ended.is_set():
            self._do_what_is_due()
            for descriptor, event in self._poll.poll(0.02):
                self._hear(descriptor, event)

    def _wait(self, seconds: float, client: int, connection: socket.socket | None) -> None:
        heappush(self._due, (time.monotonic() + seconds, next(self._order), client, connection))

    def _do_what_is_due(self) -> None:
        while self._due and self._due[0][0] <= time.monotonic():
            _, _, client, connection = heappop(self._due)
            if connection is None:
                self._connect(client)
            elif connection.fileno() >= 0:
                with suppress(OSError):
                    connection.send(b"x")
                self._wait(1.0, client, connection)

    def _connect(self, client: int) -> None:
        connection = socket.socket()
        connection.setblocking(False)
        connection.connect_ex(self.address)
        self._open[connection.fileno()] = (client, connection)
        self._poll.register(connection, _HUNG_UP | select.EPOLLOUT)
        self.held.most_open = max(self.held.most_open, len(self._open))

    def _hear(self, descriptor: int, event: int) -> None:
        client, connection = self._open[descriptor]
        if event & _HUNG_UP:
            del self._open[descriptor]
            connection.close()
            self.held.thrown_out += 1
            self._wait(self.dice.random(), client, None)
            return
        self._poll.modify(connection, _HUNG_UP)
        kind = self.kinds[client % len(self.kinds)]
        # Who has been thrown out by now hears of it at the next poll.
        with suppress(OSError):
            connection.send(kind.first)
        if kind.dribbles:
            self._wait(1.0, client, connection)


@contextmanager
def slow_clients(
    host: str, port: int, number: int, kinds: Sequence[Kind], seed: int
) -> Iterator[Held]:
    """So many slow clients at a server, of all kinds in turn, for the length of the block."""
    held = Held()
    process = subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    sent = [(kind.first.decode("ascii"), kind.dribbles) for kind in kinds]
    process.stdin.write(json.dumps([host, port, number, sent, seed]) + "\n")
    process.stdin.flush()
    # Python takes a while to start: nothing counts until then.
    assert process.stdout.readline()
    try:
        yield held
    finally:
        said, _ = process.communicate(timeout=_END_SECONDS)
        held.most_open, held.thrown_out = json.loads(said)


def main() -> None:
    """Hold connections until the input ends; then say what became of them."""
    host, port, number, sent, seed = json.loads(sys.stdin.readline())
    kinds = tuple(Kind(first.encode(), dribbles) for first, dribbles in sent)
    clients = SlowClients((host, port), kinds, random.Random(seed))
    ended = threading.Event()

    def wait_for_end() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=wait_for_end, daemon=True).start()
    sys.stdout.write("here\n")
    sys.stdout.flush()
    clients.run(number, ended)
    sys.stdout.write(json.dumps([clients.held.most_open, clients.held.thrown_out]))


if __name__ == "__main__":
    main()
