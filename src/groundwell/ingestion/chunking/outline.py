"""Where in a document a character stands: on which page, under which headings."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable

from groundwell.domain.chunks import Chunk
from groundwell.domain.documents import HeadingSpan, ParsedDocument

HeadingPath = tuple[str, ...]

_MARKDOWN = re.compile(r"\A#{1,6}\s+")
# What is longer is no heading, and each chunk below it carries it.
_MOST_CHARACTERS = 300
_MOST_SOURCE_CHARACTERS = 3_000


class Outline:
    """A document's pages and headings, ready for look-up."""

    def __init__(self, document: ParsedDocument) -> None:
        self._text = document.text
        self._pages = document.pages
        self._page_starts = [page.char_start for page in document.pages]
        self._heading_starts = [heading.char_start for heading in document.headings]
        self._paths = _heading_paths(document.text, document.headings)

    def page_at(self, position: int) -> int | None:
        """The page of a character; a gap belongs to the page before it, None without pages."""
        if not self._pages:
            return None
        return self._pages[max(0, bisect_right(self._page_starts, position) - 1)].page

    def path_at(self, position: int) -> HeadingPath:
        """The headings above a character, outermost first; a heading stands under itself."""
        index = bisect_right(self._heading_starts, position) - 1
        return self._paths[index] if index >= 0 else ()

    def chunk(self, ordinal: int, start: int, end: int, path: HeadingPath | None = None) -> Chunk:
        """The chunk `[start, end)`, under `path` if given and else where it starts."""
        return Chunk(
            ordinal=ordinal,
            text=self._text[start:end],
            char_start=start,
            char_end=end,
            page=self.page_at(start),
            heading_path=self.path_at(start) if path is None else path,
        )

    def chunks(self, spans: Iterable[tuple[int, int]]) -> list[Chunk]:
        """The chunks of `spans`, numbered; spans of white space only are left out."""
        filled = (span for span in spans if self._text[slice(*span)].strip())
        return [self.chunk(ordinal, *span) for ordinal, span in enumerate(filled)]


def _heading_paths(text: str, headings: tuple[HeadingSpan, ...]) -> list[HeadingPath]:
    paths: list[HeadingPath] = []
    open_headings: list[tuple[int, str]] = []
    for heading in headings:
        while open_headings and open_headings[-1][0] >= heading.level:
            open_headings.pop()
        end = min(heading.char_end, heading.char_start + _MOST_SOURCE_CHARACTERS)
        title = _MARKDOWN.sub("", " ".join(text[heading.char_start : end].split()))
        open_headings.append((heading.level, title[:_MOST_CHARACTERS].rstrip()))
        paths.append(tuple(title for _, title in open_headings if title))
    return paths
