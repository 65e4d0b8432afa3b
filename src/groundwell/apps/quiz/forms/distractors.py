"""Wrong answers that are wrong, and of the right one's kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from groundwell.apps.quiz.facts.fact import Fact
from groundwell.apps.quiz.forms.material import Material
from groundwell.apps.quiz.forms.terms import Term
from groundwell.apps.quiz.forms.wording import (
    is_acronym,
    predicate_of,
    terms_in,
    topic_of,
    words_at,
)
from groundwell.apps.quiz.language import LENGTH_OF_ENDING, tells_field
from groundwell.domain.chunks import Floats

Closeness: TypeAlias = Callable[[Sequence[str]], Floats]
"""Embeds texts: one unit vector a row."""

_MOST_ALIKE = 0.9
_LEAST_ALIKE = 0.4
_STRANGE = 0.32
_CANDIDATES = 24
_LONGEST = 4.0
_MOST_KEY_SHARE = 1.5
_TWO = 2
# What may stand before anything tells nothing about the kind of what follows.
_LOOSE = frozenset({"", "of", "and", "the", "with", "for", "to", "as", "than", "is", "are"})
_LEAST_LIKENESS = 0.1


class Distractors:
    """Finds wrong answers among the terms of the material.

    Without `closeness`, those that are of the same kind, share the noun or its ending, or stand
    in the same document, the likest first. With it, the nearest in meaning among these and any
    others that are near enough; synonyms are too near.
    """

    def __init__(self, material: Material, closeness: Closeness | None = None) -> None:
        self._material = material
        self._vectors: dict[str, Floats] = {}
        if closeness is not None and material.terms:
            texts = [term.text for term in material.terms]
            self._vectors = dict(zip(texts, closeness(texts), strict=True))

    def for_subject(
        self, fact: Fact, key: Term, count: int, shared: frozenset[str] = frozenset()
    ) -> list[Term]:
        """Up to `count` other terms that could stand where the fact's subject stands, wrongly.

        None of them stands in the fact's own sentence, and no passage says the like of them. All
        have the `shared` words, which the question gives away.
        """
        passage = self._material.passage_of(fact)
        quote = terms_in(words_at(passage, fact.quote))
        supporting = self._material.supporting(predicate_of(passage, fact))
        # What is said of all ducks is true of each kind of them, and those stand beside them.
        topic = terms_in(topic_of(passage))
        is_general = not key.is_name and bool(key.words & topic)
        fitting = [
            (self._likeness(term, key, is_plausible=_is_plausible(term, key)), term)
            for term in self._material.terms
            if not (is_general and term.document_id == key.document_id)
            and _is_of_form(term, key)
            and is_distinct(term, key)
            and shared <= term.words
            and not term.words <= quote
            and not any(term.words <= words for words in supporting)
        ]
        ranked = sorted(
            (each for each in fitting if each[0] > 0.0), key=lambda each: (-each[0], each[1].text)
        )[:_CANDIDATES]
        return _different([term for _, term in ranked], count)

    def for_gap(self, key: Term, claim: str, count: int) -> list[Term]:
        """Up to `count` other terms that could stand in the gap of `claim`, the likest first.

        They are of the same document and follow the same word as the key does, which tells places
        from people; or of another and near the key in meaning.
        """
        beside = terms_in(claim.replace("{}", ""))
        supporting = self._material.supporting(claim.replace("{}", ""))
        fitting = [
            (self._likeness(term, key, is_plausible=_stands_alike(term, key)), term)
            for term in self._material.terms
            if _is_of_form(term, key)
            and is_distinct(term, key)
            and not term.words & beside
            and not any(term.words <= words for words in supporting)
        ]
        ranked = sorted(
            (each for each in fitting if each[0] > 0.0), key=lambda each: (-each[0], each[1].text)
        )[:_CANDIDATES]
        return _different([term for _, term in ranked], count)

    def for_meaning(self, fact: Fact, key: Term, meaning: str, count: int) -> list[Term]:
        """Up to `count` other terms that the passages explain or name, none with the meaning."""
        passage = self._material.passage_of(fact)
        quote = terms_in(words_at(passage, fact.quote))
        supporting = self._material.supporting(meaning)
        fitting = [
            (self._likeness(term, key, is_plausible=is_of_kind(term, key)), term)
            for term in self._material.terms
            if _is_of_form(term, key)
            and is_distinct(term, key)
            and not term.words <= quote
            and not term.words & terms_in(meaning)
            and not any(term.words <= words for words in supporting)
        ]
        ranked = sorted(
            (each for each in fitting if each[0] > 0.0), key=lambda each: (-each[0], each[1].text)
        )[:_CANDIDATES]
        return _different([term for _, term in ranked], count)

    def _likeness(self, term: Term, key: Term, *, is_plausible: bool) -> float:
        """How plausible a term is in the place of the key; 0 for one that is not.

        One that means the same is none, nor one that means something of another kind altogether.
        """
        likeness = _likeness(term, key) if is_plausible else 0.0
        ours, theirs = self._vectors.get(key.text), self._vectors.get(term.text)
        if ours is None or theirs is None:
            return likeness
        near = float(np.dot(ours, theirs))
        if not _STRANGE <= near <= _MOST_ALIKE:
            return 0.0
        return likeness + 2.0 * max(0.0, near - _LEAST_ALIKE) / (1.0 - _LEAST_ALIKE)


def is_distinct(term: Term, key: Term) -> bool:
    """Whether two terms mean different things, as far as their words tell."""
    if not term.words or term.words <= key.words or key.words <= term.words:
        return False
    shared = len(term.words & key.words)
    if shared > 1 and 2 * shared >= min(len(term.words), len(key.words)):
        return False  # what is true of one form of a thing may be true of another
    if len(term.text.split()) == len(key.text.split()) == _TWO and _has_same_opening(term, key):
        return False  # what is true of a gene is often said of its protein
    if len(key.words) == 1 and any(word.endswith(min(key.words)) for word in term.words):
        return False  # "shelducks" are ducks
    return not (is_acronym(term.text, key.text) or is_acronym(key.text, term.text))


def _has_same_opening(term: Term, key: Term) -> bool:
    return term.text.split()[0].casefold() == key.text.split()[0].casefold()


def _is_of_form(term: Term, key: Term) -> bool:
    length = len(key.text)
    is_filed = bool(term.kind_noun & key.kind_noun)
    return (
        term.is_plural == key.is_plural
        and (is_filed or term.is_name == key.is_name)
        and length / _MOST_KEY_SHARE <= len(term.text) <= _LONGEST * length
    )


def is_of_kind(term: Term, key: Term) -> bool:
    """Whether the passages file both under the same noun, or they have the same noun or ending."""
    return bool(term.kind_noun & key.kind_noun) or _is_of_family(term, key)


def are_topics(term: Term, key: Term) -> bool:
    """Whether documents of their own are about both, and both have names of their own."""
    return term.is_topic and key.is_topic and term.has_own_noun and key.has_own_noun


def _is_plausible(term: Term, key: Term) -> bool:
    """Whether a term could pass for the key: of its kind, a topic too, or defined beside it."""
    is_beside = term.document_id == key.document_id and term.heading == key.heading
    is_alike = is_of_kind(term, key) or are_topics(term, key)
    return is_alike or bool(is_beside and term.definition and key.definition)


def _stands_alike(term: Term, key: Term) -> bool:
    """Whether a term stands in the same document as the key does: after the same word.

    Names are of one kind then, such as places after "in"; of other words it takes one ending too.
    """
    is_alike = term.follows == key.follows and key.follows not in _LOOSE
    is_fit = is_alike and key.is_name and term.document_id == key.document_id
    return is_fit or is_of_kind(term, key)


def _is_of_family(term: Term, key: Term) -> bool:
    """Whether both end in the same noun, or in words of their own field with the same ending.

    Endings of everyday words, such as "-ation", tell no kind; those of learned ones do: "-scopy".
    """
    noun, other = key.text.split()[-1].lower(), term.text.split()[-1].lower()
    if noun == other:
        return True
    ending = noun[-LENGTH_OF_ENDING:]
    are_own = term.has_own_noun and key.has_own_noun and not (term.is_name or key.is_name)
    return are_own and other.endswith(ending) and tells_field(ending)


def _likeness(term: Term, key: Term) -> float:
    """How alike two terms are by what the text files them under, how they end, where they stand."""
    kinds = len(term.kind & key.kind) / len(term.kind | key.kind) if term.kind and key.kind else 0.0
    return max(
        _LEAST_LIKENESS,
        2.0 * kinds
        + 1.0 * _is_of_family(term, key)
        + 0.6 * (term.document_id == key.document_id)
        + 0.4 * bool(term.heading and term.heading == key.heading)
        + 0.3 * term.is_subject
        + 0.5 * bool(term.definition)
        - 0.2 * abs(len(term.text.split()) - len(key.text.split())),
    )


def _different(terms: Sequence[Term], count: int) -> list[Term]:
    """The first of the terms that differ from one another."""
    kept: list[Term] = []
    for term in terms:
        if all(is_distinct(term, other) for other in kept):
            kept.append(term)
        if len(kept) == count:
            break
    return kept
