"""What a query says before anything is searched: its words put right, its kind, its variants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Correction:
    """One word put right: `corrected` takes the place of `original == query[start:end]`."""

    original: str
    corrected: str
    start: int
    end: int


def put_right(query: str, corrections: Sequence[Correction]) -> str:
    """The query with its corrections, which are in the order of their places and lie apart."""
    text = query
    for correction in reversed(corrections):
        text = text[: correction.start] + correction.corrected + text[correction.end :]
    return text


@dataclass(frozen=True, slots=True)
class CorrectedQuery:
    """A query after spelling correction. Without corrections, `text == original`."""

    original: str
    text: str
    corrections: tuple[Correction, ...] = ()


@dataclass(frozen=True, slots=True)
class NormalisedQuery:
    """A query cleaned for the keyword leg; `original` is what the user typed, for all others.

    `phrases` are the parts in quotation marks, without the marks. `was_cut` tells that the text
    was longer than the limit.
    """

    original: str
    text: str
    phrases: tuple[str, ...] = ()
    was_cut: bool = False


@dataclass(frozen=True, slots=True)
class UnderstoodQuery:
    """What a search made of a query. `confidence` in the intent is in [0, 1]; `reason` in words.

    The keyword leg took `processed_query`; the embedder the original.
    """

    original_query: str
    processed_query: str
    intent: str
    confidence: float
    reason: str


@dataclass(frozen=True, slots=True)
class WeightedTerm:
    """An analysed term of an expanded query and its share of it, in (0, 1]."""

    term: str
    weight: float


@dataclass(frozen=True, slots=True)
class IntentGuess:
    """What kind of request a text is. `ranking`: every intent with its score, best first.

    Scores are in [0, 1], each an intent's own, so they need not add up. `reason` names the cues
    that spoke for the first one, in words.
    """

    intent: str
    confidence: float
    ranking: tuple[tuple[str, float], ...]
    reason: str
