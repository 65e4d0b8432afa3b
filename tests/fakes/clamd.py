"""A scanner that speaks clamd's protocol, and knows one signature: that of the EICAR test file."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

# In parts: scanners must not take this file, or what is compiled of it, for the test file.
_PARTS = ("X5O!P%@AP[4", "PZX54(P^)7CC)7}$EICAR", "STANDARD-ANTIVIRUS-TEST", "FILE!$H+H*")


def eicar() -> bytes:
    """The 68 harmless bytes that all scanners take for malware, so that they can be tried."""
    return ("\\".join(_PARTS[:2]) + "-" + "-".join(_PARTS[2:])).encode()


NAME = "Win.Test.EICAR_HDB-1"

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class FakeClamd:
    """A server at `address` that scans streams of up to `most_bytes`.

    `behaviour` takes the place of what it does when it is set. `seen` are the streams that came to
    their end.
    """

    address: str
    most_bytes: int = 1 << 20
    behaviour: Behaviour | None = None
    connections: int = 0
    seen: list[bytes] = field(default_factory=list)
    _server: asyncio.Server | None = None
    # Never listens, and keeps the port while nobody does: no other program is given it.
    _kept: socket.socket | None = None

    async def start(self) -> None:
        """Listen, again at the same address if there was one."""
        scheme, _, place = self.address.partition(":")
        if scheme == "unix":
            self._server = await asyncio.start_unix_server(self._serve, place)
            return
        host, _, port = place.removeprefix("//").rpartition(":")
        if self._kept is None:
            self._kept = socket.socket()
            self._kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._kept.bind((host, int(port)))
            port = self._kept.getsockname()[1]
            self.address = f"tcp://{host}:{port}"
        self._server = await asyncio.start_server(self._serve, host, int(port))

    async def stop(self) -> None:
        """Refuse connections."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def end(self) -> None:
        """Stop for good."""
        await self.stop()
        if self._kept is not None:
            self._kept.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await (self.behaviour or self._scan)(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _scan(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        command = await reader.readuntil(b"\0")
        if command == b"zPING\0":
            writer.write(b"PONG\0")
            return
        assert command == b"zINSTREAM\0"
        content = b""
        while (length := int.from_bytes(await reader.readexactly(4), "big")) > 0:
            if len(content) + length > self.most_bytes:
                writer.write(b"INSTREAM size limit exceeded. ERROR\0")
                reset(writer)
                return
            content += await reader.readexactly(length)
        self.seen.append(content)
        writer.write(f"stream: {NAME} FOUND\0".encode() if eicar() in content else b"stream: OK\0")


def reset(writer: asyncio.StreamWriter) -> None:
    """End the connection at once, as a server does that leaves unread what still comes."""
    own: socket.socket = writer.get_extra_info("socket")
    if own.family != socket.AF_UNIX:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@asynccontextmanager
async def clamd(folder: Path | None = None) -> AsyncIterator[FakeClamd]:
    """A running one: on loopback, or with a Unix socket in the folder."""
    address = "tcp://127.0.0.1:0" if folder is None else f"unix:{folder / 'clamd.ctl'}"
    server = FakeClamd(address)
    await server.start()
    try:
        yield server
    finally:
        await server.end()
