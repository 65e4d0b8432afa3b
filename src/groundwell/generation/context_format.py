"""How a context is written: each source as head, sentences and tail."""

from __future__ import annotations

from typing import Protocol

from groundwell.domain.context import ContextPassage

MAX_HEAD_CHARS = 160


class ContextFormat(Protocol):
    """What stands around the sentences, and how they are written."""

    between: str
    """Stands between two sources."""
    tail: str

    def head(self, number: int, passage: ContextPassage, *, is_named: bool) -> str:
        """What stands before the sentences of a source; just its number unless `is_named`."""
        ...

    def shown(self, sentence: str) -> str:
        """The sentence as it is written; empty if it is not."""
        ...


class NumberedBlocks:
    """Sources as `[1] Title > Heading`, their sentences verbatim."""

    between = "\n\n"
    tail = ""

    def head(self, number: int, passage: ContextPassage, *, is_named: bool) -> str:
        """The number and where the passage stands."""
        names = [passage.title or "", *passage.heading_path]
        plain = (" ".join(name.split()) for name in names)
        head = " > ".join(dict.fromkeys(name for name in plain if name))[:MAX_HEAD_CHARS]
        return f"[{number}] {head}\n" if head and is_named else f"[{number}] "

    def shown(self, sentence: str) -> str:
        """The sentence."""
        return sentence


NUMBERED_BLOCKS = NumberedBlocks()
