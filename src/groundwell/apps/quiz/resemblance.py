"""Which questions must not stand in one set: those that ask the same, or answer each other."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from groundwell.apps.quiz.checks.wording import Wording, wording
from groundwell.apps.quiz.questions import Question, QuestionType, Source

MAX_SIMILARITY = 0.85
"""Stems are alike from this cosine of their character trigrams on."""

LEAST_CONTEXT = 0.6
"""Share of a claim's words beside which its key gives the answer away."""

_GRAM = 3


@dataclass(frozen=True, slots=True)
class Likeness:
    """What resemblance to others is told by.

    `grams` counts each three characters that follow each other in the stem, `norm` is its length
    as a vector. `shown` is all that whoever takes the set reads, but for the options. `key` is the
    answer, if it is words that could stand in another question, `context` what is said about it.
    `quote` is the proof in comparable form: the same sentence may stand in two documents.
    """

    source: Source
    grams: Mapping[str, int]
    norm: float
    shown: Wording
    key: Wording
    context: frozenset[str]
    quote: Wording


def likeness_of(question: Question) -> Likeness:
    """What the question resembles others by. Takes about 0.1 ms."""
    language = question.language
    grams, norm = _grams_of(question.stem)
    shown = [question.stem, question.explanation, question.hint, *question.steps]
    shown += [f"{pair.left} {pair.right}" for pair in question.pairs]
    has_words = question.claim and question.type is not QuestionType.TRUE_FALSE
    return Likeness(
        source=question.source,
        grams=grams,
        norm=norm,
        shown=wording(" \n".join(shown), language),
        key=wording(question.answer if has_words else "", language),
        context=wording(question.claim, language).terms,
        quote=wording(question.source.quote, language),
    )


@lru_cache(maxsize=1024)
def _grams_of(stem: str) -> tuple[Mapping[str, int], float]:
    """The trigrams of a stem, and its length as their vector."""
    line = f" {' '.join(stem.casefold().split())} "
    grams = Counter(line[at : at + _GRAM] for at in range(len(line) - _GRAM + 1))
    return grams, math.sqrt(sum(count * count for count in grams.values()))


def is_duplicate(first: Likeness, second: Likeness) -> bool:
    """Whether both rest on the same words, or their stems are all but the same.

    The rows of a table rest on the same words, as these hold the names of its columns.
    """
    if _are_other_rows(first, second):
        return False
    one, other = first.source, second.source
    overlap = one.start < other.end and other.start < one.end
    if one.document_id == other.document_id and one.version == other.version and overlap:
        return True
    return first.quote.line == second.quote.line or _cosine(first, second) >= MAX_SIMILARITY


def _are_other_rows(first: Likeness, second: Likeness) -> bool:
    are_rows = "|" in first.source.quote and "|" in second.source.quote
    contexts = (first.context, second.context)
    return are_rows and all(contexts) and first.context.isdisjoint(second.context)


def is_giveaway(first: Likeness, second: Likeness) -> bool:
    """Whether one of them shows the other's key with what is asked about it."""
    return _tells(first.shown, second) or _tells(second.shown, first)


def is_spoilt(later: Likeness, before: Likeness) -> bool:
    """Whether the proof of one, which practice shows with its answer, answers the other as well."""
    return _tells(before.quote, later)


def is_longer(first: Likeness, second: Likeness) -> bool:
    """Whether the proof of the first holds all that of the second and goes on: rows of a table."""
    one, other = first.source, second.source
    places = [(each.document_id, each.version, each.start) for each in (one, other)]
    return places[0] == places[1] and one.end > other.end


def _tells(shown: Wording, told: Likeness) -> bool:
    if not told.key.is_in(shown):
        return False
    return len(told.context & shown.terms) >= LEAST_CONTEXT * len(told.context)


def _cosine(first: Likeness, second: Likeness) -> float:
    one, other = first.grams, second.grams
    product = sum([one[gram] * other[gram] for gram in one.keys() & other.keys()])
    return product / (first.norm * second.norm) if product else 0.0
