"""An embedder whose queries' vectors are kept for all processes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from groundwell.domain.cache_keys import CacheKeys
from groundwell.domain.chunks import Encoding, Tokenizer
from groundwell.domain.origin import current_origin
from groundwell.ports.cache import Cache
from groundwell.ports.embedder import Embedder

_NUMBER = np.dtype("<f4")


class SharedEmbedder:
    """An embedder without token vectors, before which a shared cache stands for `seconds`.

    Each tenant has vectors of its own: how long an answer takes must not tell what others asked.
    Work of no tenant goes straight through, and so do passages. While the embedder is away, queries
    that were asked before are still embedded.
    """

    def __init__(self, embedder: Embedder, cache: Cache, keys: CacheKeys, seconds: int) -> None:
        self._embedder = embedder
        self._cache = cache
        self._keys = keys
        self._seconds = seconds

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
        """The query's encoding, kept by some process or computed."""
        tenant = current_origin().tenant
        if tenant is None:
            return await self._embedder.embed_query(text)
        key = self._keys.embedding(tenant, self.model, text)
        kept = await self._cache.get(tenant, key)
        if kept is not None and len(kept.content) == self.dimension * _NUMBER.itemsize:
            vector = np.frombuffer(kept.content, _NUMBER)
            return Encoding(vector, np.empty((0, self.dimension), np.float32))
        encoding = await self._embedder.embed_query(text)
        content = encoding.vector.astype(_NUMBER).tobytes()
        await self._cache.put(tenant, key, content, self._seconds)
        return encoding

    async def embed_documents(self, texts: Sequence[str]) -> list[Encoding]:
        """Straight from the embedder."""
        return await self._embedder.embed_documents(texts)

    async def document_spans(self, texts: Sequence[str]) -> list[tuple[tuple[int, int], ...]]:
        """Straight from the embedder."""
        return await self._embedder.document_spans(texts)

    async def close(self) -> None:
        """Close the embedder."""
        await self._embedder.close()
