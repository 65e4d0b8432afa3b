"""Calling a provider over HTTP: one circuit, at most one retry, answers of bounded size.

Every adapter of a remote model calls through this, so that there is one layer that retries.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

import httpx

from groundwell.domain.circuit_breaker import CircuitBreaker
from groundwell.domain.errors import (
    GroundwellError,
    ProviderError,
    ProviderTimeoutError,
    StartupError,
    UnavailableError,
)
from groundwell.domain.retries import Jitter, RetryBudget

T = TypeVar("T")

CONNECT_SECONDS = 5.0
OVERLOADED = "provider_overloaded"
"""The code for a provider that asks to wait: that is an answer, so its circuit stays closed."""
_MOST_RETRY_SECONDS = 3600
_DEFAULT_RETRY_SECONDS = 1


class Provider:
    """One model at one server, as one process calls it.

    `name` begins sentences, such as "The language model". `circuit` counts what becomes of the
    calls. `sleep` waits before a retry.
    """

    def __init__(
        self,
        name: str,
        circuit: CircuitBreaker,
        jitter: Jitter | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.circuit = circuit
        self._name = name
        self._budget = RetryBudget()
        self._jitter = jitter or Jitter()
        self._sleep = sleep

    async def open(
        self, send: Callable[[], Awaitable[httpx.Response]], deadline: float
    ) -> httpx.Response:
        """A good response whose body is unread. Close it.

        What failed before the response began, or was answered by 429 or 5xx, is sent once more if
        the pause ends before `deadline`, in the loop's time, and the budget of retries allows it.
        What ran into a deadline is not: a retry would only double the wait.

        Raises UnavailableError for 429, 5xx and broken connections, with the seconds to wait where
        the provider tells; ProviderTimeoutError; ProviderError `provider_rejected` for other
        refusals, `provider_bad_response` for redirects and compressed bodies.
        """
        self._budget.count_call()
        try:
            return await self._send(send)
        except ProviderTimeoutError:
            raise
        except UnavailableError as error:
            pause = self._jitter.pause(error.retry_after_seconds)
            left = deadline - asyncio.get_running_loop().time()
            if pause >= left or not self._budget.take():
                raise
        await self._sleep(pause)
        return await self._send(send)

    async def _send(self, send: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        with self.translated():
            response = await send()
        if problem := self._problem_of(response):
            await response.aclose()
            raise problem
        return response

    async def read(self, response: httpx.Response, most_bytes: int) -> bytes:
        """The body as it came over the wire. Raises ProviderError for a longer one."""
        content = bytearray()
        with self.translated():
            async for part in response.aiter_bytes():
                content += part
                if len(content) > most_bytes:
                    raise ProviderError(f"{self._name}'s answer is far too long.")
        return bytes(content)

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn the client's errors into ours; their texts are dropped, they may hold the request.

        A TimeoutError is that of a deadline within this block, not of one around it.
        """
        try:
            yield
        except (httpx.TimeoutException, TimeoutError):
            raise self.too_slow() from None
        except httpx.ConnectError:
            raise self._unavailable("is out of reach", None) from None
        except httpx.HTTPError:
            raise self._unavailable("broke the connection", None) from None

    def too_slow(self) -> ProviderTimeoutError:
        """The error for a deadline that has passed."""
        return ProviderTimeoutError(f"{self._name} took too long. Try again, or ask for less.")

    def _problem_of(self, response: httpx.Response) -> GroundwellError | None:
        """What is wrong with a response, judged by its head alone."""
        status = response.status_code
        seconds = retry_after(response)
        if status == httpx.codes.TOO_MANY_REQUESTS:
            seconds = _DEFAULT_RETRY_SECONDS if seconds is None else seconds
            return self._unavailable("is overloaded (HTTP 429)", seconds, OVERLOADED)
        if response.is_server_error:
            return self._unavailable(f"failed (HTTP {status})", seconds)
        if response.is_redirect:
            # Following one would carry key and texts to a host that nobody configured.
            return ProviderError(f"{self._name} redirects. Set its base URL to the final address.")
        if status != httpx.codes.OK:
            return ProviderError(
                f"{self._name} refused the request (HTTP {status}). Check address, key and model.",
                code="provider_rejected",
            )
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            # A few kilobytes could become gigabytes.
            return ProviderError(f"{self._name} compressed its answer though asked not to.")
        return None

    def _unavailable(
        self, what: str, seconds: int | None, code: str = "provider_unavailable"
    ) -> UnavailableError:
        return UnavailableError(f"{self._name} {what}.", code=code, retry_after_seconds=seconds)


def retry_after(response: httpx.Response) -> int | None:
    """Whole seconds of `Retry-After` (RFC 9110, section 10.2.3), at most an hour; None if unset."""
    value = response.headers.get("retry-after", "")
    try:
        seconds = float(value)
    except ValueError:
        try:
            when = parsedate_to_datetime(value)
        except ValueError:
            return None
        seconds = (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    if not math.isfinite(seconds):
        return None
    return min(max(math.ceil(seconds), 0), _MOST_RETRY_SECONDS)


def endpoint_of(base_url: str, path: str, owner: str) -> httpx.URL:
    """The address of a protocol's endpoint. Raises StartupError; `owner`: whose address it is."""
    try:
        url = httpx.URL(base_url.rstrip("/") + path)
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in ("http", "https") or not url.host:
        raise StartupError(f"The {owner}'s base URL must begin with http:// or https://.")
    return url


def headers_of(api_key: str | None, accept: str, owner: str) -> dict[str, str]:
    """The headers of every request. Raises StartupError for a key that no header can carry."""
    headers = {
        "Accept": accept,
        "Accept-Encoding": "identity",
        "Content-Type": "application/json",
    }
    if api_key:
        # A key with a line break would reach the log: the client's error quotes the header.
        if not api_key.isascii() or not api_key.isprintable() or " " in api_key:
            raise StartupError(f"The {owner}'s API key holds characters no key can have.")
        headers["Authorization"] = f"Bearer {api_key}"
    return headers


def make_circuit(part: str, url: httpx.URL, model: str, purpose: str = "") -> CircuitBreaker:
    """The circuit of a model at a server; one with a purpose is not that of other calls there."""
    target = f"{model} at {url.host}"
    return CircuitBreaker(part, f"{target} for {purpose}" if purpose else target)
