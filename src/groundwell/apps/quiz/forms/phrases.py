"""Questions about which thing of a kind is meant: this account, or another one."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from groundwell.apps.quiz.facts.fact import Fact
from groundwell.apps.quiz.forms.compose import choice
from groundwell.apps.quiz.forms.material import Material
from groundwell.apps.quiz.forms.verdicts import false_statement, fits_article
from groundwell.apps.quiz.forms.wording import (
    claim_of,
    explain,
    given_away,
    hint_at,
    in_context,
    sentence_case,
    terms_in,
    with_gap,
    words_at,
)
from groundwell.apps.quiz.language import Span
from groundwell.apps.quiz.questions import Option, Passage, Question

_LEAST_OTHERS = 2
_OTHERS = 3
_LEAST_TERMS = 6
_MOST_CHARACTERS = 220
# What may be, or is for some, may be and is otherwise as well.
_OPEN = re.compile(
    r"\b(?:can|may|might|could|some|sometimes|often|usually|many|other|others|several|various|"
    r"example|such|include[sd]?|including)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Phrase:
    text: str
    words: frozenset[str]
    document_id: str


class Phrases:
    """The phrases of each document by their nouns: those of one noun are one another's rivals."""

    def __init__(self, material: Material) -> None:
        self._material = material
        self._of_noun: dict[tuple[str, str], dict[str, _Phrase]] = defaultdict(dict)
        for fact in material.facts:
            for span in fact.phrases:
                phrase = self._at(material.passage_of(fact), span)
                self._of_noun[phrase.document_id, _noun(phrase.text)].setdefault(
                    phrase.text, phrase
                )

    def questions(self, fact: Fact, seed: int) -> Iterator[Question]:
        """The sentence with a gap for a phrase, and with another phrase in its place."""
        passage = self._material.passage_of(fact)
        sentence = words_at(passage, fact.quote)
        if len(sentence) > _MOST_CHARACTERS or _OPEN.search(sentence) or ";" in sentence:
            return
        for span in fact.phrases:
            key = self._at(passage, span)
            claim = claim_of(passage, fact.quote, span)
            beside = claim.replace("{}", "")
            if len(terms_in(beside)) < _LEAST_TERMS or given_away(key.text, beside):
                continue
            others = [
                each for each in self._others(key, beside) if fits_article(claim, key.text, each)
            ]
            if len(others) >= _LEAST_OTHERS:
                yield _chosen(passage, fact, span, key.text, others, seed)
            if others:
                yield _false(passage, fact, span, key.text, others[0], seed)

    def _at(self, passage: Passage, span: Span) -> _Phrase:
        text = words_at(passage, span)
        return _Phrase(text, terms_in(text), passage.document_id)

    def _others(self, key: _Phrase, beside: str) -> list[str]:
        """Phrases of the document with the same noun and no other word in common."""
        noun = terms_in(_noun(key.text))
        supporting = self._material.supporting(beside)
        shown = terms_in(beside)
        taken = [key.words - noun]
        kept: list[str] = []
        ranked = sorted(
            self._of_noun[key.document_id, _noun(key.text)].values(),
            key=lambda each: (abs(len(each.text) - len(key.text)), each.text),
        )
        for each in ranked:
            own = each.words - noun
            if not own or any(own & other for other in (*taken, shown)):
                continue
            if any(each.words <= words for words in supporting):
                continue
            taken.append(own)
            kept.append(each.text)
        return kept[:_OTHERS]


def _noun(phrase: str) -> str:
    return phrase.rpartition(" ")[2]


def _chosen(
    passage: Passage, fact: Fact, span: Span, key: str, others: list[str], seed: int
) -> Question:
    told = explain(passage, fact, sentence_case(key))
    shown = with_gap(passage, fact.quote, span)
    return choice(
        passage,
        fact,
        stem=in_context(f"Which of these fills the gap? “{shown}”", shown, passage, key),
        key=Option(key, is_correct=True, feedback=told),
        others=[Option(other, is_correct=False, feedback=told) for other in others],
        template=f"which-phrase@{span.start - fact.quote.start}",
        claim=claim_of(passage, fact.quote, span),
        explanation=told,
        seed=seed,
        hint=hint_at(key),
        difficulty=2,
    )


def _false(passage: Passage, fact: Fact, span: Span, key: str, other: str, seed: int) -> Question:
    return false_statement(
        passage,
        fact,
        span,
        other,
        template=f"false-phrase@{span.start - fact.quote.start}",
        seed=seed,
        hint=f"Mind the words “{other}”.",
        why_false=f"it is “{key}”, not “{other}”",
    )
