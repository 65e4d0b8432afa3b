"""From a model's words to an answer with citations, while the words arrive."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from groundwell.domain.analysis import analyse
from groundwell.domain.answers import Answer, AnswerMode, Citation, CitationAdded, TextDelta
from groundwell.domain.search import SearchResult
from groundwell.domain.sentences import sentence_spans
from groundwell.generation.markers import MARKER_ENDS, Marker, MarkerLexer, PlainWriter
from groundwell.generation.passages import PageLocator, citation_of

STATEMENT_CHARS = 800
"""How far back from its marker a statement may begin."""
MIN_GAIN = 0.25
"""Share of a statement's terms that a neighbouring sentence must add to join the quote."""
_SHORT_CHARS = 1_000


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence of the answer, the sources it cites and how many markers pointed nowhere."""

    text: str
    sources: tuple[SearchResult, ...]
    unknown_markers: int


class Draft:
    """An answer in the making.

    The model's `[n]` means `sources[n - 1]`. In the answer, markers are numbered anew: one number
    for each quote, in the order of first appearance, so that two statements that rest on different
    sentences of one source show each its own sentence. Markers of unknown sources are dropped and
    counted.

    The source of a marker is read when the marker comes, which takes a while: `is_quick` says of
    which pieces nobody has to wait.
    """

    def __init__(self, sources: Sequence[SearchResult], pages: PageLocator) -> None:
        self._sources = sources
        self._pages = pages
        self._sentences: dict[int, _Sentences] = {}
        self._lexer = MarkerLexer()
        self._writer = PlainWriter()
        self._written: list[str] = []
        self._prose = ""
        self._citations: dict[tuple[int, int, int], Citation] = {}
        self._marks: list[tuple[int, int]] = []

    @property
    def text(self) -> str:
        """What has been written so far."""
        return "".join(self._written)

    @property
    def citations(self) -> tuple[Citation, ...]:
        """The citations, in the order of their markers."""
        return tuple(self._citations.values())

    @property
    def unknown_markers(self) -> int:
        """How many markers pointed to no source."""
        return sum(not self._is_known(number) for _, number in self._marks)

    def answer(self) -> Answer:
        """The finished answer."""
        return Answer(self.text, self.citations, AnswerMode.GENERATED)

    @staticmethod
    def is_quick(piece: str) -> bool:
        """Whether the piece is short and ends no marker."""
        return len(piece) <= _SHORT_CHARS and not any(end in piece for end in MARKER_ENDS)

    def feed(self, piece: str) -> list[TextDelta | CitationAdded]:
        """The events that the next piece of the model's text causes."""
        return self._compose(self._lexer.feed(piece))

    def close(self) -> list[TextDelta | CitationAdded]:
        """The events of what was still held back when the model's text ended."""
        return self._compose(self._lexer.close())

    def statements(self) -> list[Statement]:
        """The answer, sentence by sentence. A marker belongs to the sentence it stands in or ends.

        Only after `close`.
        """
        spans = sentence_spans(self._prose) or [(0, len(self._prose))]
        starts = [start for start, _ in spans]
        numbers: list[list[int]] = [[] for _ in spans]
        for offset, number in self._marks:
            # A marker before any sentence counts for the first one.
            numbers[max(bisect_left(starts, offset) - 1, 0)].append(number)
        return [
            Statement(
                self._prose[start:end],
                tuple(self._sources[n - 1] for n in dict.fromkeys(cited) if self._is_known(n)),
                sum(not self._is_known(n) for n in cited),
            )
            for (start, end), cited in zip(spans, numbers, strict=True)
        ]

    def _compose(self, tokens: list[str | Marker]) -> list[TextDelta | CitationAdded]:
        events: list[TextDelta | CitationAdded] = []
        text = ""
        for token in tokens:
            if isinstance(token, str):
                text += self._writer.text(token)
                self._prose += token
                continue
            for number in token:
                written, citation = self._mark(number)
                text += written
                if citation:
                    events += (TextDelta(text), CitationAdded(citation))
                    self._written.append(text)
                    text = ""
        if text:
            events.append(TextDelta(text))
            self._written.append(text)
        return events

    def _mark(self, number: int) -> tuple[str, Citation | None]:
        """The marker to write, and its citation if it is new."""
        self._marks.append((len(self._prose), number))
        if not self._is_known(number):
            self._writer.drop()
            return "", None
        result = self._sources[number - 1]
        if number not in self._sentences:
            self._sentences[number] = _Sentences(result)
        span = self._sentences[number].supporting(_last_sentence(self._prose))
        known = self._citations.get((number, *span))
        if known:
            return self._writer.marker(known.marker), None
        citation = citation_of(len(self._citations) + 1, result, span, self._pages)
        self._citations[number, *span] = citation
        return self._writer.marker(citation.marker), citation

    def _is_known(self, number: int) -> bool:
        return 1 <= number <= len(self._sources)


class _Sentences:
    """The sentences of a source and their terms, which are looked for once."""

    def __init__(self, source: SearchResult) -> None:
        self._language = source.language
        self._spans = sentence_spans(source.text) or [(0, len(source.text))]
        self._terms = [
            frozenset(analyse(source.text[start:end], source.language))
            for start, end in self._spans
        ]

    def supporting(self, statement: str) -> tuple[int, int]:
        """Where in the source stands what supports `statement` best: a sentence, or two neighbours.

        Without any common term, as between languages, the first sentence stands for the passage.
        """
        spans = self._spans
        wanted = frozenset(analyse(statement, self._language))
        shared = [wanted & terms for terms in self._terms]
        best = max(range(len(spans)), key=lambda i: (len(shared[i]), spans[i][0] - spans[i][1]))
        neighbours = [i for i in (best - 1, best + 1) if 0 <= i < len(spans)]
        gain, other = max(((len(shared[i] - shared[best]), -i) for i in neighbours), default=(0, 0))
        if gain <= MIN_GAIN * len(wanted):
            return spans[best]
        first, last = sorted((best, -other))
        return spans[first][0], spans[last][1]


def _last_sentence(prose: str) -> str:
    recent = prose[-STATEMENT_CHARS:].rstrip()
    spans = sentence_spans(recent)
    return recent[spans[-1][0] : spans[-1][1]] if spans else ""
