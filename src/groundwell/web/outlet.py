"""A connection's way out: it knows whether its reader reads, and how to hang up politely."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Any

_LINGER_SECONDS = 2.0
# What a reader has to take within the time for it; else it counts as one that does not read.
_LEAST_READ_BYTES = 16 << 10
# `struct linger`: on, and for no time.
_DROP = struct.pack("ii", 1, 0)


class Outlet(asyncio.Transport):
    """A transport before another one.

    Closing a socket with unread data in it resets the connection, and the last answer can be lost
    on its way (RFC 9112, section 9.6). So a connection whose request is not wholly here
    (`is_whole`) is closed in two steps: writing ends at once, everything two seconds later.
    """

    def __init__(self, transport: asyncio.Transport, is_whole: Callable[[], bool]) -> None:
        super().__init__()
        self._transport = transport
        self._is_whole = is_whole
        self._is_lingering = False
        self._written_bytes = 0
        self._mark_bytes = 0
        self._mark_seconds: float | None = None

    @property
    def unsent_bytes(self) -> int:
        """What was written and not yet taken by the reader's side."""
        return self._transport.get_write_buffer_size()

    @property
    def stuck_since(self) -> float | None:
        """Since when something waits for its reader, as of the last look; None if nothing does."""
        return self._mark_seconds

    def is_stuck(self, now: float, seconds: float) -> bool:
        """Whether something has waited for its reader for `seconds`; to be asked regularly."""
        pending = self.unsent_bytes
        read = self._written_bytes - pending
        if pending == 0:
            self._mark_seconds = None
        elif self._mark_seconds is None or read >= self._mark_bytes + _LEAST_READ_BYTES:
            self._mark_bytes, self._mark_seconds = read, now
        return self._mark_seconds is not None and now - self._mark_seconds > seconds

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send, unless the connection is being closed."""
        self._written_bytes += len(data)
        self._transport.write(data)

    def close(self) -> None:
        """Close when what was written is out, with a pause if the request is still coming."""
        if self._is_lingering:
            return
        if self._is_whole() or self._transport.is_closing():
            self._transport.close()
        else:
            self._linger()

    def _linger(self) -> None:
        self._is_lingering = True
        self._transport.pause_reading()
        if self._transport.can_write_eof():
            self._transport.write_eof()
        asyncio.get_running_loop().call_later(_LINGER_SECONDS, self._transport.close)

    def abort(self) -> None:
        """Close at once; what was not sent is lost."""
        if self.unsent_bytes:
            # Or the kernel would go on for minutes offering it to a reader who does not read.
            own = self._transport.get_extra_info("socket")
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _DROP)
        self._transport.abort()

    def is_closing(self) -> bool:
        """Whether nothing more can be sent."""
        return self._is_lingering or self._transport.is_closing()

    def pause_reading(self) -> None:
        """Take nothing from the client for now."""
        if not self.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        if not self.is_closing():
            self._transport.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - as the method it replaces
        """What the transport knows."""
        return self._transport.get_extra_info(name, default)
