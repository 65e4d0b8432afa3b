"""What the server and the process that makes its questions say to each other."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic import TypeAdapter

from groundwell.apps.quiz.questions import Passage, QuestionSet
from groundwell.apps.quiz.wanted import Suggested, Wanted

HEAD = struct.Struct("!Q")
"""What stands before each message: how many bytes follow."""


@dataclass(frozen=True, slots=True)
class Begin:
    """Make a set for `job` of these passages, in place of what was made for it before.

    Nothing is made, and `TooLittle` the answer, where fewer than `least_told` sentences tell
    something that can be asked about.
    """

    job: int
    passages: tuple[Passage, ...]
    wanted: Wanted
    retired: frozenset[str]
    suggested: Suggested | None
    least_told: float


@dataclass(frozen=True, slots=True)
class Tell:
    """Make the job's set again, with the passages that were found for its claims."""

    job: int
    further: Mapping[str, tuple[Passage, ...]]


@dataclass(frozen=True, slots=True)
class Settle:
    """Make a set of the job's questions for whose claims passages were looked for."""

    job: int


@dataclass(frozen=True, slots=True)
class Forget:
    """The job is done. Is not answered."""

    job: int


@dataclass(frozen=True, slots=True)
class Read:
    """Read these passages and keep what was read: sets will be made of them."""

    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """What was ordered is done, and there is nothing to show."""


@dataclass(frozen=True, slots=True)
class Piece:
    """The set as it is now, and the claims of it for which nobody has looked."""

    questions: QuestionSet
    unproved: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TooLittle:
    """The passages tell too little: so many of their sentences tell something."""

    told: int


@dataclass(frozen=True, slots=True)
class Lost:
    """The job is not known: it was begun in a process that has ended."""


@dataclass(frozen=True, slots=True)
class Failed:
    """An error that nobody foresaw, as it is to stand in the log."""

    trace: str


Order: TypeAlias = Begin | Tell | Settle | Forget | Read
Answer: TypeAlias = Piece | TooLittle | Done | Lost | Failed


_KINDS = (Begin, Tell, Settle, Forget, Read, Piece, TooLittle, Done, Lost, Failed)
_NUMBERS = {kind: number for number, kind in enumerate(_KINDS)}
# JSON, not pickle: nothing of the product revives objects of any class that bytes name.
_ADAPTERS: tuple[TypeAdapter[Any], ...] = tuple(TypeAdapter(kind) for kind in _KINDS)


def packed(message: Order | Answer) -> bytes:
    """The message as it goes through a pipe: its size, the number of its kind, and JSON."""
    number = _NUMBERS[type(message)]
    content = _ADAPTERS[number].dump_json(message)
    return HEAD.pack(len(content) + 1) + bytes([number]) + content


def unpacked(content: bytes) -> Order | Answer:
    """The message, without its size before it. Raises ValueError for what is none."""
    message: Order | Answer = _ADAPTERS[content[0]].validate_json(content[1:])
    return message
