"""The web server in this process, on a loopback port, for clients that speak HTTP badly."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import uvicorn
from fastapi import FastAPI
from tests.waiting import PATIENCE_SECONDS, until

from groundwell.domain.proxies import TrustedProxies
from groundwell.web.closing import Closing
from groundwell.web.connection import Connection
from groundwell.web.connections import Connections
from groundwell.web.server import WebServer


class MeasuredConnection(Connection):
    """A connection that counts what the server reads, of all connections together."""

    read_bytes = 0

    def data_received(self, data: bytes) -> None:
        MeasuredConnection.read_bytes += len(data)
        super().data_received(data)


@dataclass
class Loopback:
    """A running server."""

    server: WebServer
    connections: Connections
    port: int
    stopped: asyncio.Future[None]
    host: str = "127.0.0.1"
    clients: list[Client] = field(default_factory=list)

    async def connect(self, source: str = "127.0.0.1") -> Client:
        """A connection from one of the many addresses of this machine."""
        streams = await asyncio.open_connection(self.host, self.port, local_addr=(source, 0))
        client = Client(*streams)
        self.clients.append(client)
        return client

    async def ask(self, sent: bytes, seconds: float = PATIENCE_SECONDS) -> Answer:
        """Send, and read until the server hangs up."""
        client = await self.connect()
        client.send(sent)
        try:
            return await client.read(seconds)
        finally:
            client.close()


@dataclass
class Answer:
    """What came back until the connection ended."""

    raw: bytes

    @property
    def status(self) -> int:
        """The status of the last answer; 0 if there was none."""
        head = self.raw.rpartition(b"HTTP/1.1 ")[2]
        return int(head[:3]) if self.raw else 0

    @property
    def body(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[2]


@dataclass
class Client:
    """The other end of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def read(self, seconds: float = PATIENCE_SECONDS) -> Answer:
        """Everything until the end of the connection. Raises TimeoutError if it does not end."""
        raw = b""
        async with asyncio.timeout(seconds):
            try:
                while piece := await self.reader.read(1 << 16):
                    raw += piece
            except ConnectionError:
                pass
        return Answer(raw)

    async def read_head(self, seconds: float = PATIENCE_SECONDS) -> bytes:
        """The head of the next answer; the connection stays."""
        async with asyncio.timeout(seconds):
            return await self.reader.readuntil(b"\r\n\r\n")

    def close(self) -> None:
        self.writer.transport.abort()


@asynccontextmanager
async def on_loopback(
    app: FastAPI,
    *,
    request_seconds: float = 30.0,
    most: int = 500,
    stream_seconds: float = 20.0,
    closing: Closing | None = None,
) -> AsyncIterator[Loopback]:
    """Serve an app that has been opened already."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
    config = uvicorn.Config(
        app,
        http=MeasuredConnection,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
    )
    connections = Connections(most, TrustedProxies(()))
    server = WebServer(
        config,
        closing or Closing(),
        connections,
        app.state.admission.streams.end,
        request_seconds=request_seconds,
        stream_seconds=stream_seconds,
    )
    stopped = asyncio.ensure_future(server.serve(sockets=[listening]))
    await until(lambda: server.started)
    running = Loopback(server, connections, listening.getsockname()[1], stopped)
    try:
        yield running
    finally:
        for client in running.clients:
            client.close()
        # What is left over belongs to a test that is done: nobody waits for it.
        connections.last_request = float("-inf")
        for connection in list(server.server_state.connections):
            connection.transport.abort()
        server.should_exit = True
        await stopped


def head(method: str, path: str, key: str | None, *headers: str) -> bytes:
    """The head of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: groundwell.test", *headers]
    if key is not None:
        lines.append(f"Authorization: Bearer {key}")
    return "\r\n".join([*lines, "", ""]).encode()
