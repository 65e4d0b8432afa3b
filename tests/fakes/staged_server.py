"""A server that answers as a test has written down, however badly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

Scene: TypeAlias = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Stage:
    """A server on loopback that plays one scene for each request and then hangs up."""

    scenes: list[Scene]
    requests: list[bytes] = field(default_factory=list)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0

    async def play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        self.requests.append(head + await reader.readexactly(length))
        scene = self.scenes.pop(0)
        try:
            if isinstance(scene, bytes):
                writer.write(scene)
                await writer.drain()
            else:
                await scene(writer)
        except ConnectionError:
            self.hung_up.set()
        finally:
            writer.close()


@asynccontextmanager
async def staged(*scenes: Scene) -> AsyncIterator[Stage]:
    """The server, for as long as the block runs."""
    stage = Stage(list(scenes))
    server = await asyncio.start_server(stage.play, "127.0.0.1", 0)
    stage.port = server.sockets[0].getsockname()[1]
    async with server:
        yield stage
