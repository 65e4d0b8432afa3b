"""Tokenising a whole document once, in pieces that a tokenizer handles well."""

from __future__ import annotations

import re
from collections.abc import Iterator

from groundwell.domain.chunks import Tokenizer

_PIECE_CHARACTERS = 32_768
_PIECES_AT_ONCE = 16
# No common pre-tokenizer joins a letter or digit to white space after it, so a cut there changes
# no token; where no space is to be found, the mark after a clause serves as well.
_SEAMS = (re.compile(r"(?<=[^\W_])(?=\s)"), re.compile(r"(?<=[。！？，、])(?=\w)"))


def token_spans(tokenizer: Tokenizer, text: str) -> list[tuple[int, int]]:
    """The character span of every token of `text`, as if it were tokenised in one go."""
    bounds = list(_pieces(text))
    spans: list[tuple[int, int]] = []
    for first in range(0, len(bounds), _PIECES_AT_ONCE):
        batch = bounds[first : first + _PIECES_AT_ONCE]
        found = tokenizer.spans_of([text[start:end] for start, end in batch])
        for (offset, _), piece in zip(batch, found, strict=True):
            spans.extend((offset + start, offset + end) for start, end in piece)
    return spans


def _pieces(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    while len(text) - start > 2 * _PIECE_CHARACTERS:
        end = _seam(text, start + _PIECE_CHARACTERS, start + 2 * _PIECE_CHARACTERS)
        yield start, end
        start = end
    yield start, len(text)


def _seam(text: str, lowest: int, highest: int) -> int:
    for seam in _SEAMS:
        found = seam.search(text, lowest, highest)
        if found:
            return found.start()
    return highest
