"""From facts to questions, more than anybody asked for: the checks and the set choose."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from groundwell.apps.quiz.facts.fact import Fact, FactKind
from groundwell.apps.quiz.forms.collections import collection_questions, definition_matching
from groundwell.apps.quiz.forms.dates import date_questions
from groundwell.apps.quiz.forms.denials import denial_questions
from groundwell.apps.quiz.forms.distractors import Closeness, Distractors
from groundwell.apps.quiz.forms.gaps import term_gaps
from groundwell.apps.quiz.forms.material import Material
from groundwell.apps.quiz.forms.meanings import gloss_questions, meaning_questions
from groundwell.apps.quiz.forms.numbers import Numbers
from groundwell.apps.quiz.forms.opposites import opposite_questions
from groundwell.apps.quiz.forms.phrases import Phrases
from groundwell.apps.quiz.forms.subjects import subject_questions
from groundwell.apps.quiz.forms.truths import true_statements
from groundwell.apps.quiz.language import has_tagger
from groundwell.apps.quiz.questions import Passage, Question
from groundwell.domain.chunks import ChunkId


@dataclass(frozen=True, slots=True)
class _Makers:
    """What knows all of the material."""

    distractors: Distractors
    numbers: Numbers
    phrases: Phrases


def draft_questions(
    passages: Sequence[Passage],
    facts: Sequence[Fact],
    seed: int,
    closeness: Closeness | None = None,
) -> list[Question]:
    """The questions that the templates make of the facts of the passages.

    They come passage by passage in the order given, the most worth asking first in each. The same
    arguments give the same questions in every process; nothing has been checked. `closeness`, if
    given, is called once with the terms of the passages.
    """
    material = Material(passages, facts)
    makers = _Makers(Distractors(material, closeness), Numbers(material), Phrases(material))
    of_passage: dict[ChunkId, list[Fact]] = defaultdict(list)
    for fact in material.facts:
        of_passage[fact.chunk_id].append(fact)
    drafts: dict[str, Question] = {}
    for passage in material.passages.values():
        told = sorted(of_passage[passage.chunk_id], key=lambda fact: (-fact.weight, fact.quote))
        for question in definition_matching(told, material, seed):
            drafts.setdefault(question.id, question)
        for fact in told:
            for question in _questions_of(fact, material, makers, seed):
                drafts.setdefault(question.id, question)
    return list(drafts.values())


def _questions_of(fact: Fact, material: Material, makers: _Makers, seed: int) -> Iterator[Question]:
    if fact.kind == FactKind.QUANTITY:
        yield from makers.numbers.questions(fact, seed)
    elif fact.kind == FactKind.GLOSS:
        yield from gloss_questions(fact, material, makers.distractors, seed)
    elif fact.kind == FactKind.TERM or fact.predicate is not None:
        yield from _sentence_questions(fact, material, makers, seed)
    elif fact.kind == FactKind.DENIAL and material.is_central(fact):
        yield from denial_questions(fact, material.passage_of(fact), seed)
    else:
        yield from collection_questions(fact, material, seed)


def _sentence_questions(
    fact: Fact, material: Material, makers: _Makers, seed: int
) -> Iterator[Question]:
    """What a sentence gives, the more so if it is known what it is about."""
    passage = material.passage_of(fact)
    if fact.predicate is not None:
        yield from meaning_questions(fact, material, seed)
        yield from subject_questions(fact, material, makers.distractors, seed)
    yield from term_gaps(fact, material, makers.distractors, seed)
    if has_tagger(passage.language, passage.text) and material.is_central(fact):
        yield from makers.phrases.questions(fact, seed)
        yield from opposite_questions(fact, passage, seed)
        yield from date_questions(fact, passage, seed)
        yield from true_statements(fact, passage, seed)
