"""An embedder that remembers the queries it has embedded."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b

from groundwell.domain.chunks import Encoding, Floats, Tokenizer
from groundwell.ports.embedder import Embedder
from groundwell.retrieval.memory import Memory


class CachedEmbedder:
    """Any embedder, with a memory for queries. Passages go straight through.

    The key is a digest of model and text, so the memory holds no query. Equal queries that come
    at the same time are computed once; whoever came later gets the first one's result, or error.
    Errors are not remembered. Nobody who gives up waiting takes the result from the others.
    """

    def __init__(self, embedder: Embedder, memory: Memory[Encoding]) -> None:
        self._embedder = embedder
        self._memory = memory
        self._computing: dict[bytes, asyncio.Task[Encoding]] = {}

    @property
    def model(self) -> str:
        """As the embedder says."""
        return self._embedder.model

    @property
    def dimension(self) -> int:
        """As the embedder says."""
        return self._embedder.dimension

    @property
    def max_tokens(self) -> int:
        """As the embedder says."""
        return self._embedder.max_tokens

    @property
    def has_token_vectors(self) -> bool:
        """As the embedder says."""
        return self._embedder.has_token_vectors

    @property
    def tokenizer(self) -> Tokenizer:
        """As the embedder says."""
        return self._embedder.tokenizer

    async def embed_query(self, text: str) -> Encoding:
        """The query's encoding, remembered or computed. Its arrays cannot be written to."""
        key = _digest(self.model, text)
        found = self._memory.get(key)
        if found is not None:
            return found
        computing = self._computing.get(key)
        if computing is None:
            computing = asyncio.create_task(self._compute(key, text))
            self._computing[key] = computing
        return await asyncio.shield(computing)

    async def embed_documents(self, texts: Sequence[str]) -> list[Encoding]:
        """Straight from the embedder."""
        return await self._embedder.embed_documents(texts)

    async def document_spans(self, texts: Sequence[str]) -> list[tuple[tuple[int, int], ...]]:
        """Straight from the embedder."""
        return await self._embedder.document_spans(texts)

    async def close(self) -> None:
        """Close the embedder."""
        await self._embedder.close()

    async def _compute(self, key: bytes, text: str) -> Encoding:
        try:
            encoding = _own(await self._embedder.embed_query(text))
        finally:
            del self._computing[key]
        self._memory.put(key, encoding)
        return encoding


def _digest(model: str, text: str) -> bytes:
    return blake2b(f"{model}\0{text}".encode("utf-8", "surrogatepass"), digest_size=32).digest()


def _own(encoding: Encoding) -> Encoding:
    """The encoding apart from the batch that it was computed in, which would stay with it."""
    return replace(
        encoding,
        vector=_frozen_copy(encoding.vector),
        token_vectors=_frozen_copy(encoding.token_vectors),
    )


def _frozen_copy(array: Floats) -> Floats:
    copy = array.copy()
    copy.flags.writeable = False
    return copy
