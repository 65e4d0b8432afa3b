"""A network between a client and a server that can fail in the ways that networks do."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeAlias

Connect: TypeAlias = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
_PIECE = 1 << 16


class FaultProxy:
    """Passes bytes on, until it is told otherwise.

    `seconds` is what every answer is late by. `resets` is how many of the next answers are cut in
    the middle by a reset.
    """

    def __init__(self, connect: Connect) -> None:
        # Never listens, and keeps the port while nobody does: who connects then is refused, and no
        # other program is given it.
        self._kept = socket.socket()
        self._kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._kept.bind(("127.0.0.1", 0))
        self.port: int = self._kept.getsockname()[1]
        self.seconds = 0.0
        self.resets = 0
        self._connect = connect
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._speaking = asyncio.Event()
        self._speaking.set()

    async def accept(self) -> None:
        """Listen, on the same port as before."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def refuse(self) -> None:
        """Cut all connections and refuse new ones."""
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await self._server.wait_closed()

    def let_port_go(self) -> None:
        """To be called last."""
        self._kept.close()

    def fall_silent(self) -> None:
        """Take everything and pass nothing on: a black hole."""
        self._speaking.clear()

    def speak(self) -> None:
        """Pass on what was held back, and all that follows."""
        self._speaking.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            far_reader, far_writer = await self._connect()
            self._writers |= {writer, far_writer}
            there = asyncio.ensure_future(self._pass_on(reader, far_writer, is_answer=False))
            back = asyncio.ensure_future(self._pass_on(far_reader, writer, is_answer=True))
            await asyncio.wait([there, back], return_when=asyncio.FIRST_COMPLETED)
            there.cancel()
            back.cancel()
            await asyncio.wait([there, back])
            self._writers -= {writer, far_writer}
            far_writer.transport.abort()
        writer.transport.abort()

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(_PIECE):
                await self._speaking.wait()
                if is_answer and self.seconds:
                    await asyncio.sleep(self.seconds)
                if is_answer and self.resets > 0:
                    self.resets -= 1
                    writer.write(data[: len(data) // 2])
                    await writer.drain()
                    return
                writer.write(data)
                await writer.drain()


@asynccontextmanager
async def fault_proxy(connect: Connect) -> AsyncIterator[FaultProxy]:
    """A proxy that listens, for the length of the block."""
    proxy = FaultProxy(connect)
    await proxy.accept()
    yield proxy
    proxy.speak()
    await proxy.refuse()
    proxy.let_port_go()
