"""Statements to be judged as true or false."""

from __future__ import annotations

import re

from groundwell.apps.quiz.facts.fact import Fact
from groundwell.apps.quiz.forms.compose import seed_for, source_of
from groundwell.apps.quiz.forms.wording import claim_of, explain, in_context, words_at
from groundwell.apps.quiz.language import Span
from groundwell.apps.quiz.questions import Bloom, Passage, Question, QuestionType
from groundwell.apps.quiz.shown import FALSE, TRUE

_ARTICLE = re.compile(r"\ban?\s+\{\}", re.IGNORECASE)
_VOWELS = frozenset("aeiou")


def fits_article(claim: str, key: str, other: str) -> bool:
    """Whether "a" or "an" before the claim's place, if there, suits the other words as the key."""
    if not _ARTICLE.search(claim):
        return True
    return (key[:1].lower() in _VOWELS) == (other[:1].lower() in _VOWELS)


def verdict(
    passage: Passage,
    fact: Fact,
    *,
    statement: str,
    claim: str,
    template: str,
    seed: int,
    hint: str,
    why_false: str = "",
    topic: str = "",
    bloom: Bloom = Bloom.UNDERSTAND,
    difficulty: int = 2,
) -> Question:
    """The question whether the statement is true; it is not if there is a reason `why_false`.

    `topic` is what it is said of in truth, where that is not told.
    """
    answer = FALSE if why_false else TRUE
    return Question(
        type=QuestionType.TRUE_FALSE,
        stem=in_context(f"True or false? “{statement}”", statement, passage, topic),
        answer=answer,
        explanation=explain(passage, fact, f"{FALSE}: {why_false}" if why_false else TRUE),
        source=source_of(passage, fact.quote),
        template=template,
        claim=claim,
        hint=hint,
        bloom=bloom,
        difficulty=difficulty,
        language=passage.language,
        seed=seed_for(seed, passage.chunk_id, fact.quote, template),
    )


def false_statement(
    passage: Passage,
    fact: Fact,
    place: Span,
    other: str,
    *,
    template: str,
    seed: int,
    hint: str,
    why_false: str = "",
) -> Question:
    """The fact's sentence with other words at a place, to be judged.

    Unless it is told, it is false because the words there are not those.
    """
    claim = claim_of(passage, fact.quote, place)
    return verdict(
        passage,
        fact,
        statement=claim.replace("{}", other),
        claim=claim,
        template=template,
        seed=seed,
        hint=hint,
        why_false=why_false or f"it is “{words_at(passage, place)}”, not “{other}”",
    )
