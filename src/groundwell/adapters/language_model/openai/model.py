"""Language models behind the OpenAI chat completions protocol.

OpenAI, Together.ai, Gemini's OpenAI endpoint, Ollama, vLLM and others speak it. Every answer is
read as a stream, also for `complete`: only then can the deadlines tell a slow model from a dead
one. Nothing that the provider sends is trusted: lines and totals are bounded, compression and
redirects are refused, and no error repeats a provider's body, which may echo the key.
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
import orjson

from groundwell.adapters.language_model.openai.events import (
    Chunk,
    Deadlines,
    Lines,
    Patience,
    Usage,
    bad_response,
    next_chunk,
    trailing_usage,
)
from groundwell.domain.answers import ChatMessage
from groundwell.domain.errors import (
    GroundwellError,
    ProviderError,
    StartupError,
    UnavailableError,
)
from groundwell.ports.language_model import Completion

MAX_RETRY_AFTER_SECONDS = 3600


DEFAULT_DEADLINES = Deadlines()


class OpenAILanguageModel:
    """A `LanguageModel` at `base_url`, for example `https://api.openai.com/v1`.

    Errors: ProviderError `provider_timeout` after a deadline, `provider_bad_response` for a
    malformed or empty answer, `provider_rejected` when the request was refused;
    UnavailableError `provider_unavailable` for 429, 5xx and a refused connection. A 5xx or a
    connection that breaks before the answer begins is tried once more.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None,
        model: str,
        deadlines: Deadlines = DEFAULT_DEADLINES,
    ) -> None:
        self._model = model
        self._deadlines = deadlines
        self._url = _endpoint(base_url)
        timeout = httpx.Timeout(None, connect=deadlines.connect_seconds)
        self._client = httpx.AsyncClient(
            headers=_headers(api_key), timeout=timeout, follow_redirects=False, trust_env=False
        )

    @property
    def model(self) -> str:
        """The model's name, as the provider knows it."""
        return self._model

    async def stream(
        self, messages: Sequence[ChatMessage], max_tokens: int
    ) -> AsyncGenerator[str, None]:
        """The answer's text, piece by piece, at temperature 0."""
        async with aclosing(self._chunks(messages, max_tokens)) as chunks:
            async for chunk in chunks:
                if chunk.text:
                    yield chunk.text

    async def complete(self, messages: Sequence[ChatMessage], max_tokens: int) -> Completion:
        """The whole answer, at temperature 0."""
        texts: list[str] = []
        usage = Usage()
        async with aclosing(self._chunks(messages, max_tokens)) as chunks:
            async for chunk in chunks:
                texts.append(chunk.text)
                usage = chunk.usage or usage
        return Completion("".join(texts), self._model, usage.prompt, usage.completion)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _chunks(
        self, messages: Sequence[ChatMessage], max_tokens: int
    ) -> AsyncGenerator[Chunk, None]:
        body = {
            "model": self._model,
            "messages": [{"role": m.role.value, "content": m.content} for m in messages],
            "max_tokens": max_tokens,
            "temperature": 0,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        patience = Patience(self._deadlines)
        response = await self._open(orjson.dumps(body), patience)
        try:
            lines = Lines(response.aiter_raw(), patience)
            has_text = False
            while (chunk := await next_chunk(lines)) is not None:
                has_text = has_text or bool(chunk.text.strip())
                if chunk.is_last:
                    break
                if chunk.is_alive:
                    yield chunk
                    patience.token_came()
            if chunk is None:
                raise bad_response("The model's answer broke off before its end.")
            if not has_text:
                raise bad_response("The model answered nothing.")
            yield chunk
            yield Chunk(usage=chunk.usage or await trailing_usage(lines))
        finally:
            await response.aclose()

    async def _open(self, content: bytes, patience: Patience) -> httpx.Response:
        """The response, once its head is good; its body is unread. Tries twice at most."""
        try:
            return await self._send(content, patience)
        except UnavailableError as error:
            if error.retry_after_seconds is not None:
                raise
        await patience.wait(asyncio.sleep(0.1 + secrets.randbelow(400) / 1000))
        return await self._send(content, patience)

    async def _send(self, content: bytes, patience: Patience) -> httpx.Response:
        request = self._client.build_request("POST", self._url, content=content)
        with _translated():
            response = await patience.wait(self._client.send(request, stream=True))
        if problem := _problem_of(response):
            await response.aclose()
            raise problem
        return response


def _problem_of(response: httpx.Response) -> GroundwellError | None:
    """What is wrong with a response, judged by its head alone."""
    status = response.status_code
    if status == httpx.codes.TOO_MANY_REQUESTS or response.is_server_error:
        seconds = _retry_after(response.headers.get("retry-after"))
        if status == httpx.codes.TOO_MANY_REQUESTS and seconds is None:
            seconds = 1
        return _unavailable(f"The language model is overloaded (HTTP {status}).", seconds)
    if response.is_redirect:
        return bad_response("The provider redirects. Set the base URL to its final address.")
    if status != httpx.codes.OK:
        return ProviderError(
            f"The provider refused the request (HTTP {status}). Check the key and the model.",
            code="provider_rejected",
        )
    if not response.headers.get("content-type", "").lower().startswith("text/event-stream"):
        return bad_response("The provider did not answer with a stream. Check the base URL.")
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        return bad_response("The provider compressed its answer though asked not to.")
    return None


def _retry_after(value: str | None) -> int | None:
    """Whole seconds, from a number or a date; None when there is neither."""
    if value is None:
        return None
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
    return min(max(math.ceil(seconds), 0), MAX_RETRY_AFTER_SECONDS)


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the client's errors into ours; their texts are dropped, they may hold the request."""
    try:
        yield
    except (httpx.ConnectError, httpx.TimeoutException):
        raise _unavailable("The language model is out of reach.", None) from None
    except httpx.HTTPError:
        raise _unavailable("The connection to the language model broke.", None) from None


def _endpoint(base_url: str) -> httpx.URL:
    try:
        url = httpx.URL(base_url.rstrip("/") + "/chat/completions")
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in ("http", "https") or not url.host:
        raise StartupError("The language model's base URL must begin with http:// or https://.")
    return url


def _headers(api_key: str | None) -> dict[str, str]:
    headers = {
        "Accept": "text/event-stream",
        "Accept-Encoding": "identity",
        "Content-Type": "application/json",
    }
    if api_key:
        # A key with a line break would reach the log: the client's error quotes the header.
        if not api_key.isascii() or not api_key.isprintable() or " " in api_key:
            raise StartupError("The language model's API key holds characters no key can have.")
        headers["Authorization"] = f"Bearer {api_key}"
    return headers


def _unavailable(detail: str, retry_after_seconds: int | None) -> UnavailableError:
    return UnavailableError(
        detail, code="provider_unavailable", retry_after_seconds=retry_after_seconds
    )
