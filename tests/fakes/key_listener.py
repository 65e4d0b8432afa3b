"""A server that answers every request alike, and notes the keys that it is shown."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class KeyListener:
    """Where it listens, and what it has seen: the credential of each request, None without one."""

    url: str = ""
    seen: list[str | None] = field(default_factory=list)


@contextmanager
def listening(
    status: int = 200, body: object = None, location: str | None = None
) -> Iterator[KeyListener]:
    """The server, for as long as the block runs."""
    listener = KeyListener()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            listener.seen.append(self.headers.get("Authorization"))
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            if location is not None:
                self.send_header("Location", location)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = do_CONNECT = answer  # noqa: N815 - names of HTTP

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        listener.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield listener
        finally:
            server.shutdown()
