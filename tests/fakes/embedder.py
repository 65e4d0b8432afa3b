"""An embedder without a model: vectors made of the words' hashes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Sequence

import numpy as np

from groundwell.domain.chunks import Encoding, Floats, Tokenizer
from groundwell.domain.errors import GroundwellError, ProviderError


class FakeTokenizer:
    """A token is a run of letters and digits, or another visible character."""

    def spans(self, text: str) -> list[tuple[int, int]]:
        return [match.span() for match in re.finditer(r"[^\W_]+|[^\w\s]|_", text)]

    def spans_of(self, texts: list[str]) -> list[list[tuple[int, int]]]:
        return [self.spans(text) for text in texts]


class FakeEmbedder:
    """Texts that share words are near each other. Remembers how many texts each call had.

    `error`, when set, is raised by every call; a text with `poison` in it makes its call fail.
    `before_call` is awaited first.
    """

    def __init__(
        self, dimension: int = 32, *, max_tokens: int = 64, has_token_vectors: bool = True
    ) -> None:
        self.model = "fake"
        self.dimension = dimension
        self.max_tokens = max_tokens
        self.has_token_vectors = has_token_vectors
        self.tokenizer: Tokenizer = FakeTokenizer()
        self.calls: list[int] = []
        self.error: GroundwellError | None = None
        self.poison: str | None = None
        self.before_call: Callable[[], Awaitable[None]] | None = None

    async def embed_query(self, text: str) -> Encoding:
        return (await self.embed_documents([text]))[0]

    async def embed_documents(self, texts: Sequence[str]) -> list[Encoding]:
        self.calls.append(len(texts))
        if self.before_call is not None:
            await self.before_call()
        if self.error is not None:
            raise self.error
        if self.poison is not None and any(self.poison in text for text in texts):
            raise ProviderError("The text is poisoned.")
        return [self._encode(text) for text in texts]

    async def document_spans(self, texts: Sequence[str]) -> list[tuple[tuple[int, int], ...]]:
        return [self._encode(text).token_spans for text in texts]

    async def close(self) -> None:
        pass

    def _encode(self, text: str) -> Encoding:
        spans = tuple(self.tokenizer.spans(text)[: self.max_tokens - 2])
        rows = [self._vector_of(text[start:end].lower()) for start, end in spans]
        tokens = np.array(rows, np.float32).reshape(len(rows), self.dimension)
        total = tokens.sum(axis=0) if rows else self._vector_of("")
        vector = (total / np.linalg.norm(total)).astype(np.float32)
        if not self.has_token_vectors:
            return Encoding(vector, np.empty((0, self.dimension), np.float32))
        return Encoding(vector, tokens, spans)

    def _vector_of(self, word: str) -> Floats:
        digest = hashlib.sha256(word.encode("utf-8", "replace")).digest()
        seed = int.from_bytes(digest[:8], "little")
        return np.random.default_rng(seed).standard_normal(self.dimension).astype(np.float32)
