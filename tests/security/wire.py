"""The application behind its real web server, and bytes sent to it as they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI
from tests.apps.loopback import on_loopback

SECONDS = 60


@dataclass(frozen=True)
class Wire:
    """A listening server."""

    port: int

    async def send(self, data: bytes) -> bytes:
        """All that the server answers to these bytes, until it closes or is silent."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(data)
            async with asyncio.timeout(SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                length = [
                    line for line in head.lower().split(b"\r\n") if b"content-length:" in line
                ]
                size = int(length[0].split(b":")[1]) if length else 0
                return head + await reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            return getattr(error, "partial", b"")
        finally:
            writer.close()

    async def status(self, data: bytes) -> int:
        """The status of the answer; 0 where the server just closed."""
        answer = await self.send(data)
        return int(answer.split(b" ", 2)[1]) if answer else 0


def request(
    target: bytes, *headers: bytes, method: bytes = b"GET", host: bytes = b"groundwell.test"
) -> bytes:
    """A request that is asked to be the last of its connection."""
    lines = [method + b" " + target + b" HTTP/1.1", b"Host: " + host, b"Connection: close"]
    return b"\r\n".join([*lines, *headers]) + b"\r\n\r\n"


@asynccontextmanager
async def on_the_wire(app: FastAPI) -> AsyncIterator[Wire]:
    """Serve an application whose life span has begun, as the product serves it."""
    async with on_loopback(app, most=2000) as running:
        yield Wire(running.port)
