"""HttpReranker: any server that speaks the rerank protocol of Cohere and Jina.

The protocol: https://docs.cohere.com/reference/rerank and https://jina.ai/reranker
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import httpx
import orjson
from pydantic import BaseModel, ValidationError

from groundwell.domain.documents import TenantId
from groundwell.domain.errors import ProviderError, StartupError, UnavailableError
from groundwell.domain.search import AnalysedQuery
from groundwell.ports.reranker import Candidate

_BYTES_OF_ENVELOPE = 64_000
_BYTES_PER_RESULT = 400
_MOST_GROWTH = (
    4  # of the texts, which some servers send back: escaped, one letter may take six bytes
)
_MOST_RETRY_SECONDS = 3600


class _Result(BaseModel):
    index: int
    relevance_score: float


class _Answer(BaseModel):
    results: list[_Result]


class HttpReranker:
    """Asks a server for the relevance of each passage.

    `base_url` ends before `/rerank`. A call takes at most `timeout_seconds`. A 5xx, or a
    connection that breaks before the answer begins, is tried once more. A blank passage is not
    sent; neither it nor a passage that the server leaves out has a score.

    Errors: UnavailableError when the server is away, slow or asks to wait; ProviderError when it
    refuses or answers something unusable. No error carries the key or a text.
    """

    needs_text = True

    def __init__(
        self, *, base_url: str, api_key: str | None, model: str, timeout_seconds: float = 5.0
    ) -> None:
        self._url = _endpoint(base_url)
        self._model = model
        self._timeout_seconds = timeout_seconds
        self._client = httpx.AsyncClient(
            headers=_headers(api_key),
            timeout=timeout_seconds,
            # A redirect would carry the texts to a host that nobody configured.
            follow_redirects=False,
            trust_env=False,
        )

    async def rerank(
        self, tenant: TenantId, query: AnalysedQuery, candidates: Sequence[Candidate]
    ) -> list[float | None]:
        """Score candidates as the server does."""
        del tenant
        scores: list[float | None] = [None] * len(candidates)
        known = [number for number, one in enumerate(candidates) if one.text.strip()]
        if not known:
            return scores
        body = {
            "model": self._model,
            "query": _sendable(query.text),
            "documents": [_sendable(candidates[number].text) for number in known],
            "top_n": len(known),
        }
        try:
            async with asyncio.timeout(self._timeout_seconds):
                content = await self._request(orjson.dumps(body), len(known))
        except TimeoutError:
            raise UnavailableError("The reranking server did not answer in time.") from None
        for index, score in _scores_of(content, len(known)).items():
            scores[known[index]] = score
        return scores

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _request(self, content: bytes, count: int) -> bytes:
        try:
            response = await self._send(content)
        except UnavailableError as error:
            if error.retry_after_seconds is not None:
                raise
            await asyncio.sleep(0.1 + secrets.randbelow(400) / 1000)
            response = await self._send(content)
        most = _BYTES_OF_ENVELOPE + _MOST_GROWTH * len(content) + _BYTES_PER_RESULT * count
        try:
            with _translated_errors():
                return await _read(response, most)
        finally:
            await response.aclose()

    async def _send(self, content: bytes) -> httpx.Response:
        """The response, once its head is good; its body is unread."""
        request = self._client.build_request("POST", self._url, content=content)
        with _translated_errors():
            response = await self._client.send(request, stream=True)
        try:
            _check_status(response)
        except (ProviderError, UnavailableError):
            await response.aclose()
            raise
        return response


async def _read(response: httpx.Response, most: int) -> bytes:
    content = bytearray()
    async for part in response.aiter_bytes():
        content += part
        if len(content) > most:
            raise ProviderError("The reranking server's answer is far too long.")
    return bytes(content)


def _scores_of(content: bytes, count: int) -> dict[int, float]:
    """The score of each document that came back, by its number."""
    try:
        results = _Answer.model_validate_json(content).results
    except ValidationError:
        # Neither named as the cause nor quoted: it would repeat the answer.
        raise ProviderError("The reranking server's answer is not the protocol's.") from None
    scores = {result.index: result.relevance_score for result in results}
    if len(scores) < len(results) or not scores.keys() <= set(range(count)):
        raise ProviderError("The reranking server numbered its results wrongly.")
    if not all(map(math.isfinite, scores.values())):
        raise ProviderError("The reranking server answered a score that is no number.")
    return scores


@contextmanager
def _translated_errors() -> Iterator[None]:
    """Turn the client's errors into ours; their texts are dropped, they may hold the request."""
    try:
        yield
    except httpx.TimeoutException:
        raise UnavailableError("The reranking server did not answer in time.") from None
    except httpx.HTTPError:
        raise UnavailableError("The reranking server cannot be reached.") from None


def _check_status(response: httpx.Response) -> None:
    if response.is_success:
        return
    status = response.status_code
    if status == httpx.codes.TOO_MANY_REQUESTS:
        raise UnavailableError(
            "The reranking server asks to wait.", retry_after_seconds=_retry_after(response) or 1
        )
    if response.is_server_error:
        raise UnavailableError(
            f"The reranking server failed with status {status}.",
            retry_after_seconds=_retry_after(response),
        )
    raise ProviderError(
        f"The reranking server refused with status {status}; check its address, key and model."
    )


def _retry_after(response: httpx.Response) -> int | None:
    try:
        seconds = float(response.headers.get("Retry-After", ""))
    except ValueError:
        return None
    return math.ceil(seconds) if 0 <= seconds <= _MOST_RETRY_SECONDS else None


def _endpoint(base_url: str) -> httpx.URL:
    try:
        url = httpx.URL(base_url.rstrip("/") + "/rerank")
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in ("http", "https") or not url.host:
        raise StartupError("The reranker's base URL must begin with http:// or https://.")
    return url


def _headers(api_key: str | None) -> dict[str, str]:
    headers = {
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "Content-Type": "application/json",
    }
    if api_key:
        # A key with a line break would reach the log: the client's error quotes the header.
        if not api_key.isascii() or not api_key.isprintable() or " " in api_key:
            raise StartupError("The reranker's API key holds characters no key can have.")
        headers["Authorization"] = f"Bearer {api_key}"
    return headers


def _sendable(text: str) -> str:
    # A lone surrogate has no UTF-8 form.
    return text.encode("utf-8", "replace").decode("utf-8")
