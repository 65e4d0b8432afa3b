"""How much the server takes on at once: requests in work, those that wait, and open streams."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from uuid import UUID

from groundwell.domain.errors import RateLimitedError, UnavailableError
from groundwell.services import Limits

_RETRY_SECONDS = 5
# All streams together, in multiples of what one user may hold.
_USERS_OF_STREAMS = 4
# Files that begin their way out at once. Whoever waits for a file does not miss some milliseconds;
# whoever searches beside hundreds that begin does.
_MOST_DOWNLOADS = 2


class Places:
    """Places for requests in work, and a queue before them: first come, first served."""

    def __init__(self, most: int, most_waiting: int, seconds: float) -> None:
        self._free = asyncio.Semaphore(most)
        self._most_waiting = most_waiting
        self._seconds = seconds
        self._waiting = 0

    @property
    def waiting(self) -> int:
        """How many stand in the queue."""
        return self._waiting

    def check(self) -> None:
        """Raise UnavailableError when not even the queue has room."""
        if self._waiting >= self._most_waiting:
            raise _overloaded()

    async def take(self) -> None:
        """Wait for a place; give it back afterwards.

        Raises UnavailableError when the queue is full, or after `seconds` in it.
        """
        if not self._free.locked():
            await self._free.acquire()
            return
        self.check()
        self._waiting += 1
        try:
            async with asyncio.timeout(self._seconds):
                await self._free.acquire()
        except TimeoutError:
            raise _overloaded() from None
        finally:
            self._waiting -= 1

    def give_back(self) -> None:
        """Let the next one in."""
        self._free.release()


@dataclass(frozen=True, slots=True, eq=False)
class OpenStream:
    """A stream of events on its way to a user. `ending` is done when it has to come to an end."""

    user: UUID
    ending: asyncio.Future[None]


class Streams:
    """The open streams. They last long and work little, so they have bounds of their own."""

    def __init__(self, most: int, most_of_one: int) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._open: set[OpenStream] = set()
        self._of_user: Counter[UUID] = Counter()
        self._is_ended = False

    def check(self, user: UUID) -> None:
        """Raise RateLimitedError or UnavailableError when the user cannot have another stream."""
        if self._is_ended:
            raise shutting_down()
        if self._of_user[user] >= self._most_of_one:
            raise RateLimitedError(
                f"You have {self._most_of_one} streams open, which is the limit. Close one, or ask "
                "without a stream.",
                code="too_many_streams",
                retry_after_seconds=_RETRY_SECONDS,
            )
        if len(self._open) >= self._most:
            raise _overloaded()

    def open(self, user: UUID) -> OpenStream:
        """Count one more stream, until it is closed. Raises what `check` raises."""
        self.check(user)
        stream = OpenStream(user, asyncio.get_running_loop().create_future())
        self._open.add(stream)
        self._of_user[user] += 1
        return stream

    def close(self, stream: OpenStream) -> None:
        """Forget a stream."""
        self._open.discard(stream)
        self._of_user[stream.user] -= 1
        if not self._of_user[stream.user]:
            del self._of_user[stream.user]

    def end(self) -> None:
        """Tell all streams to come to an end, and open no others: the server stops."""
        self._is_ended = True
        for stream in self._open:
            if not stream.ending.done():
                stream.ending.set_result(None)


class Admission:
    """What the running server lets in. One for the process."""

    def __init__(self, limits: Limits) -> None:
        most = limits.in_flight
        self.places = Places(most, limits.queued, limits.queue_seconds)
        self.downloads = Places(_MOST_DOWNLOADS, limits.queued, limits.queue_seconds)
        self.streams = Streams(_USERS_OF_STREAMS * most, most)
        self.request_seconds = limits.request_seconds


def shutting_down() -> UnavailableError:
    """What those are told whom the end of the server cuts short."""
    return UnavailableError(
        "The server is stopping. Ask again in a few seconds.",
        code="shutting_down",
        retry_after_seconds=_RETRY_SECONDS,
    )


def _overloaded() -> UnavailableError:
    return UnavailableError(
        f"The server has more to do than it can do in time. Try again in {_RETRY_SECONDS} seconds.",
        code="overloaded",
        retry_after_seconds=_RETRY_SECONDS,
    )
