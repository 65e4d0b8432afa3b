"""A question as the checks read it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from groundwell.apps.quiz.checks.evidence import Statement
from groundwell.apps.quiz.checks.wording import Wording, wording
from groundwell.apps.quiz.questions import Passage, Question, QuestionType

PLACE = "{}"
"""Where the key stands in a claim."""

TRUE, FALSE = "True", "False"
"""The two answers to a statement."""

TYPED = frozenset((QuestionType.CLOZE, QuestionType.NUMERIC, QuestionType.SHORT))
"""Types whose answer is typed, so that nothing shows which of two right answers is meant."""

GAP = re.compile("_{2,}")
"""The gap in a stem."""

_YEAR = "year"

# What fits any answer says nothing about it.
_ANY_ARTICLE = re.compile(r"\ba ?\(n\)|\ba/an\b|\ban/a\b", re.IGNORECASE)
# What stands before the statement: "True or false: …".
_PROMPT = re.compile(
    r"^(?:[^.:?“]*“[^”]*”)?[^.:?]*\b(?:true|false)\b[^.:?]*[:?.]\s+(?=\S)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Examined:
    """A question with its texts in comparable form.

    `stem` is without its gap and, where a statement is judged, without what asks to judge it.
    `above` are the terms of the source's title and headings, `subject` those that the claim has.
    `key` is empty for matching and ordering, and of a statement what was put in the claim's place.
    A statement's claim may have no place, and be the statement itself: then the key is all of it,
    or, where it is false, the words that its quote lacks.
    `before` and `after` are the claim on both sides of that place. `others` are the wrong options.
    """

    question: Question
    passage: Passage | None
    stem: Wording
    key: Wording
    others: tuple[Wording, ...]
    before: Wording
    after: Wording
    subject: frozenset[str]
    above: frozenset[str]
    quote: Wording

    @property
    def claim_terms(self) -> frozenset[str]:
        """The terms of the claim besides the key."""
        return self.before.terms | self.after.terms

    def is_quoted(self, statement: Statement) -> bool:
        """Whether the statement is a part of the quote, or the quote one of it."""
        source = self.question.source
        offset = self.passage.char_start if self.passage else 0
        return (
            statement.chunk_id == source.chunk_id
            and statement.start < source.end - offset
            and statement.end > source.start - offset
        )

    def is_stated_in(self, told: Wording) -> bool:
        """Whether a text says what the statement says.

        It has the same words in the same order; others may stand between them, unless it is known
        which word was put in: that must have the same neighbours.
        """
        if PLACE not in self.question.claim:
            remaining = iter(told.words)
            stated = [*self.before.words, *self.key.words] if self.is_false else self.key.words
            return all(word in remaining for word in stated)
        before, after = self.before.words[-1:], self.after.words[:1]
        return f" {' '.join([*before, *self.key.words, *after])} " in told.line

    @property
    def sought(self) -> frozenset[str]:
        """The terms to look for with the stem alone.

        Where it has all of the claim, the rest is how one asks, but for what names the document.
        """
        if self.claim_terms and self.claim_terms <= self.stem.terms:
            return self.claim_terms | (self.stem.terms & self.above)
        return self.stem.terms

    @property
    def is_subject_asked(self) -> bool:
        """Whether the claim begins with the key: what it says of that may hold of other things."""
        if PLACE in self.question.claim:
            return not self.before.terms
        opening = wording(self.question.claim, self.question.language).words[:1]
        return self.is_false and opening == self.key.words[:1]

    @property
    def is_false(self) -> bool:
        """Whether the answer is that a statement is false."""
        return self.question.answer == FALSE

    @property
    def accepted(self) -> tuple[Wording, ...]:
        """The key and its further spellings."""
        spellings = self.question.accepted
        return (self.key, *(wording(text, self.question.language) for text in spellings))


def examined(question: Question, passage: Passage | None) -> Examined:
    """The question in comparable form; `passage` is the one that it names as its source."""
    language = question.language
    before, _, after = (wording(part, language) for part in question.claim.partition(PLACE))
    quote = wording(question.source.quote, language)
    stem = wording(plain_stem(statement_of(question)), language)
    if question.type is not QuestionType.TRUE_FALSE:
        key = wording(key_text(question), language)
    elif PLACE in question.claim:
        key = _filler(stem, before, after)
    elif question.answer == FALSE:
        key, before = before.without(quote), before.within(quote)
    else:
        key = before
    headings = [question.source.title or "", *(passage.heading_path if passage else ())]
    above = wording(" \n".join(headings), language).terms
    return Examined(
        question=question,
        passage=passage,
        stem=stem,
        key=key,
        others=tuple(
            wording(each.text, language) for each in question.options if not each.is_correct
        ),
        before=before,
        after=after,
        subject=(before.terms | after.terms) & above,
        above=above,
        quote=quote,
    )


def statement_of(question: Question) -> str:
    """The stem; where a statement is judged, the statement alone."""
    if question.type is QuestionType.TRUE_FALSE:
        return _PROMPT.sub("", question.stem)
    return question.stem


def is_year(question: Question) -> bool:
    """Whether the number is a year, which is asked for as one and written without a unit."""
    value = question.value or 0.0
    return question.unit == _YEAR and value.is_integer() and len(str(int(value))) == len("2000")


def plain_stem(text: str) -> str:
    """A stem, or a part of one, without its gap and without the article that fits all answers."""
    return GAP.sub(" ", _ANY_ARTICLE.sub(" ", text))


def key_text(question: Question) -> str:
    """The key in words: the right option's, if there are options. Empty where it is an order."""
    if question.type in {QuestionType.MATCHING, QuestionType.ORDERING}:
        return ""
    right = (option.text for option in question.options if option.is_correct)
    return next(right, question.answer)


def _filler(statement: Wording, before: Wording, after: Wording) -> Wording:
    """What a statement has in the claim's place; no words where it does not say the claim.

    Words may stand before the claim, such as the name of the document that says so.
    """
    line, left, right = statement.line, before.line, after.line
    at = line.find(left) + len(left)
    if left in line and line.endswith(right) and at < len(line) - len(right):
        words = line[at : len(line) - len(right)]
        return Wording(f" {words} ", statement.terms.intersection(words.split()))
    return wording("")
