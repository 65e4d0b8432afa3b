"""Questions about what a sentence is about: choose it, type it, tell true from false."""

from __future__ import annotations

import re
from collections.abc import Iterator

from groundwell.apps.quiz.facts.fact import Fact, FactKind
from groundwell.apps.quiz.forms.compose import choice, seed_for, source_of
from groundwell.apps.quiz.forms.distractors import Distractors, is_of_kind
from groundwell.apps.quiz.forms.material import Material
from groundwell.apps.quiz.forms.terms import Term
from groundwell.apps.quiz.forms.verdicts import verdict
from groundwell.apps.quiz.forms.wording import (
    bare,
    explain,
    given_away,
    hint_at,
    in_context,
    is_acronym,
    opening_of,
    predicate_of,
    says_little,
    terms_in,
    topic_of,
    words_at,
)
from groundwell.apps.quiz.language import Span
from groundwell.apps.quiz.questions import Bloom, Option, Passage, Question, QuestionType

_LEAST_OTHERS = 2
_OTHERS = 3
_LEAST_TERMS = 4
_LEAST_TERMS_WITH_NUMBER = 8
_LEAST_KEY = 3
_MOST_STATEMENT_CHARACTERS = 170
_MOST_PREDICATE_CHARACTERS = 220
# What one thing may or must do, another may or must as well.
_MODAL = re.compile(r"(?:\w+ly )?(?:can|may|might|could|must|should|shall|will)\b")
_USUAL = re.compile(r"(?:\w+ )?(?:usually|often|sometimes|typically|generally|commonly)\b")
# What holds in some cases tells nothing apart.
_SOME = re.compile(r"\b(?:some|many|most|certain|few|several|rare|general)\b", re.IGNORECASE)
_CONCEPTUAL = frozenset({FactKind.CAUSE, FactKind.CONTRAST})


def subject_questions(
    fact: Fact, material: Material, distractors: Distractors, seed: int
) -> Iterator[Question]:
    """The questions whose key is the fact's subject, if it can be asked for."""
    if fact.subject is None or fact.predicate is None or not fact.is_askable:
        return
    passage = material.passage_of(fact)
    predicate = predicate_of(passage, fact)
    key = material.subject_of(fact)
    topic = topic_of(passage)
    is_short = len(key.text) < len(topic) and is_acronym(key.text, topic)
    is_short = is_short or len(key.text) < _LEAST_KEY
    if is_short or not _is_telling(fact, passage, predicate):
        return
    if material.is_said_of_others(predicate, key.words):
        return
    leaked = given_away(key.text, predicate)
    others = distractors.for_subject(fact, key, _OTHERS, leaked)
    if _USUAL.match(predicate):
        # What is usual for one thing may be for others, of which their documents need not speak.
        others = [term for term in others if term.document_id == key.document_id]
    if len(others) >= _LEAST_OTHERS:
        yield _choice(passage, fact, key, others, seed)
    is_vague = says_little(predicate)
    is_whole = fact.kind == FactKind.DEFINITION and not (fact.opening or is_vague)
    if is_whole and not leaked and not material.has_rival(fact):
        yield _short(passage, fact, key, seed)
        yield _cloze(passage, fact, key, seed)
    if is_vague:
        return
    if len(predicate) <= _MOST_STATEMENT_CHARACTERS:
        near = key.document_id
        alike = [term for term in others if is_of_kind(term, key) or term.document_id == near]
        if alike and not fact.opening:
            yield _false(passage, fact, key, alike[0], seed)


def _is_telling(fact: Fact, passage: Passage, predicate: str) -> bool:
    """Whether what is said is enough to tell the subject by."""
    told = {word for word in terms_in(predicate) if not word[0].isdigit()}
    is_counted = len(told) < _LEAST_TERMS_WITH_NUMBER and any(map(str.isdigit, predicate))
    least = _LEAST_TERMS if fact.kind == FactKind.DEFINITION else _LEAST_TERMS + 1
    if len(told) < least or is_counted or len(predicate) > _MOST_PREDICATE_CHARACTERS:
        return False
    is_open = _MODAL.match(predicate) or _SOME.search(opening_of(passage, fact))
    return not (is_open or ";" in predicate)


