"""Facts that a list states: the order of steps, and names with what is said about them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from groundwell.apps.quiz.facts.fact import Fact, FactKind
from groundwell.apps.quiz.facts.markup import masked
from groundwell.apps.quiz.language import Span
from groundwell.apps.quiz.questions import Passage
from groundwell.domain.analysis import analyse
from groundwell.domain.sentences import sentence_spans, trim

_LEAST_STEPS = 3
_MOST_STEPS = 8
_MOST_STEP_CHARACTERS = 160
_LEAST_STEP_CHARACTERS = 8
_MOST_LABEL_CHARACTERS = 50
_MOST_LABEL_WORDS = 5
_LEAST_BODY_CHARACTERS = 15
_MOST_BODY_CHARACTERS = 200

_ITEM = re.compile(r"^[^\S\n]*(?:(?P<number>\d{1,2})[.)]|[-*+•◦▪‣–])[^\S\n]+(?=\S)", re.MULTILINE)
_LABEL = re.compile(r"[^\S\n]*(?P<label>[^\n:–—.]{2,50}?)\s*(?::|\s[–—-])\s+(?=\S)")
_BLANK = re.compile(r"\n[^\S\n]*\n")
_SEQUENCE = re.compile(
    r"\b(?:steps?|how (?:to|it|\w+ works)|what happens|procedure|process|instructions?|sequence|"
    r"stages?|phases?)\b",
    re.IGNORECASE,
)
_CONTENTS = re.compile(r"[^\W\d_]\d+(?:-\d+)?$|[. ]{3,}\d+$")
_THEN = re.compile(r"(?:first|then|next|finally|after(?:wards)?|once|when|lastly)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Item:
    number: int | None
    span: Span


def list_facts(passage: Passage, weight: float) -> list[Fact]:
    """The ordered lists that are sequences, and the lists whose items name what they describe."""
    text = masked(passage.text)
    facts = []
    for block in _blocks(passage.text):
        steps = _steps(passage, text, block, weight)
        facts += [fact for fact in (steps, _glossary(passage, text, block, weight)) if fact]
    return facts


def _blocks(text: str) -> Iterator[list[_Item]]:
    """The lists of a text: items that only their own text lies between."""
    block: list[_Item] = []
    for match in _ITEM.finditer(text):
        number = int(match["number"]) if match["number"] else None
        item = _Item(number, Span(match.end(), _item_end(text, match.end())))
        if block and not _follows(text, block[-1], item, match.start()):
            yield block
            block = []
        block.append(item)
    if block:
        yield block


def _item_end(text: str, start: int) -> int:
    following = _ITEM.search(text, start)
    blank = _BLANK.search(text, start)
    ends = [match.start() for match in (following, blank) if match]
    return min(ends, default=len(text))


def _follows(text: str, previous: _Item, item: _Item, marker: int) -> bool:
    if text[previous.span.end : marker].strip():
        return False
    if item.number is None or previous.number is None:
        return item.number == previous.number
    return item.number == previous.number + 1


def _steps(passage: Passage, text: str, block: list[_Item], weight: float) -> Fact | None:
    if block[0].number != 1 or not _LEAST_STEPS <= len(block) <= _MOST_STEPS:
        return None
    steps = [_first_sentence(text, item.span) for item in block]
    told = [step for step in steps if step is not None]
    whole = passage.text[: block[-1].span.end]
    is_last_whole = passage.text[block[-1].span.end :].strip() != "" or whole.rstrip()[-1] in ".!)"
    if len(told) < len(steps) or not is_last_whole:
        return None
    if sum(_LABEL.match(text, *step) is not None for step in told) * 2 > len(told):
        return None  # names with what is said of them, which are counted, not ordered
    heading = passage.heading_path[-1] if passage.heading_path else passage.title
    leads = f"{heading or ''} {text[max(0, block[0].span.start - 200) : block[0].span.start]}"
    if not (_SEQUENCE.search(leads) or _are_tied(text, told)):
        return None
    quote = Span(block[0].span.start, told[-1].end)
    return Fact(FactKind.STEPS, passage.chunk_id, quote, items=tuple(told), weight=weight + 3.0)


def _are_tied(text: str, steps: list[Span]) -> bool:
    """Whether most steps take up the one before, or say that they come after it."""
    told = [text[slice(*step)] for step in steps]
    tied = sum(
        bool(_THEN.match(later)) or bool(set(analyse(earlier)) & set(analyse(later)))
        for earlier, later in pairwise(told)
    )
    return tied * 3 >= 2 * (len(told) - 1)


def _first_sentence(text: str, span: Span) -> Span | None:
    sentences = sentence_spans(text, *span)
    if not sentences:
        return None
    first = Span(*sentences[0])
    is_fit = _LEAST_STEP_CHARACTERS <= first.end - first.start <= _MOST_STEP_CHARACTERS
    words = text[slice(*first)]
    # A line of a table of contents is in capitals, or ends in a page's number.
    is_line = words.isupper() or _CONTENTS.search(words) is not None
    is_fit = is_fit and not (text[first.start].islower() or is_line)
    return first if is_fit and text[first.end - 1] not in ":?" else None


def _glossary(passage: Passage, text: str, block: list[_Item], weight: float) -> Fact | None:
    """The items "name: what is said about it" of a list, when there are three or more."""
    labels: list[Span] = []
    starts: list[int] = []
    bodies: list[Span] = []
    for item in block:
        found = _LABEL.match(text, item.span.start, item.span.end)
        body = found and _body(text, found.end(), item.span.end)
        if found is None or not body:
            continue
        label = trim(text, found.start("label"), found.end("label"))
        if label is None or len(text[label[0] : label[1]].split()) > _MOST_LABEL_WORDS:
            continue
        labels.append(Span(*label))
        starts.append(item.span.start)
        bodies.append(body)
    if len(labels) < _LEAST_STEPS:
        return None
    quote = Span(starts[0], bodies[-1].end)
    return Fact(
        FactKind.GLOSSARY,
        passage.chunk_id,
        quote,
        labels=tuple(labels),
        items=tuple(bodies),
        weight=weight + 2.0,
    )


def _body(text: str, start: int, end: int) -> Span | None:
    sentences = sentence_spans(text, start, end)
    if not sentences:
        return None
    first = Span(*sentences[0])
    length = first.end - first.start
    is_fit = _LEAST_BODY_CHARACTERS <= length <= _MOST_BODY_CHARACTERS
    return first if is_fit and text[first.end - 1] not in "?:" else None
