"""Reading a large JSON text in pieces.

The parser lets nobody else have a turn until it has read all that it was given, on whatever thread.
So the long lists of a text are given to it some elements at a time, and what is left of the text
on its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from groundwell.web.json_marks import borders

_PIECE_BYTES = 64 << 10
_COMMA, _LIST, _OBJECT = b",[{"
_ENDS = b"]}"


def read_in_pieces(data: bytes, read: Callable[[bytes], Any]) -> Any:  # noqa: ANN401 - any JSON
    """What `read` would make of the text, which it gets in pieces.

    The pieces are elements of the list that the text is, or of the lists that are values of the
    object that it is. Raises what `read` raises; a JSONDecodeError with the place in the text.
    """
    hollow = _hollowed(data)
    try:
        value = read(bytes(hollow.rest))
    except json.JSONDecodeError as error:
        # What is wrong before is what is wrong.
        for number in range(len(hollow.pieces)):
            hollow.some(number, read)
        raise _moved(error, data, *hollow.place(error.pos)) from error
    # Every list that is a part of what is left holds numbers of pieces, and nothing else does.
    if isinstance(value, list):
        return hollow.elements(value, read)
    if isinstance(value, dict):
        lists = {name: item for name, item in value.items() if isinstance(item, list)}
        return value | {name: hollow.elements(item, read) for name, item in lists.items()}
    return value


@dataclass(slots=True)
class _Hollow:
    """A text in which numbers of pieces stand for the elements of long lists.

    A piece is a begin and an end in `data`. `moves` says where in `rest` a part of the text begins,
    and where in `data`.
    """

    data: bytes
    rest: bytearray = field(default_factory=bytearray)
    pieces: list[tuple[int, int]] = field(default_factory=list)
    moves: list[tuple[int, int]] = field(default_factory=list)

    def keep(self, begin: int, end: int) -> None:
        """Add a part of the text to what is left."""
        self.moves.append((len(self.rest), begin))
        self.rest += self.data[begin:end]

    def cut(self, begin: int, end: int) -> None:
        """Make a piece of a part of the text."""
        if self.rest[-1] != _LIST:
            self.rest += b","
        self.rest += b"%d" % len(self.pieces)
        self.pieces.append((begin, end))

    def some(self, number: int, read: Callable[[bytes], Any]) -> list[Any]:
        """The elements of a piece."""
        begin, end = self.pieces[number]
        try:
            elements: list[Any] = read(b"[%b]" % self.data[begin:end])
        except json.JSONDecodeError as error:
            raise _moved(error, self.data, begin, error.pos - 1) from error
        return elements

    def elements(self, numbers: list[int], read: Callable[[bytes], Any]) -> list[Any]:
        """The elements of a list of which the numbers are left."""
        found: list[Any] = []
        for number in numbers:
            some = self.some(number, read)
            if not some and len(numbers) > 1:
                raise json.JSONDecodeError("an element is missing", "", self.pieces[number][0])
            found += some
        return found

    def place(self, offset: int) -> tuple[int, int]:
        """Where in the text stands what is at `offset` in what is left: so far behind a begin."""
        moved, begin = max((move for move in self.moves if move[0] <= offset), default=(0, 0))
        return begin, offset - moved


def _hollowed(data: bytes) -> _Hollow:
    hollow = _Hollow(data)
    opened: list[int] = []
    # Where what was not looked at yet begins, and how deep the list is of which it is elements.
    begin = inside = 0
    for place in borders(data):
        mark = data[place]
        if mark == _COMMA:
            if inside == len(opened) > 0 and place - begin >= _PIECE_BYTES:
                hollow.cut(begin, place)
                begin = place + 1
        elif mark not in _ENDS:
            opened.append(mark)
            if not inside and mark == _LIST and opened in ([_LIST], [_OBJECT, _LIST]):
                hollow.keep(begin, place + 1)
                begin, inside = place + 1, len(opened)
        elif opened:
            if inside == len(opened):
                hollow.cut(begin, place)
                begin, inside = place, 0
            opened.pop()
    if inside:
        hollow.cut(begin, len(data))
        begin = len(data)
    hollow.keep(begin, len(data))
    return hollow


def _moved(
    error: json.JSONDecodeError, data: bytes, begin: int, offset: int
) -> json.JSONDecodeError:
    """The same error, `offset` characters behind the byte `begin`."""
    before = len(data[:begin].decode(errors="replace"))
    return json.JSONDecodeError(error.msg, "", max(before + offset, 0))
