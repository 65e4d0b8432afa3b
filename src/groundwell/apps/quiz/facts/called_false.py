"""Where a text repeats what it calls false: "The following beliefs are all mistaken."."""

from __future__ import annotations

import re
from collections.abc import Sequence

from groundwell.apps.quiz.facts.markup import masked
from groundwell.apps.quiz.language import Span
from groundwell.apps.quiz.questions import Passage
from groundwell.domain.sentences import sentence_spans

# "Wrong" of what is told, and not as in "a false alarm".
_FALSE = (
    r"(?:(?:false|untrue|incorrect|wrong|mistaken|not true)"
    r"(?=[^\w-]*(?:\Z|[.,:;]|(?:and|or|but)\b))|"
    r"(?:myths?|misconceptions?|fallac(?:y|ies))\b)"
)
_POINTING = r"(?:following|these|below|here)"
_ANNOUNCED = re.compile(
    rf"\b{_POINTING}\b.*\b{_FALSE}|\b{_FALSE}.*(?:\b{_POINTING}\b|:\Z)",
    re.IGNORECASE | re.DOTALL,
)
_SAID = re.compile(rf"\b{_FALSE}", re.IGNORECASE)
_HEADING = re.compile(
    r"\bmisconceptions?\b|\b(?:common|popular|widespread) (?:myths|beliefs|errors)\b", re.IGNORECASE
)
_BLANK = re.compile(r"\n[^\S\n]*\n")
_ITEM = re.compile(r"[^\S\n]*(?:[-*+•◦▪‣–]|\(?(?:\d{1,2}|[a-zA-Z])[.)])\s")


def called_false(passage: Passage) -> tuple[Span, ...]:
    """The parts of the passage's text that the document calls false; English only.

    A sentence that says so of what follows speaks of the rest of its paragraph; where it is the
    last there, of the next paragraph, and of the list that this begins. What announces it may
    stand before the passage, as far as the passage knows that.
    """
    length = len(passage.text)
    if passage.heading_path and _HEADING.search(passage.heading_path[-1]):
        return (Span(0, length),)
    text = passage.lead + passage.text
    if not _SAID.search(text):
        return ()
    first = len(passage.lead)
    spans = [
        Span(end - first, _end_of_announced(text, end) - first)
        for start, end in sentence_spans(masked(text))
        if _ANNOUNCED.search(text[start:end])
    ]
    return tuple(Span(max(0, start), end) for start, end in spans if end > 0)


def is_called_false(spans: Sequence[Span], quote: Span) -> bool:
    """Whether a quote has something of the spans."""
    return any(span.start < quote.end and quote.start < span.end for span in spans)


def _end_of_announced(text: str, start: int) -> int:
    """The end of the first paragraph from here on, or of the list that it is."""
    end, position, was_item = start, start, True
    while was_item and position < len(text):
        blank = _BLANK.search(text, position)
        stop = blank.start() if blank else len(text)
        if text[position:stop].strip():
            was_item = _ITEM.match(text[position:stop].lstrip("\n")) is not None
            if was_item or end == start:
                end = stop
        position = blank.end() if blank else len(text)
    return end
