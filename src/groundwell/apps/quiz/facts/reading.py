"""The words of each passage's text, read once, for its facts and for the templates.

Chunks never change, so a reading is kept as long as there is room: the next set over the same
passages costs a third.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from groundwell.apps.quiz.facts.markup import masked
from groundwell.domain.analysis import analyse
from groundwell.domain.sentences import sentence_spans

_KEPT_READINGS = 1024
_KEPT_SPANS = 64
_LOWERCASE = re.compile(r"\b[a-z][a-z’'-]*[a-z]\b")
_MID_SENTENCE = re.compile(r"(?<=[a-z,;] )[A-Z][\w’'-]*\w")

_LABEL = re.compile(r"\s*(?:[-*+•]\s+|\d{1,3}[.)]\s+)?(\*\*|__)[^*_\n]{1,60}[.:]\1\s+")


@dataclass(frozen=True, slots=True)
class Reading:
    """A passage's words.

    `sentences` are the terms of each sentence, `capitalised` the words with a capital inside of
    sentences, `lowercase` the words without.
    """

    sentences: tuple[frozenset[str], ...]
    capitalised: frozenset[str]
    lowercase: frozenset[str]


@lru_cache(maxsize=_KEPT_SPANS)
def sentences_in(text: str) -> tuple[tuple[int, int], ...]:
    """The spans of the sentences: the same text is read for its facts, its words and its proofs.

    A heading that runs into its paragraph, in bold and with a mark at its end, is one of its own.
    """
    return tuple(part for span in sentence_spans(text) for part in _without_label(text, *span))


def _without_label(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    label = _LABEL.match(text, start, end)
    if label is not None and label.end() < end:
        yield start, label.end()
        start = label.end()
    yield start, end


@lru_cache(maxsize=_KEPT_READINGS)
def read(text: str, language: str) -> Reading:
    """Read a passage's text."""
    unmarked = masked(text)
    return Reading(
        sentences=tuple(
            frozenset(analyse(unmarked[start:end], language))
            for start, end in sentences_in(unmarked)
        ),
        capitalised=frozenset(_MID_SENTENCE.findall(unmarked)),
        lowercase=frozenset(_LOWERCASE.findall(unmarked)),
    )
