"""How a search explains a result to clients."""

from __future__ import annotations

from dataclasses import fields

from pydantic import BaseModel, Field

from groundwell.domain.explanation import Explanation, Place, TermShare, WordMatch


class TermOut(BaseModel):
    """A term's share of the BM25 score."""

    term: str
    words: list[str] = Field(description="Words of the query that became the term.")
    idf: float
    frequency: int | None = Field(description="How often the passage holds the term.")
    weight: float = Field(description="What the term gave to `keyword`.")

    @classmethod
    def of(cls, share: TermShare) -> TermOut:
        """The share as clients see it."""
        return cls(
            term=share.term,
            words=list(share.words),
            idf=share.idf,
            frequency=share.frequency,
            weight=share.share,
        )


class WordMatchOut(BaseModel):
    """A word of the query and the word of the passage that late interaction found for it."""

    word: str
    partner: str
    place: Place = Field(description="`heading`: in the title or headings above the passage.")
    char_start: int | None = Field(description="The partner's place in `text`.")
    char_end: int | None
    similarity: float
    weight: float = Field(description="The word's part of the score; 1 for all words together.")
    contribution: float = Field(description="What the word gave to `rerank`.")

    @classmethod
    def of(cls, match: WordMatch) -> WordMatchOut:
        """The match as clients see it."""
        return cls(
            word=match.word,
            partner=match.partner,
            place=match.place,
            char_start=match.char_start,
            char_end=match.char_end,
            similarity=match.similarity,
            weight=match.weight,
            contribution=match.share,
        )


class ExplanationOut(BaseModel):
    """Every stage's score and rank; null where the stage did not see the passage."""

    dense: float | None
    keyword: float | None
    metadata: float | None
    fused: float
    rerank: float | None
    blended: float | None
    smoothed: float | None
    rank_dense: int | None
    rank_keyword: int | None
    rank_fused: int
    rank_reranked: int | None
    rank_smoothed: int | None
    rank_final: int
    terms: list[TermOut] | None
    word_matches: list[WordMatchOut] | None

    @classmethod
    def of(cls, explanation: Explanation) -> ExplanationOut:
        """The explanation as clients see it."""
        terms, matches = explanation.terms, explanation.word_matches
        plain = {
            field.name: getattr(explanation, field.name)
            for field in fields(explanation)
            if field.name not in {"terms", "word_matches"}
        }
        return cls(
            **plain,
            terms=None if terms is None else [TermOut.of(share) for share in terms],
            word_matches=None if matches is None else [WordMatchOut.of(item) for item in matches],
        )
