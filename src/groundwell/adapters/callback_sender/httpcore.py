"""Calls over HTTP/1.1 by httpcore, which connects to nothing but addresses that were checked.

The connection is made to an IP address, and the name stays what TLS verifies and `Host` says. So a
name cannot change its meaning between the check and the connection (DNS rebinding).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing, suppress
from http import HTTPStatus
from ipaddress import ip_address
from typing import TypeAlias

import httpcore
import httpx

from groundwell import __version__
from groundwell.domain.errors import UrlRefusedError
from groundwell.domain.webhooks.hosts import Callee, HostRules
from groundwell.domain.webhooks.networks import IPAddress
from groundwell.ports.callback_sender import Fate, Receipt

SECONDS = 10.0
_CONNECT_SECONDS = 3.0
_MOST_ADDRESSES = 4
_MOST_BYTES = 4096
_BODY_SECONDS = 1.0
_SocketOption: TypeAlias = (
    tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]
)

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[IPAddress]]]
"""The IP addresses of a name; the port is for the system's resolver. Raises OSError."""


async def resolve(host: str, port: int) -> list[IPAddress]:
    """All addresses of a name, in the order in which the system would try them."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ip_address(address[0]) for *_, address in found]


class HttpcoreCallbackSender:
    """Calls what `rules` allow, each time over a new connection.

    `network` opens connections to IP addresses. `seconds` is the time for a call, all included.
    """

    def __init__(
        self,
        rules: HostRules,
        *,
        encryption: ssl.SSLContext | None = None,
        resolve: Resolve = resolve,
        network: httpcore.AsyncNetworkBackend | None = None,
        seconds: float = SECONDS,
    ) -> None:
        self._rules = rules
        self._encryption = encryption or httpx.create_ssl_context()
        self._resolve = resolve
        self._network = network or httpcore.AnyIOBackend()
        self._seconds = seconds

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Receipt:
        """POST the body; see the port."""
        try:
            callee = self._rules.check(url)
            async with asyncio.timeout(self._seconds):
                return _judge(await self._post(callee, headers, body))
        except UrlRefusedError as error:
            return Receipt(Fate.REFUSED, error.detail)
        except (TimeoutError, httpcore.TimeoutException):
            return Receipt(Fate.AWAY, "The receiver did not answer in time.")
        except httpcore.ConnectError as error:
            if isinstance(error.__cause__, ssl.SSLError):
                return Receipt(Fate.AWAY, "No encrypted connection to the receiver could be made.")
            return Receipt(Fate.AWAY, "The receiver could not be reached.")
        except (httpcore.NetworkError, httpcore.ProtocolError):
            return Receipt(Fate.FAILED, "The receiver broke the connection or spoke no HTTP.")

    async def _post(self, callee: Callee, headers: Mapping[str, str], body: bytes) -> int:
        origin = httpcore.Origin(callee.scheme.encode(), callee.host.encode(), callee.port)
        request = httpcore.Request(
            "POST",
            httpcore.URL(
                scheme=origin.scheme,
                host=origin.host,
                port=origin.port,
                target=callee.target.encode(),
            ),
            headers=[
                ("Host", callee.authority),
                ("Content-Type", "application/json"),
                ("Content-Length", str(len(body))),
                ("Accept-Encoding", "identity"),
                ("User-Agent", f"Groundwell/{__version__}"),
                ("Connection", "close"),
                *headers.items(),
            ],
            content=body,
            extensions={"timeout": {"connect": _CONNECT_SECONDS}},
        )
        async with httpcore.AsyncHTTPConnection(
            origin,
            ssl_context=self._encryption,
            network_backend=_CheckedNetwork(self._network, callee, self._resolve),
        ) as connection:
            response = await connection.handle_async_request(request)
            await _read_a_little(response)
            return response.status


class _CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Looks the name up once, checks all of its addresses and connects to one of them."""

    def __init__(
        self, inner: httpcore.AsyncNetworkBackend, callee: Callee, resolve: Resolve
    ) -> None:
        self._inner = inner
        self._callee = callee
        self._resolve = resolve

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the backend's protocol
        local_address: str | None = None,
        socket_options: Iterable[_SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to the first address that takes one."""
        assert (host, port) == (self._callee.host, self._callee.port), "one callee, one connection"
        failure: Exception = httpcore.ConnectError()
        for address in (await self._addresses())[:_MOST_ADDRESSES]:
            try:
                return await self._inner.connect_tcp(
                    str(address), port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def _addresses(self) -> list[IPAddress]:
        callee = self._callee
        try:
            literal = callee.literal
            found = await self._resolve(callee.host, callee.port) if literal is None else [literal]
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError from error
        callee.check(found)
        return list(dict.fromkeys(found))


async def _read_a_little(response: httpcore.Response) -> None:
    """Let the receiver finish a short answer. The status is known: the rest changes nothing."""
    size = 0
    parts = response.aiter_stream()
    assert isinstance(parts, AsyncGenerator), "httpcore writes it as one"
    with suppress(TimeoutError, httpcore.NetworkError, httpcore.ProtocolError):
        async with asyncio.timeout(_BODY_SECONDS), aclosing(parts):
            async for part in parts:
                size += len(part)
                if size > _MOST_BYTES:
                    break


def _judge(status: int) -> Receipt:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Receipt(Fate.DELIVERED)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return Receipt(Fate.FAILED, f"The receiver redirects (HTTP {status}): none is followed.")
    return Receipt(Fate.FAILED, f"The receiver answered with HTTP {status}.")
