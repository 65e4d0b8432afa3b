"""Whether the source proves the question: nothing is asked or explained that it does not say."""

from __future__ import annotations

import re
from collections.abc import Iterator

from groundwell.apps.quiz.checks.evidence import Evidence
from groundwell.apps.quiz.checks.examined import FALSE, TYPED, Examined, is_year
from groundwell.apps.quiz.checks.names import strange_to
from groundwell.apps.quiz.checks.wording import (
    Wording,
    is_close,
    is_misspelling,
    is_number,
    number_tokens,
    wording,
)
from groundwell.apps.quiz.questions import Question, QuestionType

LEAST_SHARED = 0.5
"""Share of what is said about the key that stands in the quote, or in the words around it."""


def grounding_problems(examined: Examined, evidence: Evidence) -> Iterator[str]:
    """Why the source does not prove the question.

    The quote stands verbatim at its place; the key stands in the quote, with the same numbers, and
    so does every step and pair; what the question says about the key is what the quote speaks of;
    stem and explanation hold no number and no name that passage, title and headings lack.
    """
    passage, question = examined.passage, examined.question
    source = question.source
    if passage is None or (source.document_id, source.version) != (
        passage.document_id,
        passage.version,
    ):
        yield "The passage that it names as its source is not among those it was made of."
        return
    start, end = source.start - passage.char_start, source.end - passage.char_start
    if start < 0 or start >= end or passage.text[start:end] != source.quote:
        yield "The quote does not stand in the source at the given place."
        return
    yield from _key(examined)
    yield from _subject(examined, evidence)
    yield from _strange(examined, evidence)


def _key(examined: Examined) -> Iterator[str]:
    match examined.question.type:
        case QuestionType.MATCHING:
            yield from _pairs(examined)
        case QuestionType.ORDERING:
            yield from _steps(examined)
        case QuestionType.TRUE_FALSE:
            stands = examined.is_stated_in(examined.quote)
            if examined.is_false and (stands or _is_slip(examined)):
                yield "The source says what is called false."
            elif not stands and not examined.is_false:
                yield "The source does not say what is called true."
        case QuestionType.NUMERIC:
            yield from _number(examined)
        case _:
            if not examined.key.is_in(examined.quote):
                yield "The answer does not stand in the quote."


def _is_slip(examined: Examined) -> bool:
    """Whether the false statement has but a misspelling of a word of the quote."""
    stated, told = examined.key.words, examined.quote.words
    return any(is_misspelling(stated, told[at : at + len(stated)]) for at in range(len(told)))


def _number(examined: Examined) -> Iterator[str]:
    question = examined.question
    value, language = question.value or 0.0, question.language
    if not any(is_close(value, number) for number in _numbers(question.answer, language)):
        yield "The value is not the number in the answer."
    if not any(is_close(value, number) for number in _numbers(question.source.quote, language)):
        yield "The number does not stand in the quote."
    unit = wording(question.unit or "", language)
    if question.unit and not unit.is_in(examined.quote) and not is_year(question):
        yield "The unit does not stand in the quote."


def _numbers(text: str, language: str) -> list[float]:
    """The numbers of a text, those in words too."""
    spelled = {*number_tokens(text, language), *filter(is_number, wording(text, language).words)}
    return [float(number) for number in spelled if number.count(".") <= 1]


def _pairs(examined: Examined) -> Iterator[str]:
    language = examined.question.language
    pairs = [
        (wording(pair.left, language), wording(pair.right, language))
        for pair in examined.question.pairs
    ]
    if not all(left.is_in(examined.quote) and right.is_in(examined.quote) for left, right in pairs):
        yield "A pair does not stand in the quote."
        return
    lefts = [_places(left, examined.quote) for left, _ in pairs]
    rights = [_places(right, examined.quote) for _, right in pairs]
    if not (_belong(lefts, rights) or _belong(rights, lefts)):
        yield "What stands together in the quote is not what is paired."


def _belong(firsts: list[list[int]], seconds: list[list[int]]) -> bool:
    """Whether the nearest first thing before each second thing is its own."""
    return all(
        any(
            max((place for place in first if place <= at), default=-1)
            > max((p for o in firsts if o is not first for p in o if p <= at), default=-1)
            for at in second
        )
        for first, second in zip(firsts, seconds, strict=True)
    )


def _steps(examined: Examined) -> Iterator[str]:
    at = 0
    for step in examined.question.steps:
        read = wording(step, examined.question.language)
        if not read.is_in(examined.quote):
            yield "A step does not stand in the quote."
            return
        found = examined.quote.line.find(read.line, at)
        if found < 0:
            yield "The steps stand in another order in the quote."
            return
        at = found + len(read.line) - 1


def _places(part: Wording, whole: Wording) -> list[int]:
    return [match.start() for match in re.finditer(re.escape(part.line[:-1]) + "(?= )", whole.line)]


def _subject(examined: Examined, evidence: Evidence) -> Iterator[str]:
    terms = examined.claim_terms
    quoted = filter(examined.is_quoted, evidence.statements(examined.question.source.chunk_id))
    nearby = next((statement.nearby for statement in quoted), frozenset[str]())
    shared = terms & (examined.quote.terms | nearby)
    is_mentioned = not terms or terms & examined.quote.terms
    telling = evidence.rarest(terms)
    is_about = not telling or telling & shared
    if not (is_mentioned and is_about) or len(shared) < LEAST_SHARED * len(terms):
        yield "The quote speaks of something else than the question."


def _strange(examined: Examined, evidence: Evidence) -> Iterator[str]:
    question = examined.question
    known = evidence.words(question.source.chunk_id)
    if question.type is QuestionType.TRUE_FALSE and examined.is_false:
        # What is denied must be named.
        known |= frozenset(examined.stem.words)
    for name, text in _texts(question):
        strange = strange_to(known, text, question.language)
        if strange:
            yield f"The {name} names what the source does not: {', '.join(strange)}."


def _texts(question: Question) -> Iterator[tuple[str, str]]:
    """The texts that may name only what the source names."""
    yield "explanation", question.explanation
    if question.type is not QuestionType.TRUE_FALSE or question.answer != FALSE:
        yield "stem", question.stem
    if question.type in TYPED:
        yield "answer", question.answer
    for option in question.options:
        if option.is_correct:
            yield "feedback", option.feedback