def _choice(passage: Passage, fact: Fact, key: Term, others: list[Term], seed: int) -> Question:
    predicate = predicate_of(passage, fact)
    sentence = words_at(passage, fact.quote)
    return choice(
        passage,
        fact,
        stem=in_context(
            _which(opening_of(passage, fact), predicate),
            words_at(passage, fact.quote),
            passage,
            key.text,
        ),
        key=Option(key.text, is_correct=True, feedback=f"Right: “{sentence}”"),
        others=[_wrong(term, key) for term in others],
        template=f"which-{fact.kind}",
        claim=f"{opening_of(passage, fact)}{{}} {predicate}.",
        explanation=explain(passage, fact, key.text),
        seed=seed,
        hint=hint_at(key.text),
        bloom=Bloom.UNDERSTAND if fact.kind in _CONCEPTUAL else Bloom.REMEMBER,
        difficulty=3 if fact.kind in _CONCEPTUAL or not fact.object else 2,
    )


def _which(opening: str, predicate: str) -> str:
    return f"{opening}{'which' if opening else 'Which'} of these {predicate}?"


def _wrong(term: Term, key: Term) -> Option:
    feedback = f"The text says: “{term.definition}”" if term.definition else f"It is {key.text}."
    return Option(term.text, is_correct=False, feedback=feedback)


def _short(passage: Passage, fact: Fact, key: Term, seed: int) -> Question:
    predicate = predicate_of(passage, fact)
    verb, _, complement = predicate.partition(" ")
    stem = f"Which term means “{complement}”?"
    template = "term-for"
    return Question(
        type=QuestionType.SHORT,
        stem=in_context(stem, complement, passage, key.text),
        answer=key.text,
        explanation=explain(passage, fact, key.text),
        source=source_of(passage, fact.quote),
        template=template,
        claim=f"{{}} {verb} {complement}.",
        accepted=_spellings(passage, fact, key.text),
        hint=hint_at(key.text),
        difficulty=4,
        language=passage.language,
        seed=seed_for(seed, passage.chunk_id, fact.quote, template),
    )


def _spellings(passage: Passage, fact: Fact, key: str) -> tuple[str, ...]:
    """What else a learner may type: the acronym that the text gives in brackets."""
    assert fact.subject is not None
    assert fact.predicate is not None
    between = words_at(passage, Span(fact.subject.end, fact.predicate.start)).strip("() ")
    acronym = between.split(";")[0].split(",")[0].strip()
    is_acronym = 1 < len(acronym) <= len(key) and " " not in acronym and acronym[:2].isupper()
    return (acronym,) if is_acronym else ()


def _cloze(passage: Passage, fact: Fact, key: Term, seed: int) -> Question:
    assert fact.subject is not None
    assert fact.predicate is not None
    gap = Span(fact.subject.start, fact.predicate.start)
    words = words_at(passage, Span(gap.start, fact.subject.end))
    gap = Span(gap.end - 1, gap.end - 1) if not words else gap
    shown = f"_____ {predicate_of(passage, fact)}."
    template = "gap-subject"
    return Question(
        type=QuestionType.CLOZE,
        stem=in_context(f"Fill in the gap: “{shown}”", shown, passage, key.text),
        answer=bare(words),
        explanation=explain(passage, fact, key.text),
        source=source_of(passage, fact.quote),
        template=template,
        claim=f"{{}} {predicate_of(passage, fact)}.",
        accepted=_spellings(passage, fact, key.text),
        hint=hint_at(key.text),
        difficulty=3,
        language=passage.language,
        seed=seed_for(seed, passage.chunk_id, fact.quote, template),
    )


def _false(passage: Passage, fact: Fact, key: Term, other: Term, seed: int) -> Question:
    """What the sentence says, said of another subject."""
    predicate = predicate_of(passage, fact)
    return verdict(
        passage,
        fact,
        statement=f"{other.named} {predicate}.",
        claim=f"{{}} {predicate}.",
        template="false-subject",
        seed=seed,
        hint="Mind what it is about.",
        why_false=f"it is {key.text}, not {other.text}",
        topic=key.text,
    )
