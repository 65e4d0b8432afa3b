"""What the templates draw from: the passages, their terms, and what they say of each."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from groundwell.apps.quiz.facts.fact import Fact, FactKind
from groundwell.apps.quiz.facts.reading import read
from groundwell.apps.quiz.forms.terms import Term, looks_like_name, looks_plural, make_term
from groundwell.apps.quiz.forms.wording import (
    bare,
    predicate_of,
    terms_in,
    topic_of,
    words_at,
)
from groundwell.apps.quiz.language import Span, has_tagger, is_everyday, tagged
from groundwell.apps.quiz.questions import Passage
from groundwell.domain.analysis import analyse
from groundwell.domain.chunks import ChunkId

_ARTICLE_BEFORE = re.compile(r"\b(the|an?)\s+\Z", re.IGNORECASE)
_SUPPORTING_SHARE = 0.6
_REPEATING_SHARE = 0.7
_RIVAL_SHARE = 0.7
_MOST_TITLE_WORDS = 4
_LEAST_REPEATED = 2
_FORMS_OF_BE = frozenset({"is", "are", "was", "were"})
_CAUSED_BY = re.compile(r"(?:\w+ly )?caused by ")


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of a subject in a form in which much is said of others.

    `verb`, `tail` and `text` are "is", "caused by" and "a blood clot"; `tail` is empty for what it
    is.
    """

    verb: str
    tail: str
    text: str
    subject: Term
    is_plural: bool


