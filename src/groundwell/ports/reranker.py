"""The reranker port."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from groundwell.domain.chunks import Bits, ChunkId
from groundwell.domain.search import AnalysedQuery


@dataclass(frozen=True, slots=True)
class Candidate:
    """A passage that is to be scored: its text, or the sign bits of its tokens, (n, d / 8)."""

    chunk_id: ChunkId
    text: str = ""
    token_bits: Bits | None = None


class Reranker(Protocol):
    """Scores candidates against a query more exactly than the first search could.

    Promises: one score per candidate, in the order given; higher is better; None for a candidate
    that it cannot score; scores of one call can be compared with each other, not with another
    call's. No candidates, no work.

    Errors: ProviderError or UnavailableError; the caller then keeps the fused order.
    """

    @property
    def needs_text(self) -> bool:
        """Whether `Candidate.text` is read; if not, `Candidate.token_bits` are."""
        ...

    async def rerank(
        self, query: AnalysedQuery, candidates: Sequence[Candidate]
    ) -> list[float | None]:
        """Score each candidate."""
        ...
