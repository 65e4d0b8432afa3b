"""Chunks of so many characters, cut at the coarsest separator that fits.

The texts are those of LangChain's RecursiveCharacterTextSplitter with its default separators, so
that an index built there can be compared with ours; the exact places are ours. Reimplemented from
its behaviour: text is split before each separator, neighbours are joined up to the size, what is
still too large is split by the next separator, and white space at the ends is dropped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from groundwell.domain.chunks import Chunk
from groundwell.domain.documents import ParsedDocument
from groundwell.domain.errors import InvalidInputError
from groundwell.domain.sentences import trim
from groundwell.ingestion.chunking.outline import Outline

_SEPARATORS = ("\n\n", "\n", " ")

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class RecursiveChunker:
    """Chunks of at most `size` characters that share about `overlap` with the one before."""

    size: int = 256
    overlap: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.overlap <= self.size or self.size < 1:
            raise InvalidInputError(
                "A chunk needs a size of at least 1 and an overlap between 0 and that size.",
                code="invalid_chunking",
            )

    def chunk(self, document: ParsedDocument) -> list[Chunk]:
        """Cut a document."""
        text = document.text
        spans = (trim(text, *span) for span in self._split(text, (0, len(text)), _SEPARATORS))
        return Outline(document).chunks(span for span in spans if span)

    def _split(self, text: str, span: Span, separators: tuple[str, ...]) -> Iterator[Span]:
        while separators and text.find(separators[0], *span) < 0:
            separators = separators[1:]
        if not separators:
            yield from self._windows(span)
            return
        fitting: list[Span] = []
        for piece in _pieces(text, span, separators[0]):
            if piece[1] - piece[0] < self.size:
                fitting.append(piece)
                continue
            yield from self._joined(fitting)
            fitting = []
            yield from self._split(text, piece, separators[1:])
        yield from self._joined(fitting)

    def _joined(self, pieces: list[Span]) -> Iterator[Span]:
        """Runs of neighbouring pieces up to the size, the last ones repeated as overlap."""
        first = 0
        for index, (start, end) in enumerate(pieces):
            if first == index or end - pieces[first][0] <= self.size:
                continue
            yield pieces[first][0], start
            while first < index and (
                start - pieces[first][0] > self.overlap or end - pieces[first][0] > self.size
            ):
                first += 1
        if pieces:
            yield pieces[first][0], pieces[-1][1]

    def _windows(self, span: Span) -> Iterator[Span]:
        """Plain windows over text without separators."""
        start, end = span
        step = max(1, self.size - self.overlap)
        while start + self.size < end:
            yield start, start + self.size
            start += step
        if start < end:
            yield start, end


def _pieces(text: str, span: Span, separator: str) -> Iterator[Span]:
    """The pieces of a span, each but the first beginning with the separator."""
    start, end = span
    cut = text.find(separator, start, end)
    while cut >= 0:
        if cut > start:
            yield start, cut
        start = cut
        cut = text.find(separator, cut + len(separator), end)
    yield start, end
