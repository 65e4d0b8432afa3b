"""Whether another answer would be right as well.

Each other option is put into the claim, and the passages are searched for a sentence that says so:
it has the option, and nearly all of the claim's words. A typed answer has no others to try; there
a sentence that makes the same claim with another answer in its place shows that the question does
not say which one it means. Words are compared, not meanings, so this errs on the side of refusing.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from groundwell.apps.quiz.checks.evidence import Evidence, Statement
from groundwell.apps.quiz.checks.examined import (
    FALSE,
    PLACE,
    TYPED,
    Examined,
    is_year,
    statement_of,
)
from groundwell.apps.quiz.checks.wording import Wording, is_number, wording
from groundwell.apps.quiz.questions import Question, QuestionType

SUPPORT = 0.75
"""Share of a claim's words, by weight, that a sentence needs to say the same."""

_POSSIBLE = frozenset(("can", "could", "may", "might"))
_CONTEXT_WORDS = 2


def claims_of(question: Question) -> tuple[str, ...]:
    """What to search the whole collection for before the question is checked.

    The claims that other answers would make; of a typed answer, the claim without one.
    """
    if question.type is QuestionType.MCQ:
        wrong = (option.text for option in question.options if not option.is_correct)
        return tuple(question.claim.replace(PLACE, text) for text in wrong)
    if question.type is QuestionType.TRUE_FALSE:
        return (statement_of(question),) if question.answer == FALSE else ()
    return (question.claim.replace(PLACE, " "),) if question.type in TYPED else ()


def second_answer_problems(examined: Examined, evidence: Evidence) -> Iterator[str]:
    """Which other answer is right as well."""
    question = examined.question
    claims = claims_of(question)
    if question.type in TYPED:
        if any(_rivals(examined, statement) for statement in _speaking(examined, evidence)):
            yield "Another sentence gives another answer."
        return
    if claims and _is_possibility(examined):
        yield "What one thing can do or be, another may as well."
        return
    tried = examined.others if question.type is QuestionType.MCQ else (examined.key,)
    for other, claim in zip(tried, claims, strict=False):
        if _is_supported(examined, other, claim, evidence):
            yield f'The documents support another answer as well: "{other.line.strip()}".'
            return
    if claims and any(_is_general(examined, each) for each in _speaking(examined, evidence)):
        yield "The documents say the same of something else."


def _is_possibility(examined: Examined) -> bool:
    """Whether it is asked what can or may do something, which excludes nothing else."""
    said = examined.after if PLACE in examined.question.claim else examined.before
    return examined.is_subject_asked and not _POSSIBLE.isdisjoint(said.words[:_CONTEXT_WORDS])


def _is_supported(examined: Examined, other: Wording, claim: str, evidence: Evidence) -> bool:
    """Whether a sentence makes the claim with the other answer, or what is told of that does."""
    terms = examined.claim_terms - other.terms
    for statement in chain(evidence.about(other.terms), evidence.further(claim)):
        # What the quote says was compared word by word; here a denial counts like any word.
        if examined.is_false and statement.wording.line == examined.quote.line:
            continue
        if _names(examined, other, statement) and _speaks(
            statement, terms, examined.subject, evidence
        ):
            return True
    telling = evidence.rarest(terms)
    told = (evidence.words(chunk_id) for chunk_id in evidence.titled(other.terms))
    # What is told of it elsewhere, all together.
    return bool(telling) and any(
        telling & words and evidence.share(terms, words) >= SUPPORT
        for words in told
        if not examined.key.terms <= words
    )


def _names(examined: Examined, other: Wording, statement: Statement) -> bool:
    """Whether the statement is about the other answer: names it, or stands where it is named.

    The latter does not hold for the quote, nor for a sentence that names the key.
    """
    if examined.question.type is QuestionType.TRUE_FALSE and other.terms:
        if other.terms <= statement.wording.terms:
            return True
    elif other.is_in(statement.wording):
        return True
    if examined.is_quoted(statement) or examined.key.is_in(statement.wording):
        return False
    return bool(other.terms) and other.terms - statement.wording.terms <= statement.nearby


def _is_general(examined: Examined, statement: Statement) -> bool:
    """Whether another document says of something else what makes the key the answer."""
    is_own = statement.chunk_id == examined.question.source.chunk_id
    if is_own or examined.subject or not examined.is_subject_asked:
        return False
    held = statement.wording.terms | statement.nearby
    return not examined.key.terms <= held


def _speaks(
    statement: Statement, terms: frozenset[str], subject: frozenset[str], evidence: Evidence
) -> bool:
    """Whether the statement says what the claim's terms say, of the same subject.

    What the claim is about is told by the terms that name its document or section, and by the
    rarest: a sentence that lacks these says the same of something else.
    """
    own, nearby = statement.wording.terms, statement.nearby
    if not subject.intersection(terms).difference(own) <= nearby:
        return False
    telling = evidence.rarest(terms)
    if telling and telling.isdisjoint(own) and telling.isdisjoint(nearby):
        return False
    return evidence.coverage(statement, terms) >= SUPPORT


def _speaking(examined: Examined, evidence: Evidence) -> Iterator[Statement]:
    """The sentences, other than the quote, that make the claim with some answer."""
    terms = examined.claim_terms
    for statement in evidence.with_most(terms, SUPPORT):
        is_other = not examined.is_quoted(statement)
        if is_other and _speaks(statement, terms, examined.subject, evidence):
            yield statement
    for claim in claims_of(examined.question):
        for statement in evidence.further(claim):
            if _speaks(statement, terms, examined.subject, evidence):
                yield statement


def _rivals(examined: Examined, statement: Statement) -> bool:
    """Whether the statement has another answer in the claim's place."""
    if any(spelling.is_in(statement.wording) for spelling in examined.accepted):
        return False
    if examined.question.type is QuestionType.NUMERIC:
        return _has_other_number(examined, statement)
    before, after = examined.before.words[-_CONTEXT_WORDS:], examined.after.words[:_CONTEXT_WORDS]
    return any(f" {' '.join(side)} " in statement.wording.line for side in (before, after) if side)


def _has_other_number(examined: Examined, statement: Statement) -> bool:
    question = examined.question
    numbers = set(filter(is_number, statement.wording.words)) - examined.claim_terms
    if is_year(question):
        return any(len(number) == len("2000") and number.isdecimal() for number in numbers)
    unit = wording(question.unit or "", question.language)
    return bool(numbers) and (unit.line == " " or unit.is_in(statement.wording))
