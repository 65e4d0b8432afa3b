"""Citation markers in text that arrives in arbitrary pieces.

Both classes decide character by character, so that the same text cut differently gives the same
outcome.
"""

from __future__ import annotations

import re
from typing import TypeAlias

Marker: TypeAlias = tuple[int, ...]
"""The source numbers of one marker, as the model wrote them."""

MARKER_ENDS = "]】"
"""The characters that a marker may end with."""

MAX_RANGE = 10

_INSIDE = r"[\s\d,;^–-]{0,24}(?:†[^\]】\n]{0,40})?"
_WHOLE = re.compile(rf"[\[【]({_INSIDE})[{re.escape(MARKER_ENDS)}]")
_BEGUN = re.compile(rf"[\[【]{_INSIDE}")
_OPENING = re.compile(r"[\[【]")
_NUMBERS = re.compile(r"\s*\^?(\d+(?:\s*[,;–-]\s*\^?\d+)*)\s*(?:†.*)?", re.DOTALL)
_PART = re.compile(r"(\d+)(?:\s*[–-]\s*\^?(\d+))?")
# Without these, nothing in a text could pass for a marker, a link or a tag.
_ALIVE = re.compile(r"[\[\]<]")
_CLINGING = frozenset(".,;:!?)")


class MarkerLexer:
    """Tells markers from other text: `[1]`, `[1, 2]`, `[1-3]`, `[^1]`, `【1】`, `【1†name】`."""

    def __init__(self) -> None:
        self._pending = ""

    def feed(self, piece: str) -> list[str | Marker]:
        """What is certain after this piece: texts and markers, in order."""
        self._pending += piece
        tokens: list[str | Marker] = []
        while opening := _OPENING.search(self._pending):
            if opening.start() > 0:
                tokens.append(self._pending[: opening.start()])
                self._pending = self._pending[opening.start() :]
            if whole := _WHOLE.match(self._pending):
                tokens.append(_numbers_in(whole.group(1)) or whole.group())
                self._pending = self._pending[whole.end() :]
            elif _BEGUN.fullmatch(self._pending):
                return tokens
            else:
                tokens.append(self._pending[0])
                self._pending = self._pending[1:]
        if self._pending:
            tokens.append(self._pending)
            self._pending = ""
        return tokens

    def close(self) -> list[str | Marker]:
        """What was still undecided: it is text."""
        rest, self._pending = self._pending, ""
        return [rest] if rest else []


def _numbers_in(inside: str) -> Marker:
    if not (match := _NUMBERS.fullmatch(inside)):
        return ()
    numbers: list[int] = []
    for part in _PART.finditer(match.group(1)):
        first, last = int(part.group(1)), int(part.group(2) or part.group(1))
        is_range = first <= last < first + MAX_RANGE
        numbers += range(first, last + 1) if is_range else (first, last)
    return tuple(dict.fromkeys(numbers))


class PlainWriter:
    """Writes text in which only real markers look like `[n]` and no link or image is alive.

    A link or image in an answer could carry what the model has read to a stranger's server as
    soon as it is rendered. So `](` and `]:` are parted by a space, which no link of Markdown
    survives, and a `<` from what would make it a tag, a comment or an autolink (CommonMark 0.31.2,
    sections 4.7, 6.3, 6.5 and 6.6). So is a literal `[7]`. White space around a marker that was
    dropped closes up.
    """

    def __init__(self) -> None:
        self._last = ""
        self._space = ""
        self._is_number_open = False
        self._has_dropped = False

    def text(self, text: str) -> str:
        """The text to write. White space waits for what follows it."""
        written: list[str] = []
        for character in text:
            if character.isspace():
                if self._last and not (self._has_dropped and self._space):
                    self._space += character
            else:
                written.append(self._gap_before(character) + character)
                is_digit = character.isdecimal() and self._is_number_open
                self._is_number_open = character == "[" or is_digit
                self._last = character
        return "".join(written)

    def marker(self, number: int) -> str:
        """A real marker."""
        gap, self._space = self._space, ""
        self._last, self._is_number_open, self._has_dropped = "]", False, False
        return f"{gap}[{number}]"

    def drop(self) -> None:
        """A marker stood here that means nothing."""
        self._has_dropped = True

    def _gap_before(self, character: str) -> str:
        gap, self._space = self._space, ""
        if self._has_dropped and character in _CLINGING:
            gap = ""
        self._has_dropped = False
        if not gap and self._last == "]" and character in "(:":
            return " "
        if not gap and self._last == "<" and (character.isalpha() or character in "/!?"):
            return " "
        if not gap and self._is_number_open and self._last != "[" and character == "]":
            return " "
        if gap:
            self._is_number_open = False
        return gap


def defused(text: str) -> str:
    """`text` without anything that could pass for a marker or a link."""
    return PlainWriter().text(text) if _ALIVE.search(text) else text.strip()
