"""The end of the server, as its parts see it."""

from __future__ import annotations

import asyncio


class Closing:
    """Whether the server is about to stop. One for the process."""

    def __init__(self) -> None:
        self._is_begun = False
        self._announced = asyncio.Event()

    def is_begun(self) -> bool:
        """Whether new work should go to another server."""
        return self._is_begun

    def begin(self) -> None:
        """Note the end; may be called by a signal handler, in the middle of anything."""
        self._is_begun = True

    def announce(self) -> None:
        """Wake those who wait for the end; to be called on the event loop."""
        self.begin()
        self._announced.set()

    async def wait(self) -> None:
        """Return when the server is about to stop."""
        await self._announced.wait()
