"""HttpReranker: any server that speaks the rerank protocol of Cohere and Jina.

The protocol: https://docs.cohere.com/reference/rerank and https://jina.ai/reranker
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence

import httpx
import orjson
from pydantic import BaseModel, ValidationError

from groundwell.adapters.provider import (
    CONNECT_SECONDS,
    Provider,
    endpoint_of,
    headers_of,
    make_circuit,
)
from groundwell.domain.errors import ProviderError
from groundwell.domain.search import AnalysedQuery
from groundwell.ports.reranker import Candidate

_BYTES_OF_ENVELOPE = 64_000
_BYTES_PER_RESULT = 400
_MOST_GROWTH = (
    4  # of the texts, which some servers send back: escaped, one letter may take six bytes
)


class _Result(BaseModel):
    index: int
    relevance_score: float


class _Answer(BaseModel):
    results: list[_Result]


class HttpReranker:
    """Asks a server for the relevance of each passage.

    `base_url` ends before `/rerank`. A call takes at most `timeout_seconds`. What fails before the
    answer begins is tried once more. A blank passage is not
    sent; neither it nor a passage that the server leaves out has a score.

    Errors: UnavailableError when the server is away, slow, asks to wait, or is left alone because
    it failed too often; ProviderError when it refuses or answers something unusable. No error
    carries the key or a text.
    """

    needs_text = True

    def __init__(
        self, *, base_url: str, api_key: str | None, model: str, timeout_seconds: float = 5.0
    ) -> None:
        self._url = endpoint_of(base_url, "/rerank", "reranker")
        self.circuit = make_circuit("reranker", self._url, model)
        self._provider = Provider("The reranking server", self.circuit)
        self._model = model
        self._timeout_seconds = timeout_seconds
        self._client = httpx.AsyncClient(
            headers=headers_of(api_key, "application/json", "reranker"),
            timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),
            follow_redirects=False,
            trust_env=False,
        )

    async def rerank(
        self, query: AnalysedQuery, candidates: Sequence[Candidate]
    ) -> list[float | None]:
        """Score candidates as the server does."""
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
        with self._provider.circuit.call(), self._provider.translated():
            deadline = asyncio.get_running_loop().time() + self._timeout_seconds
            async with asyncio.timeout_at(deadline):
                content = await self._request(orjson.dumps(body), len(known), deadline)
            for index, score in _scores_of(content, len(known)).items():
                scores[known[index]] = score
        return scores

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _request(self, content: bytes, count: int, deadline: float) -> bytes:
        async def send() -> httpx.Response:
            request = self._client.build_request("POST", self._url, content=content)
            return await self._client.send(request, stream=True)

        most = _BYTES_OF_ENVELOPE + _MOST_GROWTH * len(content) + _BYTES_PER_RESULT * count
        response = await self._provider.open(send, deadline)
        try:
            return await self._provider.read(response, most)
        finally:
            await response.aclose()


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


def _sendable(text: str) -> str:
    # A lone surrogate has no UTF-8 form.
    return text.encode("utf-8", "replace").decode("utf-8")
