"""Late interaction over the token bits that were stored when the chunks were embedded."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from psycopg import sql

from groundwell.domain.chunks import Bits, ChunkId
from groundwell.domain.documents import TenantId
from groundwell.domain.late_interaction import prepare_query, score, token_weights
from groundwell.domain.search import AnalysedQuery
from groundwell.ports.reranker import Candidate
from groundwell.store.database import Database
from groundwell.store.spaces import EmbeddingSpace

_SELECT = sql.SQL("SELECT * FROM {}(%s, %s::uuid[])")


class LateInteractionReranker:
    """No second model: the query's token vectors against the chunks' sign bits.

    Bits that were read stay in memory up to `memory_bytes`, the ones used last. They never go
    stale: a chunk's id names one version of one document, whose bits do not change.
    """

    needs_text = False

    def __init__(self, database: Database, space: EmbeddingSpace, *, memory_bytes: int = 0) -> None:
        self._database = database
        self._centre = space.centre
        self._row_bytes = space.dimension // 8
        self._select = _SELECT.format(sql.Identifier(f"{space.table}_bits")).as_string()
        self._memory: OrderedDict[tuple[TenantId, ChunkId], Bits] = OrderedDict()
        self._memory_bytes = memory_bytes
        self._held_bytes = 0

    async def rerank(
        self, tenant: TenantId, query: AnalysedQuery, candidates: Sequence[Candidate]
    ) -> list[float | None]:
        """Score candidates; None for all of them when the query has no token vectors."""
        if not candidates or query.encoding is None:
            return [None] * len(candidates)
        encoding = query.encoding
        weights = token_weights(query.text, encoding.token_spans, query.term_rarity)
        prepared = prepare_query(encoding.token_vectors, self._centre, weights)
        identities = [candidate.chunk_id for candidate in candidates]
        bits = await self._bits(tenant, identities)
        nothing = np.empty((0, self._row_bytes), dtype=np.uint8)
        scores = score(prepared, [bits.get(identity, nothing) for identity in identities])
        return [None if math.isnan(value) else value for value in scores.tolist()]

    async def _bits(self, tenant: TenantId, chunks: Sequence[ChunkId]) -> dict[ChunkId, Bits]:
        """The chunks' bits, from memory or read under the tenant's rights."""
        found: dict[ChunkId, Bits] = {}
        for chunk in chunks:
            held = self._memory.get((tenant, chunk))
            if held is not None:
                found[chunk] = held
                self._memory.move_to_end((tenant, chunk))
        missing = [chunk for chunk in chunks if chunk not in found]
        if missing:
            rows = await self._database.fetch(self._select, tenant, missing)
            for chunk, packed in rows:
                bits = np.frombuffer(packed, dtype=np.uint8).reshape(-1, self._row_bytes)
                found[chunk] = bits
                self._remember((tenant, chunk), bits)
        return found

    def _remember(self, key: tuple[TenantId, ChunkId], bits: Bits) -> None:
        if key in self._memory or bits.nbytes > self._memory_bytes:
            return
        self._memory[key] = bits
        self._held_bytes += bits.nbytes
        while self._held_bytes > self._memory_bytes:
            _, oldest = self._memory.popitem(last=False)
            self._held_bytes -= oldest.nbytes
