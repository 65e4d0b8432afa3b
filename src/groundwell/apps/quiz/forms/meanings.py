"""Questions about what something is, what it is called, and what it comes of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from groundwell.apps.quiz.facts.fact import Fact, FactKind
from groundwell.apps.quiz.forms.compose import choice, seed_for, source_of
from groundwell.apps.quiz.forms.distractors import Distractors, are_topics, is_of_kind
from groundwell.apps.quiz.forms.material import Material, Said
from groundwell.apps.quiz.forms.terms import Term
from groundwell.apps.quiz.forms.wording import (
    explain,
    given_away,
    hint_at,
    says_little,
    terms_in,
    words_at,
)
from groundwell.apps.quiz.questions import Bloom, Option, Passage, Question, QuestionType

_LEAST_OTHERS = 2
_OTHERS = 3
_MOST_OPTION_CHARACTERS = 150
_MOST_KEY_LENGTH = 1.5
_LEAST_TYPED_TERMS = 3
# Causes are alike but for one word, such as a name; what things are must differ by more.
_LEAST_OWN = 0.6
_LEAST_OWN_CAUSE = 1 / 3


def gloss_questions(
    fact: Fact, material: Material, distractors: Distractors, seed: int
) -> Iterator[Question]:
    """What the meaning that the text gives is called: chosen, and typed if it tells enough."""
    assert fact.object is not None
    passage, key = material.passage_of(fact), material.subject_of(fact)
    meaning = words_at(passage, fact.object)
    if given_away(key.text, meaning):
        return
    others = distractors.for_meaning(fact, key, meaning, _OTHERS)
    stem = f"Which term means “{meaning}”?"
    told = explain(passage, fact, key.text)
    if len(others) >= _LEAST_OTHERS:
        yield choice(
            passage,
            fact,
            stem=stem,
            key=Option(key.text, is_correct=True, feedback=told),
            others=[Option(term.text, is_correct=False, feedback=told) for term in others],
            template="which-called",
            claim=f"{{}}: {meaning}",
            explanation=told,
            seed=seed,
            hint=hint_at(key.text),
        )
    if len(terms_in(meaning)) >= _LEAST_TYPED_TERMS:
        yield _typed(passage, fact, key, stem, meaning, seed)


def _typed(passage: Passage, fact: Fact, key: Term, stem: str, meaning: str, seed: int) -> Question:
    template = "term-for"
    return Question(
        type=QuestionType.SHORT,
        stem=stem,
        answer=key.text,
        explanation=explain(passage, fact, key.text),
        source=source_of(passage, fact.quote),
        template=template,
        claim=f"{{}}: {meaning}",
        hint=hint_at(key.text),
        difficulty=4,
        language=passage.language,
        seed=seed_for(seed, passage.chunk_id, fact.quote, template),
    )


def meaning_questions(fact: Fact, material: Material, seed: int) -> Iterator[Question]:
    """What the subject is, or is caused by, chosen among what the passages say of others."""
    own = material.said_of(fact)
    if own is None:
        return
    passage, key = material.passage_of(fact), material.subject_of(fact)
    asked = f"{own.verb} {material.inside(key)}"
    is_fit = len(own.text) <= _MOST_OPTION_CHARACTERS and not says_little(own.text)
    if given_away(own.text, key.text) or not is_fit:
        return
    others = _others(own, material.all_said(own), _OTHERS)
    if len(others) < _LEAST_OTHERS or _is_odd(own, others):
        return
    is_cause = fact.kind == FactKind.CAUSE
    stem = f"What {asked} {own.tail}?" if own.tail else f"What {asked}?"
    told = explain(passage, fact, own.text)
    yield choice(
        passage,
        fact,
        stem=stem,
        key=Option(own.text, is_correct=True, feedback=told),
        others=[Option(each.text, is_correct=False, feedback=told) for each in others],
        template="what-causes" if is_cause else "what-is",
        claim=f"{key.named} {own.verb} {own.tail} {{}}.".replace("  ", " "),
        explanation=told,
        seed=seed,
        hint=f"It begins with “{own.text.partition(' ')[0]}”."
        if sum(each.text.split()[0] == own.text.split()[0] for each in others) == 0
        else f"It has {len(own.text.split())} words.",
        bloom=Bloom.UNDERSTAND,
        difficulty=3 if is_cause else 2,
    )


def _others(own: Said, all_said: Sequence[Said], count: int) -> list[Said]:
    """What is said of other things in the same way: the likest, about as long, each different."""
    ranked = sorted(
        (
            (
                -len(own.subject.kind & each.subject.kind),
                -len(terms_in(own.text) & terms_in(each.text)) if own.tail else 0,
                abs(len(each.text) - len(own.text)),
                each.text,
                each,
            )
            for each in all_said
            if not (each.subject.words & own.subject.words)
            and (own.tail or _is_of_class(each.subject, own.subject))
            and own.is_plural == each.is_plural
            and len(each.text) <= _MOST_OPTION_CHARACTERS
            and not says_little(each.text)
            and len(own.text) <= _MOST_KEY_LENGTH * len(each.text)
            and not given_away(each.text, " ".join(sorted(own.subject.words)))
        ),
        key=lambda ranked: ranked[:4],
    )
    kept: list[Said] = []
    for *_, each in ranked:
        words = terms_in(each.text)
        share = _LEAST_OWN_CAUSE if own.tail else _LEAST_OWN
        if all(_is_different(words, terms_in(other.text), share) for other in (own, *kept)):
            kept.append(each)
        if len(kept) == count:
            break
    return kept


def _is_of_class(term: Term, key: Term) -> bool:
    return is_of_kind(term, key) or are_topics(term, key)


def _is_odd(own: Said, others: Sequence[Said]) -> bool:
    """Whether all others have a word that the right one lacks: it would stand out."""
    shared = frozenset.intersection(*(terms_in(each.text) for each in others))
    return bool(shared) and not shared & terms_in(own.text)


def _is_different(one: frozenset[str], other: frozenset[str], share: float) -> bool:
    """Whether each has at least that share of words of its own."""
    return len(one - other) >= share * len(one) and len(other - one) >= share * len(other)
