"""OpenAIEmbedder: any server that speaks the OpenAI embeddings protocol.

The protocol: https://platform.openai.com/docs/api-reference/embeddings/create
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterator, Sequence

import httpx
import numpy as np
from pydantic import BaseModel, ValidationError

from groundwell.domain.chunks import Encoding, Floats, Tokenizer
from groundwell.domain.errors import ProviderError, UnavailableError

_BYTES_PER_NUMBER = 32
_BYTES_OF_ENVELOPE = 64_000
_MOST_RETRY_SECONDS = 3600
_SMALLEST_NORM = 1e-12
_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500


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
    passages are embedded alike, because the protocol knows no difference.

    Errors: UnavailableError when the server is away, slow or asks to wait; ProviderError when
    it refuses or answers something unusable. No error carries the key or a text.
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
        timeout_seconds: float = 30.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._url = base_url.rstrip("/") + "/embeddings"
        self._model = model
        self._dimension = dimension
        self._max_tokens = max_tokens
        self._batch_size = batch_size
        self._tokenizer = WordTokenizer()
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            timeout=timeout_seconds,
            # A redirect would carry the texts to a host that nobody configured.
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
        return (await self.embed_documents([text]))[0]

    async def embed_documents(self, texts: Sequence[str]) -> list[Encoding]:
        """Embed passages, `batch_size` to a request, one request after the other."""
        size = self._batch_size
        no_tokens = np.empty((0, self.dimension), np.float32)
        encodings: list[Encoding] = []
        for start in range(0, len(texts), size):
            vectors = await self._request([_sendable(t) for t in texts[start : start + size]])
            encodings += [Encoding(vector, no_tokens) for vector in vectors]
        return encodings

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _request(self, texts: list[str]) -> Floats:
        body = {"model": self._model, "input": texts, "encoding_format": "float"}
        with _translated_errors():
            async with self._client.stream("POST", self._url, json=body) as response:
                _check_status(response)
                content = await self._read(response, len(texts))
        return self._vectors_of(content, len(texts))

    async def _read(self, response: httpx.Response, count: int) -> bytes:
        most = _BYTES_OF_ENVELOPE + count * (self.dimension * _BYTES_PER_NUMBER + 200)
        content = bytearray()
        async for part in response.aiter_bytes():
            content += part
            if len(content) > most:
                raise ProviderError("The embedding server's answer is far too long.")
        return bytes(content)

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


@contextlib.contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except httpx.TimeoutException:
        raise UnavailableError("The embedding server did not answer in time.") from None
    except (httpx.HTTPError, httpx.InvalidURL):
        raise UnavailableError("The embedding server cannot be reached.") from None


def _check_status(response: httpx.Response) -> None:
    if response.is_success:
        return
    status = response.status_code
    if status == _TOO_MANY_REQUESTS:
        raise UnavailableError(
            "The embedding server asks to wait.", retry_after_seconds=_retry_after(response)
        )
    if status >= _SERVER_ERROR:
        raise UnavailableError(
            f"The embedding server failed with status {status}.",
            retry_after_seconds=_retry_after(response),
        )
    raise ProviderError(
        f"The embedding server refused with status {status}; check its address, key and model."
    )


def _retry_after(response: httpx.Response) -> int | None:
    try:
        seconds = float(response.headers.get("Retry-After", ""))
    except ValueError:
        return None
    if not 0 <= seconds <= _MOST_RETRY_SECONDS:
        return None
    return math.ceil(seconds)


def _sendable(text: str) -> str:
    # Servers refuse an empty text, which the port embeds like any other; a lone surrogate has
    # no UTF-8 form.
    return text.encode("utf-8", "replace").decode("utf-8") or " "
