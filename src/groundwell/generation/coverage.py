"""How much of a query stands in a sentence or near it: what answers and contexts are chosen by."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

NEARBY_SHARE = 0.5
"""What a query term counts that stands not in the sentence but in the one before or above it."""


class Worded(Protocol):
    """A sentence as its terms: its own, those that stand near it only, and their language."""

    @property
    def terms(self) -> frozenset[str]:
        """Those in the sentence."""
        ...

    @property
    def nearby(self) -> frozenset[str]:
        """Those in the sentence before, the headings and the title, and not in it."""
        ...

    @property
    def language(self) -> str:
        """What the terms were made in."""
        ...


def term_weights(
    terms_in: Callable[[str], Iterable[str]], sentences: Sequence[Worded]
) -> dict[str, dict[str, float]]:
    """How telling each term of the query is: rare among the sentences, it tells more.

    By language, because a sentence is asked for the terms of its own; `terms_in` makes the
    query's terms in one. The weight is an inverse document frequency over the sentences.
    """
    occurrences = Counter(term for sentence in sentences for term in sentence.terms)
    total = len(sentences)
    return {
        language: {
            term: math.log1p(total / (occurrences[term] + 0.5))
            for term in dict.fromkeys(terms_in(language))
        }
        for language in {sentence.language for sentence in sentences}
    }


def coverage(sentence: Worded, weights: Mapping[str, float]) -> float:
    """Share of the terms, by weight, that the sentence or its surroundings contain, in [0, 1]."""
    whole = sum(weights.values())
    if whole == 0:
        return 0.0
    own = sum(weight for term, weight in weights.items() if term in sentence.terms)
    near = sum(weight for term, weight in weights.items() if term in sentence.nearby)
    return (own + NEARBY_SHARE * near) / whole
