"""What the checks may look into: the passages of a set, sentence by sentence."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from groundwell.apps.quiz.checks.wording import Wording, wording
from groundwell.apps.quiz.facts.reading import sentences_in
from groundwell.apps.quiz.questions import Passage
from groundwell.domain.bm25 import idf, saturation
from groundwell.domain.chunks import ChunkId

NEARBY_SHARE = 0.5
"""What a term counts that stands not in the sentence but in the one before it or in a heading."""

_ROW = re.compile(r"[^\n]*(?: \| |\t)")
_MAX_RANKED = 3
_CANDIDATES = 24


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence of a passage: `passage.text[start:end]`.

    `nearby` are the terms of the sentence before it, or of its table's first row, of the headings
    and the title, which say what its pronouns and cells mean.
    """

    chunk_id: ChunkId
    start: int
    end: int
    wording: Wording
    nearby: frozenset[str]


class Further(Protocol):
    """Passages of the whole collection, found by a keyword search that was made beforehand.

    The checks ask for the claims that `claims_of` named, and look for proof in what comes back.
    """

    def __call__(self, claim: str) -> Sequence[Passage]:
        """The passages in which the claim might stand; none where it was not searched for."""
        ...


Reader: TypeAlias = Callable[[Passage], tuple[Statement, ...]]


def statements_of(passage: Passage) -> tuple[Statement, ...]:
    """The sentences of a passage in order. Depends on the passage alone, so it may be kept."""
    above = terms_above(passage)
    found: list[Statement] = []
    before: frozenset[str] = frozenset()
    was_row = False
    for start, end in sentences_in(passage.text):
        read = wording(passage.text[start:end], passage.language)
        is_row = _ROW.match(passage.text, start, end) is not None
        nearby = (above | before) - read.terms
        found.append(Statement(passage.chunk_id, start, end, read, nearby))
        # What the cells of a table mean is said by its first row, not by the row before.
        if not (is_row and was_row):
            before = read.terms
        was_row = is_row
    return tuple(found)


def terms_above(passage: Passage) -> frozenset[str]:
    """The terms of a passage's title and headings: what it is about."""
    return wording(" \n".join((passage.title or "", *passage.heading_path)), passage.language).terms


class _Weights(dict[str, float]):
    """The terms' inverse document frequencies, of those that were asked for."""

    def __init__(self, statements: int, places: Mapping[str, Sequence[int]]) -> None:
        super().__init__()
        self._statements = statements
        self._places = places

    def __missing__(self, term: str) -> float:
        weight = self[term] = idf(self._statements, len(self._places.get(term, ())))
        return weight


