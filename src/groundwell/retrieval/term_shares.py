"""What each term of a query gave to a passage's BM25 score."""

from __future__ import annotations

from groundwell.domain.analysis import terms_of_words
from groundwell.domain.bm25 import idf, term_dimension, term_frequency
from groundwell.domain.explanation import TermShare
from groundwell.domain.search import AnalysedQuery
from groundwell.store.terms import StoredTerms, TermEvidence


class TermShares:
    """Tells of passages of one collection what each term of one query gave to their scores.

    `text` is the query as the keyword leg took it, its misspelt words put right.
    """

    def __init__(self, query: AnalysedQuery, text: str, evidence: TermEvidence) -> None:
        self._asked = query.term_weights()
        self._frequencies = evidence.document_frequencies
        self._rarity = {
            term: idf(evidence.document_count, self._frequencies.get(term, 0))
            for term in self._asked
        }
        self._words: dict[str, dict[str, None]] = {}
        for word, terms in terms_of_words(text, query.languages):
            for term in terms:
                self._words.setdefault(term, {})[word] = None
        self._counting = self._choose_counting()

    def of(self, stored: StoredTerms) -> tuple[TermShare, ...]:
        """Every distinct term of the query, those that gave most first.

        A term that the passage does not hold gave nothing, and has a frequency of 0.
        """
        shares = [self._share(term, stored) for term in self._asked]
        return tuple(sorted(shares, key=lambda share: -share.share))

    def _choose_counting(self) -> dict[int, str]:
        """The term that counts at each place of the index: the rarest, as in the keyword leg."""
        known = [term for term in self._asked if self._frequencies.get(term, 0) > 0]
        counting: dict[int, str] = {}
        for term in sorted(known, key=lambda term: (self._frequencies[term], term)):
            counting.setdefault(term_dimension(term), term)
        return counting

    def _share(self, term: str, stored: StoredTerms) -> TermShare:
        place = term_dimension(term)
        has_place = self._counting.get(place, term) == term
        is_known = self._frequencies.get(term, 0) > 0
        weight = stored.weights.get(place, 0.0) if has_place and is_known else 0.0
        frequency = term_frequency(weight, stored.length, stored.average_length)
        return TermShare(
            term=term,
            words=tuple(self._words.get(term, ())),
            idf=self._rarity[term],
            frequency=frequency if has_place else None,
            share=self._asked[term] * self._rarity[term] * weight,
        )
