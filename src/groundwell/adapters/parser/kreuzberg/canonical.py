"""Building the canonical text, block by block, with exact spans."""

from __future__ import annotations

import re

from groundwell.adapters.parser.kreuzberg.reading import Reading
from groundwell.domain.composition import compose
from groundwell.domain.documents import HeadingSpan, PageSpan
from groundwell.domain.errors import DocumentError

_LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
# Controls, surrogates, byte-order marks, soft hyphens, zero-width spaces and non-characters.
_UNWANTED = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufeff\u200b\u00ad\ufdd0-\ufdef\ufffe\uffff]"
)
# Emptiness without end would belong to a passage, or stand between two that are shown as one.
_ENDLESS_SPACE = re.compile(r"(?<!\s)(\s{1000})\s+")
_SPACES = re.compile("[ \t\u00a0\u2000-\u200a\u202f\u3000]+")
_BLANK_LINES = re.compile("\n{3,}")
_PARAGRAPH_BREAK = "\n\n"
MAX_HEADINGS = 50_000
"""What stands beyond is text only: an outline of more lines helps nobody, and fills memory."""
_MAX_TITLE_CHARACTERS = 300
MAX_TITLE_SOURCE_CHARACTERS = 3_000
"""No more is looked at: what is longer is no title."""
_TITLE_WITHIN_CHARACTERS = 500
_JUNK_TITLE = re.compile(
    r"untitled|(new |blank )?(document|presentation|page|workbook)\s*\d*|powerpoint presentation"
    r"|microsoft (word|excel|powerpoint) - .*|.*\.(docx?|pdf|indd|pptx?|xlsx?|rtf|tex|dvi|odt|qxd)"
    r"|title|no title|(table of )?contents|\(anonymous\)|(sheet|slide|page) ?\d*|[\W\d_]*|\S*_\S*",
    re.IGNORECASE,
)


def clean(text: str) -> str:
    """Return `text` with plain line ends, in NFC, without characters that no reader wants.

    Of white space in a row the first 1,000 characters stay.
    """
    return compose(_ENDLESS_SPACE.sub(r"\1", _UNWANTED.sub("", _LINE_ENDS.sub("\n", text))))


def tidy(text: str) -> str:
    """Return cleaned `text` with single spaces, and one empty line at most between lines."""
    if text.isascii() and text.isprintable() and "  " not in text:
        # What nearly every cell of a table is.
        return text.strip()
    lines = (_SPACES.sub(" ", line).strip() for line in clean(text).split("\n"))
    return _BLANK_LINES.sub(_PARAGRAPH_BREAK, "\n".join(lines)).strip()


class CanonicalText:
    """A text that grows by blocks and remembers where its pages and headings stand."""

    def __init__(self, max_characters: int) -> None:
        self._max_characters = max_characters
        self._parts: list[str] = []
        self._length = 0
        self._headings: list[HeadingSpan] = []
        self._pages: list[PageSpan] = []

    def add(self, text: str, *, level: int | None = None, page: int | None = None) -> None:
        """Append a block that is already tidy; empty blocks leave no trace.

        `level` makes it a heading; blocks of a page follow each other.

        Errors: DocumentError `document_bomb` when the text grows over its limit.
        """
        if not text:
            return
        if self._parts:
            self._append(_PARAGRAPH_BREAK)
        start = self._length
        self._append(text)
        if level is not None and len(self._headings) < MAX_HEADINGS:
            self._headings.append(HeadingSpan(level, start, self._length))
        if page is not None:
            if self._pages and self._pages[-1].page == page:
                start = self._pages.pop().char_start
            self._pages.append(PageSpan(page, start, self._length))

    def _append(self, part: str) -> None:
        self._parts.append(part)
        self._length += len(part)
        if self._length > self._max_characters:
            raise DocumentError(
                f"The document holds more than {self._max_characters:,} characters. Split it.",
                code="document_bomb",
            )

    def finish(
        self,
        title: str | None = None,
        *,
        unread_pages: tuple[int, ...] = (),
        warnings: tuple[str, ...] = (),
    ) -> Reading:
        """Return the whole; without a usable `title` the first heading is it."""
        text = "".join(self._parts)
        headings = tuple(self._headings)
        named = choose_title(title)
        if named is None and headings and headings[0].char_start <= _TITLE_WITHIN_CHARACTERS:
            named = choose_title(text[headings[0].char_start : headings[0].char_end])
        return Reading(text, tuple(self._pages), headings, named, unread_pages, warnings)


def choose_title(title: str | None) -> str | None:
    """Return `title` in one line, None when a program rather than a person wrote it."""
    line = " ".join(tidy((title or "")[:MAX_TITLE_SOURCE_CHARACTERS]).split())
    if _JUNK_TITLE.fullmatch(line):
        return None
    return line[:_MAX_TITLE_CHARACTERS].rstrip()
