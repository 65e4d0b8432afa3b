"""Late interaction over the token bits that were stored when the chunks were embedded."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from psycopg import sql

from groundwell.domain.documents import TenantId
from groundwell.domain.late_interaction import prepare_query, score
from groundwell.domain.search import AnalysedQuery
from groundwell.ports.reranker import Candidate
from groundwell.store.database import Database
from groundwell.store.spaces import EmbeddingSpace

_SELECT = sql.SQL("SELECT chunk_id, token_bits FROM {} WHERE chunk_id = ANY(%s)")


class LateInteractionReranker:
    """No second model: the query's token vectors against the chunks' sign bits."""

    needs_text = False

    def __init__(self, database: Database, space: EmbeddingSpace) -> None:
        self._database = database
        self._centre = space.centre
        self._row_bytes = space.dimension // 8
        self._select = _SELECT.format(sql.Identifier(space.table)).as_string()

    async def rerank(
        self, tenant: TenantId, query: AnalysedQuery, candidates: Sequence[Candidate]
    ) -> list[float | None]:
        """Score candidates; None for all of them when the query has no token vectors."""
        if not candidates or query.encoding is None:
            return [None] * len(candidates)
        tokens = prepare_query(query.encoding.token_vectors, self._centre)
        identities = [candidate.chunk_id for candidate in candidates]
        (rows,) = await self._database.fetch(tenant, (self._select, (identities,)))
        bits = {
            chunk: np.frombuffer(packed, dtype=np.uint8).reshape(-1, self._row_bytes)
            for chunk, packed in rows
        }
        nothing = np.empty((0, self._row_bytes), dtype=np.uint8)
        scores = score(tokens, [bits.get(identity, nothing) for identity in identities])
        return [None if math.isnan(value) else value for value in scores.tolist()]
