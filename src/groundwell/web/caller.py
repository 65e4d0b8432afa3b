"""Where a request came from, as the web server tells it."""

from __future__ import annotations

from starlette.types import Scope

# The longest address, IPv6 with a zone, is shorter.
_MOST_CHARACTERS = 64


def caller_address(scope: Scope) -> str | None:
    """The network address of the caller; None for a local socket.

    Behind a trusted proxy, it is the client's, as far as trusted proxies have told it.
    """
    client: tuple[str, int] | None = scope.get("client")
    return None if client is None else client[0][:_MOST_CHARACTERS]
