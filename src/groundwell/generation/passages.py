"""Passages as the stage sees them: their sentences, and citations into them."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Protocol

from groundwell.domain.answers import Citation
from groundwell.domain.chunks import ChunkId
from groundwell.domain.documents import PageSpan
from groundwell.domain.search import SearchResult
from groundwell.generation.markers import defused

_SPACE = re.compile(r"\s+")
_IMAGE = re.compile(r"!\[[^\[\]]{0,200}\]\([^()\s]{0,2000}\)")
_LINK = re.compile(r"\[([^\[\]]{0,200})\]\([^()\s]{0,2000}\)")
_REFERENCE_MARKS = re.compile(r"\s?\[\s*\d{1,4}(?:\s*[,;–-]\s*\d{1,4})*\s*\]")
_DECORATION = re.compile(r"^[^\S\n]*(?:[>#*+-]+|\d{1,3}[.)])\s+|\*\*", re.MULTILINE)


class PageLocator(Protocol):
    """Knows on which page a character of a document stands."""

    def page_at(self, result: SearchResult, char_start: int) -> int | None:
        """The page, from 1, of the character `char_start` of the result's document version."""
        ...


class FirstPage:
    """The locator for want of a better one: the page on which the passage starts."""

    def page_at(self, result: SearchResult, char_start: int) -> int | None:
        """The passage's own page, wherever in the passage the character stands."""
        return result.page if char_start >= result.char_start else None


class PageSpans:
    """The locator by the page spans of each passage's document version."""

    def __init__(self, pages: Mapping[ChunkId, Sequence[PageSpan]]) -> None:
        self._pages = pages

    def page_at(self, result: SearchResult, char_start: int) -> int | None:
        """The page on which the character stands."""
        spans = self._pages.get(result.chunk_id, ())
        index = bisect_right(spans, char_start, key=lambda span: span.char_start) - 1
        return spans[index].page if index >= 0 else result.page


def citation_of(
    marker: int, result: SearchResult, span: tuple[int, int], pages: PageLocator
) -> Citation:
    """The citation of `result.text[span[0]:span[1]]`."""
    start, end = result.char_start + span[0], result.char_start + span[1]
    return Citation(
        marker=marker,
        document_id=result.document_id,
        version=result.version,
        filename=result.filename,
        page=pages.page_at(result, start),
        char_start=start,
        char_end=end,
        quote=result.text[span[0] : span[1]],
        title=result.title,
    )


def readable(text: str) -> str:
    """A piece of a document as running text.

    Line breaks become spaces, links their words, images nothing. Reference marks such as `[12]`
    go: in an answer and in a prompt they would pass for our own citations.
    """
    plain = _DECORATION.sub("", _LINK.sub(r"\1", _IMAGE.sub("", text)))
    return defused(_SPACE.sub(" ", _REFERENCE_MARKS.sub("", plain)))
