"""Which word of a passage each word of the query found, when late interaction compared them.

The index keeps a passage's token bits without saying which token a row is of. The text that was
embedded is tokenised again, and its rows are named only when everything fits what is stored.
"""

from __future__ import annotations

import asyncio
import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from groundwell.domain.analysis import analyse, telling_tokens, word_spans
from groundwell.domain.bm25 import term_dimension
from groundwell.domain.chunks import Bits, ChunkId, Floats
from groundwell.domain.explanation import WordMatch
from groundwell.domain.languages import DEFAULT_LANGUAGE
from groundwell.domain.late_interaction import (
    PreparedQuery,
    partners,
    prepare_query,
    token_weights,
)
from groundwell.domain.search import AnalysedQuery
from groundwell.ports.embedder import Embedder
from groundwell.store.terms import StoredTerms

Span: TypeAlias = tuple[int, int]

# Scores that are computed one by one and all together differ by less.
_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class MatchedPassage:
    """A passage to explain: the text as it was embedded, and what is stored and known of it.

    `text_start`: where in `embedded` the passage itself begins, after its headings. `score`: what
    the reranker made of it.
    """

    embedded: str
    text_start: int
    token_bits: Bits
    stored: StoredTerms
    score: float
    language: str = DEFAULT_LANGUAGE


class WordMatcher:
    """Finds the words' partners as the late-interaction reranker does."""

    def __init__(self, embedder: Embedder, centre: Floats) -> None:
        self._embedder = embedder
        self._centre = centre

    async def match(
        self, query: AnalysedQuery, passages: Mapping[ChunkId, MatchedPassage]
    ) -> dict[ChunkId, tuple[WordMatch, ...]]:
        """The matches of each passage, in the order of the query's words.

        A passage is left out when it is not what was embedded, or when the matches do not add up
        to its score: a wrong explanation is worse than none.
        """
        if query.encoding is None or not passages:
            return {}
        texts = [passage.embedded for passage in passages.values()]
        spans = await self._embedder.document_spans(texts)
        return await asyncio.to_thread(self._match_all, query, passages, spans)

    def _match_all(
        self,
        query: AnalysedQuery,
        passages: Mapping[ChunkId, MatchedPassage],
        spans: Sequence[Sequence[Span]],
    ) -> dict[ChunkId, tuple[WordMatch, ...]]:
        words = _QueryWords(query, self._centre)
        found: dict[ChunkId, tuple[WordMatch, ...]] = {}
        for (chunk, passage), own in zip(passages.items(), spans, strict=True):
            rows = _rows(passage, own)
            if rows is not None:
                matches = words.matches(passage, rows)
                total = sum(match.share for match in matches)
                if math.isclose(total, passage.score, abs_tol=_TOLERANCE):
                    found[chunk] = matches
        return found


class _QueryWords:
    """The words of a query, each with the rows of its tokens in the prepared query."""

    def __init__(self, query: AnalysedQuery, centre: Floats) -> None:
        assert query.encoding is not None, "the caller has looked"
        encoding = query.encoding
        weights = token_weights(
            query.text, encoding.token_spans, query.term_rarity, query.languages
        )
        self._prepared: PreparedQuery = prepare_query(encoding.token_vectors, centre, weights)
        self._weights: list[float] = self._prepared.weights.tolist()
        self._text = query.text
        whole = _whole_words(query.text, encoding.token_spans)
        self._rows_of: dict[Span, list[int]] = {}
        word = None
        for row, token in enumerate(self._prepared.tokens.tolist()):
            # Punctuation goes with the word before it, as its weight does.
            word = whole[token] or word or encoding.token_spans[token]
            self._rows_of.setdefault(word, []).append(row)

    def matches(self, passage: MatchedPassage, tokens: Sequence[Span]) -> tuple[WordMatch, ...]:
        """Each word's match among a passage's tokens, which stand at `tokens`."""
        best, values = partners(self._prepared, passage.token_bits)
        chosen = [tokens[row] for row in best.tolist()]
        whole = _whole_words(passage.embedded, chosen)
        found = [word or token for word, token in zip(whole, chosen, strict=True)]
        similarities: list[float] = values.tolist()
        return tuple(
            self._match(word, rows, passage, found, similarities)
            for word, rows in self._rows_of.items()
        )

    def _match(
        self,
        word: Span,
        rows: Sequence[int],
        passage: MatchedPassage,
        found: Sequence[Span],
        similarities: Sequence[float],
    ) -> WordMatch:
        weight = sum(self._weights[row] for row in rows)
        share = sum(self._weights[row] * similarities[row] for row in rows)
        # The tokens of one word may have found different words: the one that most of them chose.
        chosen: dict[Span, float] = {}
        for row in rows:
            chosen[found[row]] = chosen.get(found[row], 0.0) + self._weights[row]
        start, end = max(chosen, key=lambda span: chosen[span])
        offset = passage.text_start
        is_in_text = start >= offset
        return WordMatch(
            word=self._text[slice(*word)],
            partner=passage.embedded[start:end],
            place="text" if is_in_text else "heading",
            char_start=start - offset if is_in_text else None,
            char_end=end - offset if is_in_text else None,
            similarity=share / weight,
            weight=weight,
            share=share,
        )


def _rows(passage: MatchedPassage, spans: Sequence[Span]) -> list[Span] | None:
    """Where the token of each row of bits stands; None when the text is not what was embedded."""
    telling = telling_tokens(passage.embedded, spans, passage.language)
    rows = [span for span, is_telling in zip(spans, telling.tolist(), strict=True) if is_telling]
    terms = analyse(passage.embedded, passage.language)
    is_same = (
        len(rows) == len(passage.token_bits)
        and len(terms) == passage.stored.length
        and {term_dimension(term) for term in terms} == passage.stored.weights.keys()
    )
    return rows if is_same else None


def _whole_words(text: str, tokens: Sequence[Span]) -> list[Span | None]:
    """The word that each token is of; None for a token without a letter or digit."""
    words = word_spans(text)
    ends = [end for _, end in words]
    found: list[Span | None] = []
    for start, end in tokens:
        first = bisect_right(ends, start)
        place = first
        while place < len(words) and words[place][0] < end:
            place += 1
        found.append((words[first][0], words[place - 1][1]) if place > first else None)
    return found
