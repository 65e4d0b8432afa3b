"""The marks that give a JSON text its form, without those that stand in its strings.

No step is long, however long the text is: a thread that looks for marks lets others have a turn.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_QUOTE = ord('"')
# A long string is passed over in steps of a mebibyte at most.
_INSIDE = rb'[^"\\]{0,16384}+(?:\\.[^"\\]{0,16384}+){0,64}+'
_STRING = rb'"' + _INSIDE + rb'(?P<end>")?'
_MORE = re.compile(_INSIDE, re.DOTALL)
# Small enough to be passed over as a whole: most of what long lists hold.
_SMALL_OBJECT = rb'\{[^"\[\]{}]{0,64}+(?:"[^"\\]{0,256}+"[^"\[\]{}]{0,64}+){1,32}+\}'
_COLONS = re.compile(_STRING + rb"|:", re.DOTALL)
_STARTS = re.compile(_STRING + rb"|[\[{,]", re.DOTALL)
_BORDERS = re.compile(_STRING + rb"|" + _SMALL_OBJECT + rb"|[\[\]{},]", re.DOTALL)


def colons(data: bytes) -> Iterator[int]:
    """Where the colons are: one for each name."""
    return _places(data, _COLONS)


def starts(data: bytes) -> Iterator[int]:
    """Where the opening brackets, the opening braces and the commas are: no fewer than values."""
    return _places(data, _STARTS)


def borders(data: bytes) -> Iterator[int]:
    """Where the brackets, braces and commas are, without those in and around small objects."""
    return _places(data, _BORDERS)


def _places(data: bytes, pattern: re.Pattern[bytes]) -> Iterator[int]:
    """Where single marks stand."""
    position: int | None = 0
    while position is not None:
        begin, position = position, None
        for found in pattern.finditer(data, begin):
            place, end = found.span()
            if data[place] == _QUOTE:
                if found["end"] is None:
                    position = _end_of_string(data, end)
                    break
            elif end == place + 1:
                yield place


def _end_of_string(data: bytes, position: int) -> int:
    """Behind the quote that ends the string in which `position` is, or the end of the text."""
    while True:
        more = _MORE.match(data, position)
        end = position if more is None else more.end()
        if end < len(data) and data[end] == _QUOTE:
            return end + 1
        if end == position:
            return len(data)
        position = end
