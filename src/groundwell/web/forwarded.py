"""The client behind a trusted proxy, put in the proxy's place."""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from groundwell.domain.proxies import TrustedProxies

_NO_PORT = 0


class Forwarded:
    """ASGI middleware, before all others: everything behind it counts by the client's address.

    The headers stay, so that a server without authentication goes on refusing what they come with.
    """

    def __init__(self, app: ASGIApp, proxies: Callable[[Scope], TrustedProxies]) -> None:
        self._app = app
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, under the address of its client."""
        if scope["type"] == "http" and (client := scope.get("client")) is not None:
            proxies = self._proxies(scope)
            if proxies.trusts(client[0]):
                values = Headers(scope=scope).getlist("x-forwarded-for")
                scope["client"] = (proxies.client_of(client[0], values), _NO_PORT)
        await self._app(scope, receive, send)
