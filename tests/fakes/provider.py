"""A model server on loopback that answers every request as the test says, well or badly.

It speaks chat completions (streamed), embeddings and reranking, and knows when it is hung up on.
"""

from __future__ import annotations

import asyncio
import ssl
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import orjson

DIMENSION = 32
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
DONE = b"data: [DONE]\n\n"

Play: TypeAlias = Callable[[Any, asyncio.StreamWriter], Awaitable[None]]


def event(text: str = "", reason: str | None = None, **more: object) -> bytes:
    """One event of a streamed completion."""
    choice = {"delta": {"content": text}, "finish_reason": reason}
    return b"data: " + orjson.dumps({"choices": [choice], **more}) + b"\n\n"


def streamed(*events: bytes) -> bytes:
    return STREAM_HEAD + b"".join(events)


def reply(status: str, body: bytes = b"", headers: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


def vectors(asked: Any) -> list[list[float]]:  # noqa: ANN401 - whatever JSON was sent
    """A vector for each text of a request: it counts the words."""
    found = []
    for text in asked["input"]:
        vector = [0.01] * DIMENSION
        for word in text.lower().split():
            vector[zlib.crc32(word.strip(".?").encode()) % DIMENSION] += 1.0
        found.append(vector)
    return found


def embeddings(*rows: list[float] | list[object]) -> bytes:
    data = [{"index": index, "embedding": row} for index, row in enumerate(rows)]
    return reply("200 OK", orjson.dumps({"data": data}))


def says(content: bytes) -> Play:
    """Write bytes and hang up."""

    async def play(_: Any, writer: asyncio.StreamWriter) -> None:  # noqa: ANN401 - see above
        writer.write(content)
        await writer.drain()

    return play


async def embeds(asked: Any, writer: asyncio.StreamWriter) -> None:  # noqa: ANN401 - see above
    writer.write(embeddings(*vectors(asked)))
    await writer.drain()


async def keeps_silent(_: Any, writer: asyncio.StreamWriter) -> None:  # noqa: ANN401 - see above
    await asyncio.sleep(60)
    writer.close()


@dataclass
class ScriptedProvider:
    """Plays `play` for every request; `plays`, while there are any, before that.

    `raw` has head and body of each, as they came.
    """

    play: Play
    plays: list[Play] = field(default_factory=list)
    requests: list[Any] = field(default_factory=list)
    raw: list[tuple[bytes, bytes]] = field(default_factory=list)
    open_connections: int = 0
    closed_at: float = 0.0
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            body = await reader.readexactly(length)
            asked = orjson.loads(body)
            self.raw.append((head, body))
            self.requests.append(asked)
            await self._play(asked, reader, writer)
        writer.close()

    async def _play(
        self,
        asked: Any,  # noqa: ANN401 - see above
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Play until the end, or until the other side hangs up."""
        self.open_connections += 1
        play = self.plays.pop(0) if self.plays else self.play
        playing = asyncio.ensure_future(play(asked, writer))
        hanging_up = asyncio.ensure_future(reader.read())
        try:
            await asyncio.wait({playing, hanging_up}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.open_connections -= 1
            self.closed_at = time.monotonic()
            for task in (playing, hanging_up):
                task.cancel()
            await asyncio.gather(playing, hanging_up, return_exceptions=True)


@asynccontextmanager
async def scripted_provider(
    play: Play, *plays: Play, encryption: ssl.SSLContext | None = None
) -> AsyncIterator[ScriptedProvider]:
    """The server, for as long as the block runs; `plays` answer the first requests."""
    provider = ScriptedProvider(play, list(plays))
    server = await asyncio.start_server(provider.serve, "127.0.0.1", 0, ssl=encryption)
    provider.port = server.sockets[0].getsockname()[1]
    async with server:
        yield provider


async def answers_well(asked: Any, writer: asyncio.StreamWriter) -> None:  # noqa: ANN401 - see above
    """Embed texts, or rerank documents by the words that they share with the query."""
    if "documents" not in asked:
        await embeds(asked, writer)
        return
    words = set(asked["query"].lower().split())
    results = [
        {"index": index, "relevance_score": len(words & set(text.lower().split()))}
        for index, text in enumerate(asked["documents"])
    ]
    writer.write(reply("200 OK", orjson.dumps({"results": results})))
    await writer.drain()
