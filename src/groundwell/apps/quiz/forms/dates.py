"""False statements: sentences with another century or decade."""

from __future__ import annotations

import re
from collections.abc import Iterator

from groundwell.apps.quiz.facts.fact import Fact
from groundwell.apps.quiz.facts.markup import masked
from groundwell.apps.quiz.forms.verdicts import false_statement
from groundwell.apps.quiz.forms.wording import words_at
from groundwell.apps.quiz.language import Span
from groundwell.apps.quiz.questions import Passage, Question

_DATE = re.compile(r"\b(?P<century>1[3-9])th(?=[- ]century)|\b(?P<decade>1[5-9][0-9]0)(?=s\b)")
_DECADES_AWAY = 3
_CENTURIES_AWAY = 2
_YEARS = 10
_MOST_CHARACTERS = 250
# What holds from a time on, or until then, may hold at another one.
_LASTING = re.compile(
    r"\b(?:since|until|after|before|between|from|to|through|than)\s+(?:\w+\s+)?\Z"
)


def date_questions(fact: Fact, passage: Passage, seed: int) -> Iterator[Question]:
    """The sentence with another time in the place of its own, if it names just one."""
    text = masked(passage.text)
    found = list(_DATE.finditer(text, *fact.quote))
    if len(found) != 1 or len(words_at(passage, fact.quote)) > _MOST_CHARACTERS:
        return
    (date,) = found
    if _LASTING.search(text, fact.quote.start, date.start()):
        return
    own, other = date.group(), _other(date)
    place = Span(*date.span())
    yield false_statement(
        passage,
        fact,
        place,
        other,
        template="false-date",
        seed=seed,
        hint="Mind the time.",
        why_false=f"it is “{own}”, not “{other}”",
    )


def _other(date: re.Match[str]) -> str:
    """A time before it that is far enough from it."""
    if date["century"]:
        return f"{int(date['century']) - _CENTURIES_AWAY}th"
    return str(int(date["decade"]) - _DECADES_AWAY * _YEARS)
