"""Why a result is where it is: what every stage of a search made of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Place: TypeAlias = Literal["text", "heading"]
"""Where a word stands: in the passage, or in the title and headings it is embedded under."""


@dataclass(frozen=True, slots=True)
class TermShare:
    """One term's share of a BM25 score: `idf` times its weight in the passage, as often as asked.

    `words`: the query's words that became the term; empty for a term that the query does not
    hold itself. `share` of all terms add up to the score. `frequency`: how often the passage holds
    the term; None where another term of the query has the same place in the index, and counts.
    """

    term: str
    words: tuple[str, ...]
    idf: float
    frequency: int | None
    share: float


@dataclass(frozen=True, slots=True)
class WordMatch:
    """A word of the query and the word that it found in a passage by late interaction.

    `char_start` and `char_end`: where `partner` stands in the passage's text; None where it stands
    in a heading. `similarity` is in [-1, 1]. `weight` is the word's part of the score, 1 for all
    together; `share`, weight times similarity, adds up to the reranker's score.
    """

    word: str
    partner: str
    place: Place
    char_start: int | None
    char_end: int | None
    similarity: float
    weight: float
    share: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Every stage's score and rank of one result; None where the stage did not see it.

    Ranks count from 1 among what the stage saw. `rerank` is the reranker's own score, `blended`
    what it and the fused score make together, which `rank_reranked` follows.
    """

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
    terms: tuple[TermShare, ...] | None = None
    word_matches: tuple[WordMatch, ...] | None = None
