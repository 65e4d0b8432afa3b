"""What embedding left of each chunk: its vector and the sign bits of its tokens."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from psycopg import sql

from groundwell.domain.chunks import Bits, ChunkId, Floats
from groundwell.domain.documents import TenantId
from groundwell.domain.sharing import Asking, tenant_of
from groundwell.store.database import Database
from groundwell.store.spaces import EmbeddingSpace

_SELECT = sql.SQL("SELECT * FROM {}(%s, %s::uuid[])")
# pgvector sends a halfvec as its dimension and an unused number, two bytes each, then the values.
_HEADER_BYTES = 4
_SENT_VALUE = np.dtype(">f2")


@dataclass(frozen=True, slots=True)
class StoredVectors:
    """`embedding`: (d,), of length 1; `token_bits`: (tokens, d / 8)."""

    embedding: Floats
    token_bits: Bits

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return self.embedding.nbytes + self.token_bits.nbytes


class ChunkVectors:
    """Reads chunks' vectors, and keeps the ones used last in memory up to `memory_bytes`.

    They never go stale: a chunk's id names one version of one document, whose vectors do not
    change.
    """

    def __init__(self, database: Database, space: EmbeddingSpace, *, memory_bytes: int = 0) -> None:
        self._database = database
        self._row_bytes = space.dimension // 8
        self._select = _SELECT.format(sql.Identifier(f"{space.table}_vectors")).as_string()
        self._memory: OrderedDict[tuple[TenantId, ChunkId], StoredVectors] = OrderedDict()
        self._memory_bytes = memory_bytes
        self._held_bytes = 0

    async def read(self, asking: Asking, chunks: Sequence[ChunkId]) -> dict[ChunkId, StoredVectors]:
        """The vectors of these chunks, from memory or read under the rights of who asks.

        Chunks that are gone, or foreign, are left out. The memory knows tenants, not users: chunks
        are those that a search found for who asks.
        """
        tenant = tenant_of(asking)
        found: dict[ChunkId, StoredVectors] = {}
        for chunk in chunks:
            held = self._memory.get((tenant, chunk))
            if held is not None:
                found[chunk] = held
                self._memory.move_to_end((tenant, chunk))
        missing = [chunk for chunk in chunks if chunk not in found]
        if missing:
            for chunk, packed, sent in await self._database.fetch(self._select, asking, missing):
                bits = np.frombuffer(packed, dtype=np.uint8).reshape(-1, self._row_bytes)
                values = np.frombuffer(sent, dtype=_SENT_VALUE, offset=_HEADER_BYTES)
                found[chunk] = StoredVectors(values.astype(np.float32), bits)
                self._remember((tenant, chunk), found[chunk])
        return found

    def _remember(self, key: tuple[TenantId, ChunkId], vectors: StoredVectors) -> None:
        if key in self._memory or vectors.nbytes > self._memory_bytes:
            return
        self._memory[key] = vectors
        self._held_bytes += vectors.nbytes
        while self._held_bytes > self._memory_bytes:
            _, oldest = self._memory.popitem(last=False)
            self._held_bytes -= oldest.nbytes
