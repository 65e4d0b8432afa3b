"""True statements: what a sentence says, to be judged beside statements that are false."""

from __future__ import annotations

import re
from collections.abc import Iterator

from groundwell.apps.quiz.facts.fact import Fact, FactKind
from groundwell.apps.quiz.forms.verdicts import verdict
from groundwell.apps.quiz.forms.wording import (
    given_away,
    opening_of,
    predicate_of,
    says_little,
    terms_in,
    words_at,
)
from groundwell.apps.quiz.language import Span, is_everyday
from groundwell.apps.quiz.questions import Bloom, Passage, Question

# "Tetralogy (teh-TRAL-o-je)": how something is spoken.
_SPOKEN = re.compile(r"\([a-z]+-[A-Z]{2}")
_LEAST_TERMS = 6
_MOST_CHARACTERS = 200
# What may be is hardly ever false, nor is what some things are.
_OPEN = re.compile(
    r"\b(?:can|may|might|could|some|sometimes|many|several|various|numerous|certain|believe\w*|"
    r"think|thought|suggests?|important|helpful|useful|available|possible|var(?:y|ies)|depends?|depending)\b",
    re.IGNORECASE,
)


def true_statements(fact: Fact, passage: Passage, seed: int) -> Iterator[Question]:
    """The sentence as a statement that is true, if it says something that could be otherwise."""
    statement = words_at(passage, fact.quote)
    if len(statement) > _MOST_CHARACTERS or len(terms_in(statement)) < _LEAST_TERMS:
        return
    if (
        _SPOKEN.search(statement)
        or _OPEN.search(statement)
        or says_little(statement)
        or ";" in statement
    ):
        return
    if not (fact.is_askable or _is_of_topic(statement, passage)):
        return
    claim = statement
    if fact.subject is not None and fact.predicate is not None:
        named, said = words_at(passage, fact.subject), predicate_of(passage, fact)
        if fact.kind == FactKind.DEFINITION and given_away(named, said) >= terms_in(named):
            return  # it says in other words what the name says
        between = words_at(passage, Span(fact.subject.start, fact.predicate.start))
        statement = f"{opening_of(passage, fact)}{between} {said}."
        claim = f"{opening_of(passage, fact)}{{}} {said}."
    yield verdict(
        passage,
        fact,
        statement=statement,
        claim=claim,
        template="true-statement",
        seed=seed,
        hint="Think of what the text says of it.",
        bloom=Bloom.REMEMBER,
        difficulty=1,
    )


def _is_of_topic(statement: str, passage: Passage) -> bool:
    """Whether the statement has a word by which the title differs from others, if there is one."""
    named = terms_in(passage.title or "")
    own = frozenset(word for word in named if not is_everyday(word))
    return not own or bool(own & terms_in(statement))
