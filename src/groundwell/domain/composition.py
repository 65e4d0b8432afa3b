"""NFC for texts that nobody has looked at."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

_MARKS_IN_A_ROW = 30
_FIRST_MARK = 0x0300
_LAST_IN_BASIC_PLANE, _LAST_WITH_MARKS = 0xFFFF, 0x1FFFF
# No mark stands before U+0300, so that most texts are through with this.
_FAR_FROM_LATIN = re.compile(f"[{chr(_FIRST_MARK)}-\U0010ffff]{{{_MARKS_IN_A_ROW + 1}}}")

_PAIR = 2
_PIECE_CHARACTERS = 64 << 10
# Vowels and last consonants of Hangul, which the library knows of without telling.
_JAMO = (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))

_BEYOND_BASIC_PLANE = re.compile("[\U00010000-\U0010ffff]")


def compose(text: str) -> str:
    """Return `text` in NFC, with at most 30 combining marks in a row; the others go.

    Thousands of marks on one letter are no writing, and putting them in order takes time that
    grows with the square of their number. Thirty is the limit of the Stream-Safe Text Format
    (Unicode Standard Annex 15, section 13), beyond what any language writes.
    """
    if text.isascii():
        return text
    return "".join(map(_composed, _in_pieces(text)))


def _in_pieces(text: str) -> Iterator[str]:
    """The text, cut where nothing stands that could be put together with what stands before.

    The library lets no other thread have a turn until it is through with what it was given.
    """
    begin = 0
    while len(text) - begin > _PIECE_CHARACTERS:
        border = _borders().search(text, begin + _PIECE_CHARACTERS)
        if border is None:
            break
        yield text[begin : border.start()]
        begin = border.start()
    yield text[begin:]


def _composed(text: str) -> str:
    if _FAR_FROM_LATIN.search(text):
        # Sets of characters within the basic plane are searched several times as fast.
        last = _LAST_WITH_MARKS if _BEYOND_BASIC_PLANE.search(text) else _LAST_IN_BASIC_PLANE
        text = _surplus_marks(last).sub(r"\1", text)
    return unicodedata.normalize("NFC", text)


@cache
def _surplus_marks(last: int) -> re.Pattern[str]:
    """Too many marks up to the code point `last` in a row; those that may stay are the group."""
    codes = range(_FIRST_MARK, last + 1)
    mark = f"[{''.join(chr(code) for code in codes if unicodedata.combining(chr(code)))}]"
    return re.compile(f"({mark}{{{_MARKS_IN_A_ROW}}}){mark}+")


@cache
def _borders() -> re.Pattern[str]:
    """The characters that are put together with nothing that stands before them."""
    bound = set(_JAMO)
    for code in range(_FIRST_MARK, _LAST_WITH_MARKS + 1):
        if unicodedata.combining(chr(code)):
            bound.add(code)
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) == _PAIR and not parts[0].startswith("<"):
            bound.add(int(parts[1], 16))
    return re.compile(f"[^{''.join(map(chr, sorted(bound)))}]")
