"""Whether somebody who knows only the question finds its key in the passages.

An answer is extracted with the stem alone: the best sentences by BM25, and in them a span by rule,
as the type of the answer has it. A question whose key is not found this way is ambiguous, names its
subject too vaguely, or is wrong.

Source: C. Alberti, D. Andor, E. Pitler, J. Devlin, M. Collins (2019). Synthetic QA Corpora
Generation with Roundtrip Consistency. ACL. There a model extracts the answer, here these rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from groundwell.apps.quiz.checks.evidence import Evidence, Statement
from groundwell.apps.quiz.checks.examined import GAP, Examined
from groundwell.apps.quiz.checks.wording import Wording, is_close, is_number, wording
from groundwell.apps.quiz.questions import QuestionType

_CONTEXT_WORDS = 3
_MOST_SPAN_WORDS = 8
_LEAST_SAID = 0.8
"""Share of a true statement's words, by weight, that the sentence that says it must have."""


def round_trip_problems(examined: Examined, evidence: Evidence) -> Iterator[str]:
    """Why the stem does not lead back to the key."""
    if not _ROUTES[examined.question.type](examined, evidence):
        yield "Looking for the answer with the question alone does not find the key."


def _by_option(examined: Examined, evidence: Evidence) -> bool:
    """The best sentence that names any option names the right one alone."""
    for statement in evidence.ranked(examined.sought):
        wrong = any(other.is_in(statement.wording) for other in examined.others)
        right = examined.key.is_in(statement.wording)
        if right or wrong:
            return right and not wrong
    return False


def _by_truth(examined: Examined, evidence: Evidence) -> bool:
    """The sentence that says most of the claim is the source's, and agrees about what is stated."""
    found = evidence.ranked(examined.claim_terms)
    said = [evidence.coverage(statement, examined.claim_terms) for statement in found]
    for statement, share in zip(found, said, strict=True):
        if share == max(said) and examined.is_quoted(statement):
            says = examined.is_stated_in(statement.wording)
            return says != examined.is_false and share >= _LEAST_SAID
    return False


def _by_gap(examined: Examined, evidence: Evidence) -> bool:
    """What stands between the words around the gap is the key."""
    found = _in_gap(examined, evidence)
    return found in {spelling.line.strip() for spelling in examined.accepted}


def _in_gap(examined: Examined, evidence: Evidence) -> str:
    """What the best sentence that completes the stem has in its gap; empty without a gap."""
    before, after = examined.before, examined.after
    if not all(side.line in examined.stem.line for side in (before, after)):
        return ""
    size = len(examined.key.words)
    for statement in evidence.ranked(examined.sought):
        found = _between(before.words, after.words, statement.wording, size)
        if found:
            return found
    return ""


def _between(before: Sequence[str], after: Sequence[str], read: Wording, size: int) -> str:
    """The words between both contexts, the longest contexts that stand there; empty if none do.

    With one context alone it is `size` words beside it, as many as the answer has.
    """
    for length in range(_CONTEXT_WORDS, 0, -1):
        left = " ".join(map(re.escape, before[-length:]))
        right = " ".join(map(re.escape, after[:length]))
        span = rf"(\S+(?: \S+){{0,{_MOST_SPAN_WORDS - 1}}}?)"
        if not (left and right):
            span = rf"(\S+(?: \S+){{{size - 1}}})"
        pattern = " " + " ".join(part for part in (left, span, right) if part) + " "
        found = re.search(pattern, read.line)
        if found:
            return found.group(1)
    return ""


def _by_number(examined: Examined, evidence: Evidence) -> bool:
    """The number in the stem's gap is the value, in the best sentence that completes it.

    Without a gap the best sentence that has another number than the stem has no other in the unit.
    """
    question = examined.question
    value, tolerance = question.value or 0.0, question.tolerance or 0.0
    completed = _in_gap(examined, evidence).split() if GAP.search(question.stem) else []
    if completed and is_number(completed[0]):
        return _is_near(completed[0], value, tolerance)
    unit = wording(question.unit or "", question.language).line
    for statement in evidence.ranked(examined.sought):
        words = statement.wording.words
        numbers = {word for word in words if is_number(word)} - examined.stem.terms
        in_unit = {number for number in numbers if f" {number}{unit}" in statement.wording.line}
        numbers = in_unit if question.unit and in_unit else numbers
        if numbers:
            return all(_is_near(number, value, tolerance) for number in numbers)
    return False


def _is_near(number: str, value: float, tolerance: float) -> bool:
    return number.count(".") <= 1 and (
        is_close(float(number), value) or abs(float(number) - value) <= tolerance
    )


def _by_words(examined: Examined, evidence: Evidence) -> bool:
    """The best sentence that says more than the stem has the key."""
    for statement in evidence.ranked(examined.sought):
        if statement.wording.terms - examined.stem.terms:
            return any(spelling.is_in(statement.wording) for spelling in examined.accepted)
    return False


def _by_pairs(examined: Examined, evidence: Evidence) -> bool:
    """Each left side leads to a sentence or row of the quote that has its right side."""
    language = examined.question.language
    for pair in examined.question.pairs:
        left, right = wording(pair.left, language), wording(pair.right, language)
        found = _found(left.terms, examined, evidence)
        if not any(left.is_in(each.wording) and right.is_in(each.wording) for each in found):
            return False
    return True


def _found(terms: frozenset[str], examined: Examined, evidence: Evidence) -> list[Statement]:
    """The best sentences for a part of the question, alone and with the stem."""
    return evidence.ranked(terms) + evidence.ranked(terms | examined.stem.terms)


def _by_steps(examined: Examined, evidence: Evidence) -> bool:
    """Each step leads to the quote, to places that do not go back."""
    reached = 0
    for step in examined.question.steps:
        read = wording(step, examined.question.language)
        found = _found(read.terms, examined, evidence)
        places = [
            statement.start
            for statement in found
            if read.is_in(statement.wording) and examined.is_quoted(statement)
        ]
        if not places or max(places) < reached:
            return False
        reached = min(place for place in places if place >= reached)
    return True


_ROUTES = {
    QuestionType.MCQ: _by_option,
    QuestionType.TRUE_FALSE: _by_truth,
    QuestionType.CLOZE: _by_gap,
    QuestionType.NUMERIC: _by_number,
    QuestionType.SHORT: _by_words,
    QuestionType.MATCHING: _by_pairs,
    QuestionType.ORDERING: _by_steps,
}
