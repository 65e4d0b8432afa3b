"""OpenAIEmbedder: any server that speaks the OpenAI embeddings protocol.

The protocol: https://platform.openai.com/docs/api-reference/embeddings/create
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

import httpx
import numpy as np
import orjson
from pydantic import BaseModel, ValidationError

from groundwell.adapters.provider import (
    CONNECT_SECONDS,
    Provider,
    endpoint_of,
    headers_of,
    make_circuit,
)
from groundwell.domain.chunks import Encoding, Floats, Tokenizer
from groundwell.domain.errors import ProviderError

_BYTES_PER_NUMBER = 32
_BYTES_OF_ENVELOPE = 64_000
_SMALLEST_NORM = 1e-12


class _Item(BaseModel):
    index: int
    embedding: list[float]


class _Answer(BaseModel):
    data: list[_Item]


class WordTokenizer:
    """A stand-in for a remote model's tokenizer: pieces of words, about four letters each.

    A CJK character or a punctuation mark is a piece by itself. English prose yields slightly
    more pieces than usual vocabularies do, so a chunk measured with it fits the model.
    """

    _PIECE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_]{1,4}|[^\w\s]|_")

    def spans(self, text: str) -> list[tuple[int, int]]:
        """The character span of every piece, in order."""
        return [match.span() for match in self._PIECE.finditer(text)]

    def spans_of(self, texts: list[str]) -> list[list[tuple[int, int]]]:
        """`spans` of many texts."""
        return [self.spans(text) for text in texts]


class OpenAIEmbedder:
    """Asks a server for vectors; it yields no token vectors.

    `base_url` ends before `/embeddings`. `dimension` is what the model answers; it is not asked
    for, because many servers refuse the parameter. `max_tokens` only informs the chunker:
    cutting longer texts is the server's part. `transport` replaces the network. Queries and
    passages are embedded alike, because the protocol knows no difference; but a query, for which
    somebody waits, must be there within `query_seconds`, a request with passages within
    `passages_seconds`.

    Errors: UnavailableError when the server is away, slow, asks to wait, or is left alone because
    it failed too often; ProviderError when it refuses or answers something unusable. No error
    carries the key or a text. What fails before the answer begins is tried once more.
    """

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str | None,
        model: str,
        dimension: int,
        max_tokens: int = 512,
        batch_size: int = 32,
        query_seconds: float = 10.0,
        passages_seconds: float = 60.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._url = endpoint_of(base_url, "/embeddings", "embedding server")
        self.circuit = make_circuit("embedder", self._url, model)
        self._provider = Provider("The embedding server", self.circuit)
        self._query_seconds = query_seconds
        self._passages_seconds = passages_seconds
        self._model = model
        self._dimension = dimension
        self._max_tokens = max_tokens
        self._batch_size = batch_size
        self._tokenizer = WordTokenizer()
        self._client = httpx.AsyncClient(
            headers=headers_of(api_key, "application/json", "embedding server"),
            timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),
            follow_redirects=False,
            transport=transport,
        )

    @property
    def model(self) -> str:
        """The model's name at the server."""
        return self._model

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._dimension

    @property
    def max_tokens(self) -> int:
        """Most tokens of a text that count, as configured."""
        return self._max_tokens

    @property
    def has_token_vectors(self) -> bool:
        """Never: the protocol has none."""
        return False

    @property
    def tokenizer(self) -> Tokenizer:
        """A stand-in, since the model's own is out of reach."""
        return self._tokenizer

    async def embed_query(self, text: str) -> Encoding:
        """Embed one query."""
        return (await self._embed([_sendable(text)], self._query_seconds))[0]

    async def embed_documents(self, texts: Sequence[str]) -> list[Encoding]:
        """Embed passages, `batch_size` to a request, one request after the other."""
        size = self._batch_size
        encodings: list[Encoding] = []
        for start in range(0, len(texts), size):
            batch = [_sendable(text) for text in texts[start : start + size]]
            encodings += await self._embed(batch, self._passages_seconds)
        return encodings

    async def document_spans(self, texts: Sequence[str]) -> list[tuple[tuple[int, int], ...]]:
        """None, since there are no token vectors."""
        return [()] * len(texts)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _embed(self, texts: list[str], seconds: float) -> list[Encoding]:
        body = {"model": self._model, "input": texts, "encoding_format": "float"}
        no_tokens = np.empty((0, self.dimension), np.float32)
        with self._provider.circuit.call(), self._provider.translated():
            deadline = asyncio.get_running_loop().time() + seconds
            async with asyncio.timeout_at(deadline):
                content = await self._request(orjson.dumps(body), len(texts), deadline)
            vectors = self._vectors_of(content, len(texts))
        return [Encoding(vector, no_tokens) for vector in vectors]

    async def _request(self, content: bytes, count: int, deadline: float) -> bytes:
        async def send() -> httpx.Response:
            request = self._client.build_request("POST", self._url, content=content)
            return await self._client.send(request, stream=True)

        most = _BYTES_OF_ENVELOPE + count * (self.dimension * _BYTES_PER_NUMBER + 200)
        response = await self._provider.open(send, deadline)
        try:
            return await self._provider.read(response, most)
        finally:
            await response.aclose()

    def _vectors_of(self, content: bytes, count: int) -> Floats:
        try:
            items = _Answer.model_validate_json(content).data
        except ValidationError:
            # Neither named as the cause nor quoted: it would repeat the answer.
            raise ProviderError("The embedding server's answer is not the protocol's.") from None
        items.sort(key=lambda item: item.index)
        if [item.index for item in items] != list(range(count)):
            raise ProviderError(
                f"The embedding server answered {len(items)} vectors for {count} texts, or "
                "numbered them wrongly."
            )
        if wrong := {len(item.embedding) for item in items} - {self.dimension}:
            raise ProviderError(
                f"The embedding server answers vectors of {min(wrong)} numbers, but "
                f"{self.dimension} are configured; correct the dimension or the model."
            )
        vectors = np.array([item.embedding for item in items], np.float64)
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(norms).all() or norms.min() < _SMALLEST_NORM:
            raise ProviderError("The embedding server answered a vector of NaN or of zeros.")
        units: Floats = (vectors / norms).astype(np.float32)
        return units


def _sendable(text: str) -> str:
    # Servers refuse an empty text, which the port embeds like any other; a lone surrogate has
    # no UTF-8 form.
    return text.encode("utf-8", "replace").decode("utf-8") or " "