class Material:
    """Passages and facts, indexed for the templates. Made anew for every set."""

    def __init__(self, passages: Sequence[Passage], facts: Sequence[Fact]) -> None:
        self.passages = {passage.chunk_id: passage for passage in passages}
        self.facts = [fact for fact in facts if fact.chunk_id in self.passages]
        self._told: dict[str, list[tuple[frozenset[str], float]]] = {}

    @cached_property
    def sentences(self) -> list[frozenset[str]]:
        """The terms of each sentence of each passage, with those of its document's title."""
        found = []
        for passage in self.passages.values():
            topic = terms_in(topic_of(passage), passage.language)
            found += [
                sentence | topic for sentence in read(passage.text, passage.language).sentences
            ]
        return found

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        places: dict[str, list[int]] = defaultdict(list)
        for place, words in enumerate(self.sentences):
            for word in words:
                places[word].append(place)
        return places

    def supporting(self, statement: str) -> list[frozenset[str]]:
        """The sentences that say most of the statement: the words of each."""
        return self._saying(statement, _SUPPORTING_SHARE)

    def is_said_of_others(self, statement: str, subject: frozenset[str]) -> bool:
        """Whether another sentence says the statement, and not of the subject."""
        return any(not words & subject for words in self._saying(statement, _REPEATING_SHARE))

    def _saying(self, statement: str, least: float) -> list[frozenset[str]]:
        """The words of each sentence that says at least this share of the statement."""
        if statement not in self._told:
            self._told[statement] = self._shares_of(statement)
        return [words for words, share in self._told[statement] if share >= least]

    def _shares_of(self, statement: str) -> list[tuple[frozenset[str], float]]:
        """The words of each sentence, and the share that it says of the statement, if it is large.

        Words weigh by their rarity among the sentences, so that "a condition characterized by"
        says little.
        """
        said: dict[int, float] = defaultdict(float)
        whole = 0.0
        for word in sorted(terms_in(statement)):
            places = self._places.get(word, ())
            weight = math.log(1.0 + len(self.sentences) / (1 + len(places)))
            whole += weight
            for place in places:
                said[place] += weight
        return [
            (self.sentences[place], weight / whole)
            for place, weight in said.items()
            if weight / whole >= _SUPPORTING_SHARE
        ]

    def has_rival(self, fact: Fact) -> bool:
        """Whether another definition says nearly the same of something else."""
        own = self._definitions.get((fact.chunk_id, fact.quote.start))
        if own is None:
            return False
        return any(
            not (words <= own[0] or own[0] <= words)
            and len(said & own[1]) >= _RIVAL_SHARE * len(own[1])
            for words, said in self._definitions.values()
        )

    @cached_property
    def _definitions(self) -> dict[tuple[ChunkId, int], tuple[frozenset[str], frozenset[str]]]:
        """The words of each definition's subject and of what it says."""
        return {
            (fact.chunk_id, fact.quote.start): (
                self.subject_of(fact).words,
                frozenset(analyse(predicate_of(self.passage_of(fact), fact))),
            )
            for fact in self.facts
            if fact.kind == FactKind.DEFINITION and fact.subject is not None
        }

    def said_of(self, fact: Fact) -> Said | None:
        """What the fact says its subject is, or is caused by; None for any other fact."""
        is_fit = fact.is_askable and fact.object is not None and fact.opening is None
        if not is_fit or fact.kind not in {FactKind.DEFINITION, FactKind.CAUSE}:
            return None
        predicate = predicate_of(self.passage_of(fact), fact)
        verb, _, rest = predicate.partition(" ")
        if verb not in _FORMS_OF_BE or ";" in rest or "which means" in rest:
            return None
        tail = ""
        if fact.kind == FactKind.CAUSE:
            caused = _CAUSED_BY.match(rest)
            if caused is None:
                return None
            tail, rest = caused.group().strip(), rest[caused.end() :]
        return Said(verb, tail, rest, self.subject_of(fact), fact.is_plural)

    def all_said(self, own: Said) -> list[Said]:
        """What is said of any subject in the form of `own`."""
        return [each for each in self._said_in_form if bool(each.tail) == bool(own.tail)]

    @cached_property
    def _said_in_form(self) -> list[Said]:
        return [said for fact in self.facts if (said := self.said_of(fact)) is not None]

    def is_central(self, fact: Fact) -> bool:
        """Whether a sentence is about what its text is about, so that it is worth judging.

        Its subject has a name of its own, or it has a word of the title or headings; where there
        is no title, one that the passage repeats.
        """
        if fact.is_askable:
            return True
        passage = self.passage_of(fact)
        said = terms_in(words_at(passage, fact.quote))
        if said & terms_in(" ".join((passage.title or "", *passage.heading_path))):
            return True
        sentences = read(passage.text, passage.language).sentences
        return not passage.title and any(
            sum(word in sentence for sentence in sentences) >= _LEAST_REPEATED for word in said
        )

    def passage_of(self, fact: Fact) -> Passage:
        """The passage that states the fact."""
        return self.passages[fact.chunk_id]

    @cached_property
    def terms(self) -> list[Term]:
        """All terms, each once; what defines a term counts for more than what mentions it."""
        found: dict[str, Term] = {}
        for fact in sorted(self.facts, key=_rank):
            for term in self._terms_of(fact):
                found.setdefault(term.text.casefold(), term)
        for passage in self.passages.values():
            topic = topic_of(passage)
            if has_tagger(passage.language, passage.text) and _is_term(topic):
                term = make_term(
                    topic,
                    passage,
                    is_plural=looks_plural(topic),
                    is_name=self._is_name(topic),
                    is_subject=True,
                )
                found.setdefault(term.text.casefold(), term)
        # "Gene cause" beside "gene" is no term, but a verb that was taken for a noun.
        return [term for key, term in found.items() if not _is_overlong(key, found)]

    def subject_of(self, fact: Fact) -> Term:
        """What the fact is about, as a term."""
        assert fact.subject is not None
        passage = self.passage_of(fact)
        is_defined = fact.kind in {FactKind.DEFINITION, FactKind.GLOSS}
        kind = words_at(passage, fact.object) if is_defined and fact.object else ""
        return make_term(
            words_at(passage, fact.subject),
            passage,
            is_plural=fact.is_plural,
            is_name=self._is_name(words_at(passage, fact.subject)),
            is_subject=True,
            kind=terms_in(kind),
            kind_noun=terms_in(words_at(passage, fact.kind_noun) if fact.kind_noun else ""),
            definition=words_at(passage, fact.quote) if is_defined else "",
        )

    def _terms_of(self, fact: Fact) -> Iterable[Term]:
        passage = self.passage_of(fact)
        is_told = fact.predicate is not None or fact.kind == FactKind.GLOSS
        if fact.subject is not None and is_told and fact.is_askable:
            yield self.subject_of(fact)
        for span in fact.terms:
            yield self.term_at(passage, span)

    def term_at(self, passage: Passage, span: Span) -> Term:
        """What stands at a span, as a term."""
        words = words_at(passage, _with_article(passage, span))
        return make_term(
            words,
            passage,
            is_plural=looks_plural(words),
            is_name=self._is_name(words),
            is_subject=False,
            follows=_word_before(passage, span),
        )

    def inside(self, term: Term, *, bare: bool = False) -> str:
        """The term as it stands inside of a sentence, without its article if it is to be `bare`."""
        named = term.text if bare else term.named
        first, _, rest = named.partition(" ")
        is_plain = first.istitle() and first not in self._always_capitalised
        if is_plain and (is_everyday(first) or not rest):
            return f"{first.lower()} {rest}".strip()
        return named

    def _is_name(self, words: str) -> bool:
        """Whether the passages write each word with a capital, not at beginnings only."""
        parts = bare(words).split()
        return all(part in self._always_capitalised or looks_like_name(part) for part in parts)

    @cached_property
    def _always_capitalised(self) -> frozenset[str]:
        readings = [read(passage.text, passage.language) for passage in self.passages.values()]
        lowercase = frozenset().union(*(reading.lowercase for reading in readings))
        return frozenset(
            word
            for reading in readings
            for word in reading.capitalised
            if word.lower() not in lowercase
        )


def _rank(fact: Fact) -> tuple[bool, bool, ChunkId, int]:
    return (
        fact.kind != FactKind.DEFINITION,
        fact.subject is None,
        fact.chunk_id,
        fact.quote.start,
    )


def _is_overlong(text: str, terms: Container[str]) -> bool:
    before, _, last = text.rpartition(" ")
    return before in terms and is_everyday(last)


def _word_before(passage: Passage, span: Span) -> str:
    start = _with_article(passage, span).start
    before = passage.text[max(0, start - 20) : start].split()
    return before[-1].lower() if before and before[-1].isalpha() else ""


def _with_article(passage: Passage, span: Span) -> Span:
    article = _ARTICLE_BEFORE.search(passage.text, max(0, span.start - 5), span.start)
    return Span(article.start(1), span.end) if article else span


def _is_term(topic: str) -> bool:
    """Whether a title names one thing, such as "Silicosis" and unlike "How tides work"."""
    words = topic.split()
    return (
        0 < len(words) <= _MOST_TITLE_WORDS
        and topic.replace("-", "").replace(" ", "").isalpha()
        and len(analyse(topic)) == len(words)
        and all(token.kind in "NJ" for token in tagged(topic))
        and not all(is_everyday(word) for word in words)
    )
