"""Cutting a sentence that is too long: between clauses, else words, else wherever it must be."""

from __future__ import annotations

import math
import re
from typing import TypeAlias

from groundwell.domain.sentences import trim
from groundwell.ingestion.chunking.measure import TokenRuler

Span: TypeAlias = tuple[int, int]

_CLAUSE_END = re.compile(r"(?:[,;:،؛][\"'”’»)\]]?|[)\]—–])\s|\n|[，；：、]")
_WORD_END = re.compile(r"\s")
# A place counts that makes the part by up to this share shorter or longer than the ideal.
_SLACK = 0.3


def cut_evenly(text: str, ruler: TokenRuler, span: Span, limit: int) -> list[Span]:
    """Cut a span into few parts of at most `limit` tokens and of about the same length.

    `span` has no white space at its ends, nor have the parts. At least one part.
    """
    parts: list[Span] = []
    start, end = span
    while (tokens := ruler.count(start, end)) > limit:
        cut = _best_cut(text, ruler, start, tokens / math.ceil(tokens / limit), limit)
        rest = trim(text, cut, end)
        if rest is None:  # a single character of more tokens than the limit
            break
        parts.append((start, start + len(text[start:cut].rstrip())))
        start = rest[0]
    return [*parts, (start, end)]


def _best_cut(text: str, ruler: TokenRuler, start: int, ideal: float, limit: int) -> int:
    lowest = ruler.advance(start, math.ceil(ideal * (1 - _SLACK)))
    highest = ruler.advance(start, min(limit, math.floor(ideal * (1 + _SLACK))))
    middle = ruler.advance(start, math.ceil(ideal))
    for pattern in (_CLAUSE_END, _WORD_END):
        ends = [match.end() for match in pattern.finditer(text, lowest, highest)]
        if ends:
            return min(ends, key=lambda end: abs(end - middle))
    return max(start + 1, middle)
