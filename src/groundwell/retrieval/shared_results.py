"""Search results that are kept for all processes."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import orjson

from groundwell.domain.cache_keys import CacheKeys
from groundwell.domain.chunks import Encoding
from groundwell.domain.queries import Correction
from groundwell.domain.search import SearchRequest, SearchResponse, SearchResult
from groundwell.ports.cache import Cache
from groundwell.store.collection_versions import CollectionVersion

_NUMBER = np.dtype("<f4")
_LENGTH = struct.Struct("<I")


class SharedResults:
    """Responses in a shared cache, for `seconds`, under the version of their collection.

    For searches that cost more than a look into the cache. Explanations are not kept: they are
    large, and who asks for one wants to see the search at work.
    """

    def __init__(self, cache: Cache, keys: CacheKeys, model: str, seconds: int) -> None:
        self._cache = cache
        self._keys = keys
        self._model = model
        self._seconds = seconds

    async def find(
        self, version: CollectionVersion, request: SearchRequest
    ) -> SearchResponse | None:
        """What any process found for the same request; its timings are empty."""
        if request.explain:
            return None
        kept = await self._cache.get(request.tenant, self._key(version, request))
        return None if kept is None else unpack(kept.content)

    async def keep(
        self, version: CollectionVersion, request: SearchRequest, response: SearchResponse
    ) -> None:
        """Keep a response that is not degraded."""
        if not request.explain:
            key = self._key(version, request)
            await self._cache.put(request.tenant, key, pack(response), self._seconds)

    def _key(self, version: CollectionVersion, request: SearchRequest) -> str:
        return self._keys.retrieval(request, version.label(), self._model)


def pack(response: SearchResponse) -> bytes:
    """A response without explanation as bytes: JSON, and behind it the numbers of the encoding."""
    encoding = response.encoding
    head = {
        "results": response.results,
        "corrections": response.corrections,
        "is_reranked": response.is_reranked,
        "spans": None if encoding is None else encoding.token_spans,
        "shape": None if encoding is None else encoding.token_vectors.shape,
    }
    written = orjson.dumps(head, option=orjson.OPT_SERIALIZE_NUMPY)
    parts = [_LENGTH.pack(len(written)), written]
    if encoding is not None:
        arrays = (encoding.vector, encoding.token_vectors)
        parts += [array.astype(_NUMBER, copy=False).tobytes() for array in arrays]
    return b"".join(parts)


def unpack(content: bytes) -> SearchResponse:
    """The response that was packed."""
    (length,) = _LENGTH.unpack_from(content)
    start = _LENGTH.size + length
    head: dict[str, Any] = orjson.loads(memoryview(content)[_LENGTH.size : start])
    encoding = None
    if head["shape"] is not None:
        numbers = np.frombuffer(content, _NUMBER, offset=start)
        _, dimension = head["shape"]
        token_vectors = numbers[dimension:].reshape(head["shape"])
        spans = tuple((first, end) for first, end in head["spans"])
        encoding = Encoding(numbers[:dimension], token_vectors, spans)
    return SearchResponse(
        tuple(_result(each) for each in head["results"]),
        {},
        encoding,
        corrections=tuple(Correction(**each) for each in head["corrections"]),
        is_reranked=head["is_reranked"],
    )


def _result(fields: dict[str, Any]) -> SearchResult:
    return SearchResult(**{**fields, "heading_path": tuple(fields["heading_path"])})
