"""Keys from the address of a JSON Web Key Set (RFC 7517, section 5) that the operator has set."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

import httpx
import orjson

from groundwell.adapters.token_verifier.pyjwt.keys import VerifyingKey, read_jwk_set
from groundwell.domain.circuit_breaker import CircuitState
from groundwell.domain.errors import ProviderError, UnavailableError

_log = logging.getLogger(__name__)

_MOST_BYTES = 256 << 10
_FRESH_SECONDS = 600.0
# A provider that is away must not lock everybody out at once, nor a key it has withdrawn live on.
_USABLE_SECONDS = 3600.0
# Tokens with made-up key ids must not become a stream of requests to the provider.
_PAUSE_SECONDS = 30.0


class KeyServer:
    """Keys that are fetched when the first token comes, and kept.

    They are fetched anew after ten minutes, and for an id that is not there, at most every 30
    seconds. While the server is away, keys of up to one hour ago are used. `clock` gives seconds.

    One call in 30 seconds is less than any circuit breaker lets through, so this needs none; its
    `state` is shown like that of one.
    """

    part = "identity_provider"

    def __init__(
        self,
        url: str,
        algorithm: str,
        *,
        timeout_seconds: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._algorithm = algorithm
        self._timeout_seconds = timeout_seconds
        self._clock = clock
        self._keys: Mapping[str, VerifyingKey] = {}
        self._fetched_at = -float("inf")
        self._tried_at = -float("inf")
        self._one_at_a_time = asyncio.Lock()
        self.target = httpx.URL(url).host
        self._client = httpx.AsyncClient(
            timeout=timeout_seconds,
            headers={"Accept-Encoding": "identity"},
            # A redirect would let another host choose who is let in.
            follow_redirects=False,
            trust_env=False,
        )

    @property
    def state(self) -> CircuitState:
        """Open between a fetch that failed and the next one that is allowed."""
        if self._fetched_at >= self._tried_at:
            return CircuitState.CLOSED
        is_waiting = self._clock() - self._tried_at <= _PAUSE_SECONDS
        return CircuitState.OPEN if is_waiting else CircuitState.HALF_OPEN

    async def find(self, key_id: str | None) -> VerifyingKey | None:
        """The key of that id. Raises UnavailableError when there are no keys young enough."""
        if key_id is None:
            return None
        if self._wants(key_id):
            async with self._one_at_a_time:
                if self._wants(key_id):
                    await self._refresh()
        if self._clock() - self._fetched_at > _USABLE_SECONDS:
            raise UnavailableError(
                "The identity provider's keys cannot be read at the moment.",
                code="identity_provider_unavailable",
                retry_after_seconds=int(_PAUSE_SECONDS),
            )
        return self._keys.get(key_id)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def _wants(self, key_id: str) -> bool:
        now = self._clock()
        is_lacking = key_id not in self._keys or now - self._fetched_at > _FRESH_SECONDS
        return is_lacking and now - self._tried_at > _PAUSE_SECONDS

    async def _refresh(self) -> None:
        self._tried_at = self._clock()
        try:
            async with asyncio.timeout(self._timeout_seconds):
                content = await self._read()
            self._keys = read_jwk_set(orjson.loads(content), self._algorithm)
        except (httpx.HTTPError, TimeoutError, ValueError, ProviderError) as error:
            _log.warning("The identity provider's keys cannot be read: %s", type(error).__name__)
            return
        self._fetched_at = self._tried_at

    async def _read(self) -> bytes:
        content = b""
        async with self._client.stream("GET", self._url) as response:
            if response.status_code != httpx.codes.OK:
                raise ProviderError("The identity provider refused to show its keys.")
            if "content-encoding" in response.headers:
                raise ProviderError("The identity provider compressed its set of keys.")
            async for part in response.aiter_bytes():
                content += part
                if len(content) > _MOST_BYTES:
                    raise ProviderError("The identity provider's set of keys is too large.")
        return content
