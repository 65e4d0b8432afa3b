"""The web server: it watches over its connections, and stops without breaking an answer off."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

import uvicorn

from groundwell.web.closing import Closing
from groundwell.web.connections import Connections

_LOOK_SECONDS = 1.0
# A load balancer needs a moment to see that this server is about to stop.
_QUIET_SECONDS = 1.0
_MOST_QUIET_SECONDS = 5.0
_STREAM_SECONDS = 15.0
_REQUEST_SECONDS = 20.0
# What the kernel keeps of an answer besides what is on its way. Left to itself, it takes megabytes
# for a reader who reads nothing, and all of them have to be read from the store and written first.
_MOST_KEPT_BYTES = 128 << 10
_log = logging.getLogger(__name__)


class WebServer(uvicorn.Server):
    """Uvicorn's server with an orderly end, for at most 20 seconds from the signal.

    From the signal on, `closing` is begun and every answer ends its connection; new ones are still
    taken, until there was no request for a second, or for five seconds. Streams are told to end
    after 15 seconds (`end_streams`); what still runs after 20 is broken off. Ten more are left for
    closing what the server has opened.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        closing: Closing,
        connections: Connections,
        end_streams: Callable[[], None],
        *,
        request_seconds: float,
        stream_seconds: float = _STREAM_SECONDS,
    ) -> None:
        super().__init__(config)
        self.server_state = connections
        self._connections = connections
        self._closing = closing
        self._end_streams = end_streams
        self._request_seconds = request_seconds
        self._stream_seconds = stream_seconds

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open for clients, and watch over them until the end."""
        for each in sockets or ():
            # Connections have it from the socket that listens.
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _MOST_KEPT_BYTES)
        await super().startup(sockets)
        self._watching = asyncio.ensure_future(self._watch())

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Note a signal: from now on the server is not ready any more."""
        self._closing.begin()
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let what runs come to its end, then stop."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        self._closing.announce()
        self._connections.is_closing = True
        ending = loop.call_later(self._stream_seconds, self._end_what_waits)
        try:
            while loop.time() - self._connections.last_request < _QUIET_SECONDS:
                if loop.time() - begun > _MOST_QUIET_SECONDS or self.force_exit:
                    break
                await asyncio.sleep(_LOOK_SECONDS / 10)
            left = _REQUEST_SECONDS - (loop.time() - begun)
            self.config.timeout_graceful_shutdown = int(left)
            await super().shutdown(sockets)
        finally:
            ending.cancel()
            self._watching.cancel()
            with suppress(asyncio.CancelledError):
                await self._watching

    def _end_what_waits(self) -> None:
        """End what could last for ever: streams, and clients who keep the server waiting."""
        self._end_streams()
        self._connections.drop_slow()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            self._connections.look(self._request_seconds)
