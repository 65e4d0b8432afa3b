"""Late interaction over the token bits that were stored when the chunks were embedded."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from groundwell.domain.chunks import Floats
from groundwell.domain.late_interaction import prepare_query, score, token_weights
from groundwell.domain.search import AnalysedQuery
from groundwell.ports.reranker import Candidate


class LateInteractionReranker:
    """No second model: the query's token vectors against the chunks' sign bits."""

    needs_text = False

    def __init__(self, centre: Floats) -> None:
        self._centre = centre
        self._nothing = np.empty((0, len(centre) // 8), dtype=np.uint8)

    async def rerank(
        self, query: AnalysedQuery, candidates: Sequence[Candidate]
    ) -> list[float | None]:
        """Score candidates; None for all of them when the query has no token vectors."""
        if not candidates or query.encoding is None:
            return [None] * len(candidates)
        encoding = query.encoding
        weights = token_weights(
            query.text, encoding.token_spans, query.term_rarity, query.languages
        )
        prepared = prepare_query(encoding.token_vectors, self._centre, weights)
        bits = [candidate.token_bits for candidate in candidates]
        scores = score(prepared, [self._nothing if rows is None else rows for rows in bits])
        return [None if math.isnan(value) else value for value in scores.tolist()]
