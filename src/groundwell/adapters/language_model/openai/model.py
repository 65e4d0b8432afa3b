"""Language models behind the OpenAI chat completions protocol.

OpenAI, Together.ai, Gemini's OpenAI endpoint, Ollama, vLLM and others speak it. Every answer is
read as a stream, also for `complete`: only then can the deadlines tell a slow model from a dead
one. Nothing that the provider sends is trusted: lines and totals are bounded, compression and
redirects are refused, and no error repeats a provider's body, which may echo the key.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import httpx
import orjson

from groundwell.adapters.language_model.openai.events import (
    Chunk,
    Deadlines,
    Lines,
    Patience,
    bad_response,
    next_chunk,
    trailing_usage,
)
from groundwell.adapters.provider import Provider, endpoint_of, headers_of, make_circuit
from groundwell.domain.answers import ChatMessage
from groundwell.domain.errors import ProviderError
from groundwell.ports.language_model import Completion, HearUsed, TokensUsed

DEFAULT_DEADLINES = Deadlines()


class OpenAILanguageModel:
    """A `LanguageModel` at `base_url`, for example `https://api.openai.com/v1`.

    `part` is what health and metrics call it, where there are several. With a `purpose` it has a
    circuit for that alone: who waits less than others must not tell them that nobody is there.

    Errors: ProviderTimeoutError after a deadline; ProviderError `provider_bad_response` for a
    malformed or empty answer, `provider_rejected` when the request was refused; UnavailableError
    `provider_overloaded` for 429, `provider_unavailable` for 5xx and broken connections,
    `circuit_open` while the model is left alone. What fails before the answer begins is tried
    once more at most, never later.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None,
        model: str,
        deadlines: Deadlines = DEFAULT_DEADLINES,
        part: str = "language_model",
        purpose: str = "",
    ) -> None:
        self._model = model
        self._deadlines = deadlines
        self._url = endpoint_of(base_url, "/chat/completions", "language model")
        self.circuit = make_circuit(part, self._url, model, purpose)
        self._provider = Provider("The language model", self.circuit)
        self._client = httpx.AsyncClient(
            headers=headers_of(api_key, "text/event-stream", "language model"),
            timeout=httpx.Timeout(None, connect=deadlines.connect_seconds),
            follow_redirects=False,
            trust_env=False,
        )

    @property
    def model(self) -> str:
        """The model's name, as the provider knows it."""
        return self._model

    async def stream(
        self, messages: Sequence[ChatMessage], max_tokens: int, hear_used: HearUsed | None = None
    ) -> AsyncGenerator[str, None]:
        """The answer's text, piece by piece, at temperature 0."""
        async with aclosing(self._chunks(messages, max_tokens)) as chunks:
            async for chunk in chunks:
                if chunk.usage is not None and hear_used is not None:
                    hear_used(chunk.usage)
                if chunk.text:
                    yield chunk.text

    async def complete(self, messages: Sequence[ChatMessage], max_tokens: int) -> Completion:
        """The whole answer, at temperature 0."""
        texts: list[str] = []
        used = TokensUsed()
        async with aclosing(self._chunks(messages, max_tokens)) as chunks:
            async for chunk in chunks:
                texts.append(chunk.text)
                used = chunk.usage or used
        return Completion("".join(texts), self._model, used)

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
        with self._provider.circuit.call() as permit:
            patience = Patience(self._deadlines, self._provider)
            response = await self._open(orjson.dumps(body), patience)
            reading = _read(Lines(response.aiter_raw(), patience), patience)
            try:
                async with aclosing(reading) as chunks:
                    async for chunk in chunks:
                        permit.answered()
                        yield chunk
            finally:
                await response.aclose()

    async def _open(self, content: bytes, patience: Patience) -> httpx.Response:
        async def send() -> httpx.Response:
            request = self._client.build_request("POST", self._url, content=content)
            return await patience.wait(self._client.send(request, stream=True))

        response = await self._provider.open(send, patience.deadline)
        try:
            _check_stream(response)
        except ProviderError:
            await response.aclose()
            raise
        return response


async def _read(lines: Lines, patience: Patience) -> AsyncGenerator[Chunk, None]:
    """What the model says, up to its proper end; then, by itself, what it used."""
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


def _check_stream(response: httpx.Response) -> None:
    if not response.headers.get("content-type", "").lower().startswith("text/event-stream"):
        raise bad_response("The provider did not answer with a stream. Check the base URL.")
