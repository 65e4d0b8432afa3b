"""Counting tokens in any part of a document that was tokenised once."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from groundwell.domain.chunks import Tokenizer
from groundwell.ingestion.chunking.tokenise import token_spans

CHARACTERS_PER_TOKEN = 40
"""More than these make no chunk of so many tokens, whatever a tokenizer takes for one token."""


class TokenRuler:
    """Token starts of a document.

    A token counts as one for every 40 characters up to the next token: an unknown word of 10,000
    letters is a single token to a WordPiece model, and other characters get no token at all, yet
    neither must make one endless chunk.
    """

    def __init__(self, tokenizer: Tokenizer, text: str) -> None:
        self._starts = list(_starts(token_spans(tokenizer, text), len(text)))

    def count(self, start: int, end: int) -> int:
        """How many tokens begin in `[start, end)`."""
        return bisect_left(self._starts, end) - bisect_left(self._starts, start)

    def advance(self, position: int, tokens: int) -> int:
        """The start of the token `tokens` tokens after `position`, or of the last one."""
        index = bisect_left(self._starts, position) + tokens
        return self._starts[min(index, len(self._starts) - 1)]


def _starts(spans: list[tuple[int, int]], length: int) -> Iterator[int]:
    previous = 0
    for start, _ in spans:
        if start - previous > CHARACTERS_PER_TOKEN:
            yield from range(previous + CHARACTERS_PER_TOKEN, start, CHARACTERS_PER_TOKEN)
        yield start
        previous = start
    yield from range(previous + CHARACTERS_PER_TOKEN, length, CHARACTERS_PER_TOKEN)