class Evidence:
    """Passages, and which of their sentences speak of what.

    `further` gives passages beyond these for a claim. `read` makes the statements of a passage;
    hand in one that keeps them by chunk id to save the reading: 0.3 ms a passage, nine tenths of
    what evidence takes to make.
    """

    def __init__(
        self,
        passages: Iterable[Passage],
        *,
        further: Further | None = None,
        read: Reader = statements_of,
    ) -> None:
        self._passages = {passage.chunk_id: passage for passage in passages}
        self._further = further
        self._read = read
        self._statements: list[Statement] = []
        self._above: dict[ChunkId, frozenset[str]] = {}
        self._of_chunk: dict[ChunkId, tuple[Statement, ...]] = {}
        for passage in self._passages.values():
            statements = read(passage)
            self._above[passage.chunk_id] = terms_above(passage)
            self._of_chunk[passage.chunk_id] = statements
            self._statements += statements
        self._places: dict[str, list[int]] = defaultdict(list)
        for place, statement in enumerate(self._statements):
            for term in statement.wording.terms:
                self._places[term].append(place)
        lengths = [len(statement.wording.terms) for statement in self._statements]
        average = sum(lengths) / max(1, len(lengths))
        self._weights = _Weights(len(self._statements), self._places)
        self._wholes: dict[frozenset[str], float] = {}
        self._rarest: dict[frozenset[str], frozenset[str]] = {}
        self._words: dict[ChunkId, frozenset[str]] = {}
        # BM25's weight of a term that occurs once: almost all terms of a sentence do.
        self._once = [1 / (1 + saturation(length, average)) for length in lengths]

    def passage(self, chunk_id: ChunkId) -> Passage | None:
        """The passage of this id, if it is among the set's."""
        return self._passages.get(chunk_id)

    def weight(self, term: str) -> float:
        """How telling a term is: its inverse document frequency over the statements."""
        return self._weights[term]

    def statements(self, chunk_id: ChunkId) -> tuple[Statement, ...]:
        """The statements of one of the set's passages, in order."""
        return self._of_chunk.get(chunk_id, ())

    def rarest(self, terms: frozenset[str]) -> frozenset[str]:
        """Those of the terms that the fewest statements have, but one has: what they are about."""
        found = self._rarest.get(terms)
        if found is None:
            counts = {term: len(self._places[term]) for term in terms if term in self._places}
            least = min(counts.values(), default=0)
            found = frozenset(term for term, count in counts.items() if count == least)
            self._rarest[terms] = found
        return found

    def words(self, chunk_id: ChunkId) -> frozenset[str]:
        """All words of a passage, its title and headings, its file's name and page."""
        known = self._words.get(chunk_id)
        passage = self._passages.get(chunk_id)
        if known is None and passage is not None:
            above = (passage.title or "", *passage.heading_path, passage.filename)
            texts = (*above, str(passage.page or ""))
            spoken = [statement.wording for statement in self._of_chunk[chunk_id]]
            spoken.append(wording(" \n".join(texts), passage.language))
            known = self._words[chunk_id] = frozenset().union(*(each.words for each in spoken))
        return known or frozenset()

    def about(self, terms: frozenset[str]) -> Iterator[Statement]:
        """The set's statements that may speak of what the terms name. At least one term.

        They contain all of the terms, or follow a sentence that does, or stand under a title or
        heading that does. A statement may come twice.
        """
        places = sorted((self._places.get(term, []) for term in terms), key=len)
        if not places:
            return
        rest = [frozenset(each) for each in places[1:]]
        for place in places[0]:
            if all(place in each for each in rest):
                yield from self._statements[place : place + 2]
        for chunk_id in self.titled(terms):
            yield from self._of_chunk[chunk_id]

    def titled(self, terms: frozenset[str]) -> list[ChunkId]:
        """The passages with all of the terms in their title and headings; none without terms."""
        found = self._above.items() if terms else ()
        return [chunk_id for chunk_id, above in found if terms <= above]

    def with_most(self, terms: frozenset[str], share: float) -> Iterator[Statement]:
        """The set's statements whose coverage of the terms is at least `share`, in order."""
        whole = self._whole(terms)
        # Nearby terms count half, so less than this in the sentence itself cannot be enough.
        least = whole * (share - NEARBY_SHARE) / (1 - NEARBY_SHARE) - 1e-9
        reached: dict[int, float] = defaultdict(float)
        for term in sorted(terms):
            weight = self.weight(term)
            for place in self._places.get(term, ()):
                reached[place] += weight
        for place in sorted(place for place, weight in reached.items() if weight >= least):
            if self.coverage(self._statements[place], terms) >= share:
                yield self._statements[place]

    def coverage(self, statement: Statement, terms: frozenset[str]) -> float:
        """Share of the terms, by weight, that the statement or its surroundings hold, in [0, 1]."""
        whole = self._whole(terms)
        return self._matched(statement, terms) / whole if whole else 0.0

    def _matched(self, statement: Statement, terms: frozenset[str]) -> float:
        own, near = terms & statement.wording.terms, terms & statement.nearby
        return self._summed(own) + NEARBY_SHARE * self._summed(near)

    def _summed(self, terms: frozenset[str]) -> float:
        # Exact whatever the order of a set is, which differs between processes.
        return math.fsum(map(self._weights.__getitem__, terms))

    def _whole(self, terms: frozenset[str]) -> float:
        """The weight of all the terms of a claim, which is asked for with each statement."""
        whole = self._wholes.get(terms)
        if whole is None:
            whole = self._wholes[terms] = self._summed(terms)
        return whole

    def share(self, terms: frozenset[str], known: frozenset[str]) -> float:
        """Share of the terms, by weight, that are among the known ones, in [0, 1]."""
        whole = self._whole(terms)
        return self._summed(terms & known) / whole if whole else 0.0

    def further(self, claim: str) -> Iterator[Statement]:
        """The statements of the passages that a search found for the claim."""
        for passage in self._further(claim) if self._further else ():
            if passage.chunk_id not in self._passages:
                yield from self._read(passage)

    def ranked(self, terms: frozenset[str]) -> list[Statement]:
        """The three statements that match the terms best by BM25, best first; ties by their order.

        The rarest terms choose the candidates, all terms score them. Terms nearby count half.
        """
        scores: dict[int, float] = {}
        for term in sorted(terms, key=lambda term: (-self.weight(term), term)):
            if len(scores) >= _CANDIDATES:
                break
            for place in self._places.get(term, ()):
                scores.setdefault(place, 0.0)
        for place in scores:
            scores[place] = self._once[place] * self._matched(self._statements[place], terms)
        best = sorted(scores, key=lambda place: (-scores[place], place))
        return [self._statements[place] for place in best[:_MAX_RANKED]]
