"""What a query says before anything is searched: its words put right, its kind, its variants."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Correction:
    """One word put right: `corrected` takes the place of `original == query[start:end]`."""

    original: str
    corrected: str
    start: int
    end: int


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

    @property
    def margin(self) -> float:
        """How far the first intent is ahead of the second."""
        return self.confidence - (self.ranking[1][1] if len(self.ranking) > 1 else 0.0)
