"""A server on loopback that reranks by the share of the query's words that a passage holds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson


@asynccontextmanager
async def serve_reranking() -> AsyncIterator[str]:
    """The base URL of the server."""
    server = await asyncio.start_server(_answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    asked = orjson.loads(await reader.readexactly(length))
    words = set(asked["query"].split())
    results = [
        {"index": index, "relevance_score": len(words & set(text.split())) / len(words)}
        for index, text in enumerate(asked["documents"])
    ]
    # The protocol sorts by relevance.
    results.sort(key=lambda result: -result["relevance_score"])
    body = orjson.dumps({"results": results[: asked["top_n"]]})
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n")
    writer.write(f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
    await writer.drain()
    writer.close()
