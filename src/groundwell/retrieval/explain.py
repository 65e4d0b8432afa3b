"""Why a result is where it is: what every stage of a search made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from groundwell.domain.chunks import Chunk, ChunkId, text_in_context
from groundwell.domain.explanation import Explanation, WordMatch
from groundwell.domain.search import SearchRequest
from groundwell.retrieval.arrange import Placed
from groundwell.retrieval.first_stage import FirstLook
from groundwell.retrieval.rerank import SecondLook
from groundwell.retrieval.term_shares import TermShares
from groundwell.retrieval.word_matches import MatchedPassage, WordMatcher
from groundwell.store.database import Database
from groundwell.store.passages import Passage, load_passages
from groundwell.store.terms import TermEvidence, load_terms


@dataclass(frozen=True, slots=True)
class SearchTrace:
    """What the stages of one search were asked and made of their candidates."""

    first: FirstLook
    second: SecondLook


class Explainer:
    """Explains results. `words` is None where the reranker does not compare word by word."""

    def __init__(self, database: Database, words: WordMatcher | None) -> None:
        self._database = database
        self._words = words

    async def explain(
        self, request: SearchRequest, trace: SearchTrace, placed: Sequence[Placed]
    ) -> dict[ChunkId, Explanation]:
        """The explanations of the results, which are in their final order.

        Reads the terms of these passages under the tenant's rights, and tokenises those again that
        late interaction compared.
        """
        query = trace.first.query
        shown = [result.chunk for result in placed]
        asked = tuple(query.term_weights())
        evidence = await load_terms(self._database, request.asking, shown, asked)
        shown_as = {result.chunk: result.passage for result in placed}
        own: Mapping[ChunkId, Passage] = shown_as
        if request.switches.neighbours:
            # What was compared is the passage that was found, without those around it.
            own = await load_passages(self._database, request.asking, shown)
        matches = await self._match_words(trace, evidence, own)
        terms = TermShares(query, trace.first.corrected.text, evidence)
        ranks = _StageRanks(trace)
        return {
            chunk: ranks.explanation(
                chunk,
                rank,
                terms if chunk in trace.first.legs.keyword else None,
                evidence,
                _moved(matches.get(chunk), own[chunk].char_start - shown_as[chunk].char_start)
                if chunk in own
                else None,
            )
            for rank, chunk in enumerate(shown, start=1)
        }

    async def _match_words(
        self, trace: SearchTrace, evidence: TermEvidence, passages: Mapping[ChunkId, Passage]
    ) -> dict[ChunkId, tuple[WordMatch, ...]]:
        if self._words is None:
            return {}
        compared = {
            chunk: _matched_passage(passage, evidence, trace.second, chunk)
            for chunk, passage in passages.items()
            if chunk in trace.second.reranked
            and chunk in trace.second.vectors
            and chunk in evidence.chunks
        }
        return await self._words.match(trace.first.query, compared)


class _StageRanks:
    """Every chunk's place after every stage."""

    def __init__(self, trace: SearchTrace) -> None:
        first, second, fused = trace.first, trace.second, trace.first.fused
        self._trace = trace
        self._blended = {chunk: second.blended[chunk] for chunk in second.reranked}
        self._dense_rank = _ranks(first.legs.dense, fused)
        self._keyword_rank = _ranks(first.legs.keyword, fused)
        self._fused_rank = _ranks(fused, fused)
        self._reranked_rank = _ranks(self._blended, fused)
        self._smoothed_rank = _ranks(second.smoothed, fused)

    def explanation(
        self,
        chunk: ChunkId,
        rank: int,
        terms: TermShares | None,
        evidence: TermEvidence,
        matches: tuple[WordMatch, ...] | None,
    ) -> Explanation:
        first, second = self._trace.first, self._trace.second
        stored = evidence.chunks.get(chunk)
        return Explanation(
            dense=first.legs.dense.get(chunk),
            keyword=first.legs.keyword.get(chunk),
            metadata=first.metadata.get(chunk),
            fused=first.fused[chunk],
            rerank=second.reranked.get(chunk),
            blended=self._blended.get(chunk),
            smoothed=second.smoothed.get(chunk),
            rank_dense=self._dense_rank.get(chunk),
            rank_keyword=self._keyword_rank.get(chunk),
            rank_fused=self._fused_rank[chunk],
            rank_reranked=self._reranked_rank.get(chunk),
            rank_smoothed=self._smoothed_rank.get(chunk),
            rank_final=rank,
            terms=None if terms is None or stored is None else terms.of(stored),
            word_matches=matches,
        )


def _ranks(scores: Mapping[ChunkId, float], fused: Mapping[ChunkId, float]) -> dict[ChunkId, int]:
    """Places counted from 1; equal scores in their fused order, as in the final ranking."""
    order = sorted(scores, key=lambda chunk: (-scores[chunk], -fused.get(chunk, 0.0), chunk))
    return {chunk: rank for rank, chunk in enumerate(order, start=1)}


def _moved(matches: tuple[WordMatch, ...] | None, by: int) -> tuple[WordMatch, ...] | None:
    """The matches with places in a text that begins `by` characters earlier."""
    if matches is None or not by:
        return matches
    return tuple(
        match
        if match.char_start is None or match.char_end is None
        else replace(match, char_start=match.char_start + by, char_end=match.char_end + by)
        for match in matches
    )


def _matched_passage(
    passage: Passage, evidence: TermEvidence, second: SecondLook, chunk: ChunkId
) -> MatchedPassage:
    stored = evidence.chunks[chunk]
    piece = Chunk(
        ordinal=0,
        text=passage.text,
        char_start=passage.char_start,
        char_end=passage.char_end,
        heading_path=passage.heading_path,
    )
    embedded = text_in_context(stored.title, piece)
    return MatchedPassage(
        embedded=embedded,
        text_start=len(embedded) - len(passage.text),
        token_bits=second.vectors[chunk].token_bits,
        stored=stored,
        score=second.reranked[chunk],
        language=passage.language,
    )
