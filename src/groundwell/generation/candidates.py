"""The sentences that a context may be made of, and how much each bears on the query."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from groundwell.domain.analysis import analyse
from groundwell.domain.context import ContextPassage
from groundwell.domain.sentences import sentence_spans
from groundwell.generation.context_format import ContextFormat
from groundwell.generation.coverage import coverage, term_weights

WORDS_WEIGHT = 0.5
SIMILARITY_WEIGHT = 0.4
PASSAGE_WEIGHT = 0.3


@dataclass(frozen=True, slots=True)
class Candidate:
    """`passages[passage].text[start:end]`, the passage's sentence number `position`.

    `shown` is how it is written. `terms` are its own; `nearby` those of the sentence before it,
    its headings and its title, in the passage's language. `covered` is the share of the query
    that it covers, `share` its passage's part of the best passage's score, both in [0, 1].
    `similarity` is the cosine to the query, None where it is not known.
    """

    passage: int
    position: int
    start: int
    end: int
    shown: str
    terms: frozenset[str]
    nearby: frozenset[str]
    language: str
    covered: float = 0.0
    share: float = 1.0
    similarity: float | None = None

    @property
    def score(self) -> float:
        """How much it bears on the query, never negative; words stand in for a cosine."""
        similarity = self.covered if self.similarity is None else max(self.similarity, 0.0)
        return (
            WORDS_WEIGHT * self.covered
            + SIMILARITY_WEIGHT * similarity
            + PASSAGE_WEIGHT * self.share
        )


def candidates_of(
    query: str, passages: Sequence[ContextPassage], form: ContextFormat
) -> list[Candidate]:
    """The sentences that `form` shows, in their order, scored by words and passages.

    What only repeats the passage's title or one of its headings says nothing of its own and is
    left out, unless the passage has nothing else.
    """
    sentences = [
        sentence
        for number, passage in enumerate(passages)
        for sentence in _body(passage, list(_sentences_of(number, passage, form)))
    ]
    weights = term_weights(partial(analyse, query), sentences)
    best = max((passage.score for passage in passages), default=0.0)
    return [
        replace(
            sentence,
            covered=coverage(sentence, weights[sentence.language]),
            share=passages[sentence.passage].score / best if best > 0 else 1.0,
        )
        for sentence in sentences
    ]


def folded(text: str) -> str:
    """The text but for case and white space."""
    return " ".join(text.casefold().split())


def _sentences_of(number: int, passage: ContextPassage, form: ContextFormat) -> Iterator[Candidate]:
    language = passage.language
    headings = " ".join((*passage.heading_path, passage.title or ""))
    above = frozenset(analyse(headings, language))
    before: frozenset[str] = frozenset()
    for position, (start, end) in enumerate(sentence_spans(passage.text)):
        text = passage.text[start:end]
        terms = frozenset(analyse(text, language))
        nearby = (before | above) - terms
        if shown := form.shown(text):
            yield Candidate(number, position, start, end, shown, terms, nearby, language)
        before = terms


def _body(passage: ContextPassage, sentences: list[Candidate]) -> list[Candidate]:
    names = {_name(each) for each in (*passage.heading_path, passage.title or "")}
    body = [
        sentence
        for sentence in sentences
        if _name(passage.text[sentence.start : sentence.end]) not in names
    ]
    return body or sentences


def _name(text: str) -> str:
    return folded(text.replace("#", " "))
