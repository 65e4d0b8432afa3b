"""Questions about a term in the middle of a sentence: fill it in, choose it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from groundwell.apps.quiz.checks.wording import NUMBER_WORDS
from groundwell.apps.quiz.facts.fact import Fact
from groundwell.apps.quiz.forms.compose import choice, seed_for, source_of
from groundwell.apps.quiz.forms.distractors import Distractors
from groundwell.apps.quiz.forms.material import Material
from groundwell.apps.quiz.forms.terms import Term
from groundwell.apps.quiz.forms.verdicts import false_statement, fits_article
from groundwell.apps.quiz.forms.wording import (
    claim_of,
    explain,
    given_away,
    hint_at,
    in_context,
    is_acronym,
    sentence_case,
    terms_in,
    topic_of,
    with_gap,
    words_at,
)
from groundwell.apps.quiz.language import Span, has_tagger, is_everyday
from groundwell.apps.quiz.questions import Option, Passage, Question, QuestionType

_LEAST_OTHERS = 2
_OTHERS = 3
_LEAST_TERMS = 5
_LEAST_KEY = 3
_MOST_TERMS = 3
# What may be, or is for some, may be and is otherwise as well.
_OPEN = re.compile(
    r"\b(?:can|may|might|could|some|sometimes|often|usually|many|other|others|several|various|"
    r"example|such|include[sd]?|including)\b",
    re.IGNORECASE,
)
_RANGE = re.compile(r"\b(?:mild|low|[a-z]+(?:ed|al|ic|ar|ous|ive)) to\s+\Z")
# What is counted is known by its number: nothing moves by two kilometres a year.
_COUNTED = re.compile(rf"(?:\d|\b(?:{'|'.join(NUMBER_WORDS)}))\s+\Z", re.IGNORECASE)
_BEFORE = 40
"""Characters before a term in which such a word stands: to search all would take long."""
_TEXT = re.compile(
    r"\b(?:materials?|manual|handbook|guidelines?|appendix|annex|chapter|section|exhibit|form|"
    r"report|memorandum|list|website|database|registry|library|dictionary)\Z",
    re.IGNORECASE,
)


def term_gaps(
    fact: Fact, material: Material, distractors: Distractors, seed: int
) -> Iterator[Question]:
    """The sentence with a gap for one of its terms: typed, or chosen among the document's others.

    Only terms that stand in no brackets and do not show again in the sentence; a typed one must
    be a name, or the sentence be about the document's topic.
    """
    passage = material.passage_of(fact)
    is_untagged = not has_tagger(passage.language, passage.text)
    most = 1 if is_untagged else _MOST_TERMS
    for span in islice(_gaps(passage, fact), most):
        shown = with_gap(passage, fact.quote, span)
        key = material.term_at(passage, span)
        claim = claim_of(passage, fact.quote, span)
        if not is_untagged:
            others = distractors.for_gap(key, claim, _OTHERS)
            if len(others) >= _LEAST_OTHERS:
                yield _chosen(passage, fact, span, shown, key, others, seed)
            if others and not _OPEN.search(claim):
                other = material.inside(others[0], bare=True)
                yield from _false(passage, fact, span, other, seed)
        if _is_own_name(key) or is_untagged or _is_central(passage, fact, key):
            yield _typed(passage, fact, span, shown, seed)


def _gaps(passage: Passage, fact: Fact) -> Iterator[Span]:
    sentence = words_at(passage, fact.quote)
    for span in fact.terms:
        key = words_at(passage, span)
        shown = with_gap(passage, fact.quote, span)
        if _is_glued(passage, span) or _is_pointer(key) or _is_topic(key, passage):
            continue
        is_about = fact.subject is not None and span.start < fact.subject.end
        is_aside = "(" in sentence[: sentence.find(key)]
        is_short = len(key) < _LEAST_KEY or len(terms_in(shown)) < _LEAST_TERMS
        if not (is_about or is_aside or is_short or given_away(key, shown)):
            yield span


def _is_glued(passage: Passage, span: Span) -> bool:
    """Whether the term is the rest of something: "X-linked _____", "two _____ a year"."""
    before = passage.text[max(0, span.start - _BEFORE) : span.start]
    return (
        before[-1:] in {"-", "–", "/"}
        or passage.text[span.end : span.end + 1] in {"-", "–", "/"}
        or _RANGE.search(before) is not None
        or _COUNTED.search(before) is not None
    )


def _is_topic(key: str, passage: Passage) -> bool:
    """Whether the term is what all of the document is about, or short for it."""
    topic = topic_of(passage)
    if not topic or not has_tagger(passage.language, passage.text):
        return False
    letters = iter(topic.casefold())
    is_short = key[:1] == topic[:1].upper() and key.isupper()
    is_short = is_short and all(letter in letters for letter in key.casefold())
    words, named = terms_in(key), terms_in(topic)
    is_short = is_short or any(is_acronym(word, topic) for word in key.split())
    return is_short or words <= named or named <= words or is_acronym(key, topic)


def _is_pointer(key: str) -> bool:
    """Whether the term names a text: where something is written is not what a text is about."""
    return _TEXT.search(key) is not None


def _is_own_name(key: Term) -> bool:
    """Whether the term is a name, and no word that only stands for one, such as "the Director"."""
    return key.is_name and (" " in key.text or not is_everyday(key.text))


def _is_central(passage: Passage, fact: Fact, key: Term) -> bool:
    topic = terms_in(" ".join((topic_of(passage), *passage.heading_path)))
    about = terms_in(words_at(passage, fact.subject)) if fact.subject else key.words
    return bool(about & topic)


def _typed(passage: Passage, fact: Fact, span: Span, shown: str, seed: int) -> Question:
    key = words_at(passage, span)
    template = f"gap-term@{span.start - fact.quote.start}"
    return Question(
        type=QuestionType.CLOZE,
        stem=in_context(f"Fill in the gap: “{shown}”", shown, passage, key),
        answer=key,
        explanation=explain(passage, fact, sentence_case(key)),
        source=source_of(passage, fact.quote),
        template=template,
        claim=claim_of(passage, fact.quote, span),
        hint=hint_at(key),
        difficulty=3,
        language=passage.language,
        seed=seed_for(seed, passage.chunk_id, fact.quote, template),
    )


def _false(passage: Passage, fact: Fact, span: Span, other: str, seed: int) -> Iterator[Question]:
    if fits_article(claim_of(passage, fact.quote, span), words_at(passage, span), other):
        yield false_statement(
            passage,
            fact,
            span,
            other,
            template=f"false-term@{span.start - fact.quote.start}",
            seed=seed,
            hint=f"Mind the words “{other}”.",
        )


def _chosen(
    passage: Passage,
    fact: Fact,
    span: Span,
    shown: str,
    key: Term,
    others: list[Term],
    seed: int,
) -> Question:
    told = explain(passage, fact, key.text)
    return choice(
        passage,
        fact,
        stem=in_context(f"Which of these fills the gap? “{shown}”", shown, passage, key.text),
        key=Option(key.text, is_correct=True, feedback=told),
        others=[Option(term.text, is_correct=False, feedback=told) for term in others],
        template=f"which-term@{span.start - fact.quote.start}",
        claim=claim_of(passage, fact.quote, span),
        explanation=told,
        seed=seed,
        hint=hint_at(key.text),
        difficulty=2,
    )
