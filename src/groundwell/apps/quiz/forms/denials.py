"""False statements: what a sentence denies, without its "not"."""

from __future__ import annotations

from collections.abc import Iterator

from groundwell.apps.quiz.facts.fact import Fact
from groundwell.apps.quiz.forms.verdicts import false_statement
from groundwell.apps.quiz.forms.wording import terms_in, words_at
from groundwell.apps.quiz.questions import Passage, Question

_MOST_CHARACTERS = 200
_LEAST_TERMS = 5
_SIBILANTS = ("s", "x", "z", "ch", "sh", "o")


def denial_questions(fact: Fact, passage: Passage, seed: int) -> Iterator[Question]:
    """Whether that holds which the sentence denies."""
    assert fact.object is not None
    sentence = words_at(passage, fact.quote)
    if len(sentence) > _MOST_CHARACTERS or ";" in sentence:
        return
    if len(terms_in(sentence)) < _LEAST_TERMS:
        return
    denied = words_at(passage, fact.object)
    told = _affirmed(denied)
    yield false_statement(
        passage,
        fact,
        fact.object,
        told,
        template="false-denied",
        seed=seed,
        hint=f"Mind the word “{told.split()[-1]}”.",
        why_false=f"the text denies it: “{denied}”",
    )


def _affirmed(denied: str) -> str:
    """The verb without its denial: "is" for "is not", "causes" for "does not cause"."""
    first, *rest = denied.split()
    if first == "does":
        return _third_person(rest[-1])
    if first == "do":
        return rest[-1]
    return "can" if first == "cannot" else first


def _third_person(verb: str) -> str:
    if verb == "have":
        return "has"
    if verb.endswith("y") and verb[-2:-1] not in "aeiou":
        return f"{verb[:-1]}ies"
    return f"{verb}es" if verb.endswith(_SIBILANTS) else f"{verb}s"
