"""Passages: whole sentences up to a number of the model's tokens, within one section.

Sections end at headings. A section over the limit is shared out evenly, so that no scrap is left
at its end, and preferably between paragraphs. What is too small to stand alone is joined with its
neighbour under the same parent heading. Passages do not overlap and leave nothing out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from groundwell.domain.chunks import Chunk, Tokenizer
from groundwell.domain.documents import ParsedDocument
from groundwell.domain.sentences import sentence_spans, trim
from groundwell.ingestion.chunking.clauses import Span, cut_evenly
from groundwell.ingestion.chunking.measure import TokenRuler
from groundwell.ingestion.chunking.outline import HeadingPath, Outline

# A long section is shared out in parts of this share of the limit on average, because whole
# sentences never fill a passage to the brim.
_FILL = 0.9
# How much further from the ideal place, as a share of the ideal length, an end may lie for being
# an end of this kind.
_PARAGRAPH_BONUS = 0.2
_FRAGMENT_MALUS = 0.3
_SCRAP_MALUS = 1.0
_HEADING_MALUS = 10.0


@dataclass(frozen=True, slots=True)
class _Unit:
    """The least that is kept whole: a sentence, a heading, or part of an endless sentence.

    `malus` is what ending a passage behind it costs.
    """

    start: int
    end: int
    malus: float


@dataclass(frozen=True, slots=True)
class _Passage:
    """A chunk in the making.

    `scope` is the heading that all of it stands under; `is_whole` tells that it is not just a
    part of a section; `has_body` that it is more than headings.
    """

    start: int
    end: int
    path: HeadingPath
    scope: HeadingPath
    is_whole: bool
    has_body: bool


@dataclass(frozen=True, slots=True)
class PassageChunker:
    """Chunks of at most `size` tokens, and of at least `smallest` where the headings allow it."""

    tokenizer: Tokenizer
    size: int = 200
    smallest: int = 60

    def chunk(self, document: ParsedDocument) -> list[Chunk]:
        """Cut a document."""
        ruler = TokenRuler(self.tokenizer, document.text)
        outline = Outline(document)
        passages: list[_Passage] = []
        for start, heading_end, end in _sections(document):
            units = list(self._units(document.text, ruler, start, heading_end, end))
            path = outline.path_at(start)
            for first, last in self._pack(units, ruler):
                is_whole = first is units[0] and last is units[-1]
                has_body = last.end > heading_end
                passages.append(_Passage(first.start, last.end, path, path, is_whole, has_body))
        joined = self._join_backward(self._join_forward(passages, ruler), ruler)
        return [outline.chunk(i, p.start, p.end, p.path) for i, p in enumerate(joined)]

    def _units(
        self, text: str, ruler: TokenRuler, start: int, heading_end: int, end: int
    ) -> Iterator[_Unit]:
        heading = trim(text, start, heading_end)
        if heading:
            yield from self._parts(text, ruler, heading, _HEADING_MALUS)
        sentences = sentence_spans(text, heading_end, end)
        for index, sentence in enumerate(sentences):
            following = sentences[index + 1][0] if index + 1 < len(sentences) else end
            is_paragraph_end = text.count("\n", sentence[1], following) > 1
            malus = -_PARAGRAPH_BONUS if is_paragraph_end else 0.0
            yield from self._parts(text, ruler, sentence, malus)

    def _parts(self, text: str, ruler: TokenRuler, span: Span, malus: float) -> Iterator[_Unit]:
        parts = cut_evenly(text, ruler, span, self.size)
        for start, end in parts[:-1]:
            yield _Unit(start, end, _FRAGMENT_MALUS)
        yield _Unit(*parts[-1], malus)

    def _pack(self, units: list[_Unit], ruler: TokenRuler) -> Iterator[tuple[_Unit, _Unit]]:
        """Share out a section's units; yields each passage's first and last unit."""
        first = 0
        while first < len(units):
            last = self._last_unit(units, first, ruler)
            yield units[first], units[last]
            first = last + 1

    def _last_unit(self, units: list[_Unit], first: int, ruler: TokenRuler) -> int:
        start = units[first].start
        remaining = ruler.count(start, units[-1].end)
        if remaining <= self.size:
            return len(units) - 1
        ideal = remaining / math.ceil(remaining / (self.size * _FILL))
        best, lowest_cost = first, math.inf
        index = first
        while (tokens := ruler.count(start, units[index].end)) <= self.size:
            cost = abs(tokens - ideal) / ideal + units[index].malus
            if 0 < remaining - tokens < self.smallest:
                cost += _SCRAP_MALUS
            if cost <= lowest_cost:
                best, lowest_cost = index, cost
            index += 1
        return best

    def _join_forward(self, passages: list[_Passage], ruler: TokenRuler) -> list[_Passage]:
        """Join what is too small with what follows it."""
        joined: list[_Passage] = []
        for passage in passages:
            if joined and self._is_small(joined[-1], ruler):
                pair = self._joined(joined[-1], passage, ruler)
                if pair:
                    joined[-1] = pair
                    continue
            joined.append(passage)
        return joined

    def _join_backward(self, passages: list[_Passage], ruler: TokenRuler) -> list[_Passage]:
        """Join what is still too small with what stands before it."""
        joined: list[_Passage] = []
        for passage in passages:
            if joined and self._is_small(passage, ruler):
                pair = self._joined(joined[-1], passage, ruler)
                if pair:
                    joined[-1] = pair
                    continue
            joined.append(passage)
        return joined

    def _is_small(self, passage: _Passage, ruler: TokenRuler) -> bool:
        """Whether it may cross a heading: a tiny section may, the rest of a long one may not."""
        return passage.is_whole and ruler.count(passage.start, passage.end) < self.smallest

    def _joined(self, left: _Passage, right: _Passage, ruler: TokenRuler) -> _Passage | None:
        """Both as one passage; None when they are strangers or too much together."""
        if not _are_related(left.scope, right.scope):
            return None
        if ruler.count(left.start, right.end) > self.size:
            return None
        if left.has_body and right.has_body:
            path = _common(left.path, right.path)
        else:
            path = left.path if left.has_body else right.path
        return _Passage(
            start=left.start,
            end=right.end,
            path=path,
            scope=_common(left.scope, right.scope),
            is_whole=True,
            has_body=left.has_body or right.has_body,
        )


def _sections(document: ParsedDocument) -> Iterator[tuple[int, int, int]]:
    """(start, end of the heading, end) of each section; the first may have no heading."""
    end = len(document.text)
    starts = [heading.char_start for heading in document.headings]
    yield 0, 0, min(starts, default=end)
    for heading, section_end in zip(document.headings, [*starts, end][1:], strict=True):
        yield heading.char_start, heading.char_end, section_end


def _are_related(left: HeadingPath, right: HeadingPath) -> bool:
    """Whether one stands under the other, or both under the same parent."""
    shared = len(_common(left, right))
    return shared == min(len(left), len(right)) or (
        len(left) == len(right) and shared == len(left) - 1
    )


def _common(left: HeadingPath, right: HeadingPath) -> HeadingPath:
    shared = 0
    for one, other in zip(left, right, strict=False):
        if one != other:
            break
        shared += 1
    return left[:shared]
