"""Answers without a language model: the sentences of the sources that answer best, verbatim."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np

from groundwell.domain.analysis import analyse
from groundwell.domain.answers import Answer, AnswerMode
from groundwell.domain.chunks import Floats
from groundwell.domain.errors import ProviderError, UnavailableError
from groundwell.domain.languages import DEFAULT_LANGUAGE, function_words
from groundwell.domain.search import SearchResponse
from groundwell.generation.coverage import coverage, term_weights
from groundwell.generation.passages import PageLocator, citation_of
from groundwell.generation.sentences import Sentence, sentences_of, sentences_with, statements_of
from groundwell.ports.embedder import Embedder

NOT_FOUND_TEXT = (
    "Not in your documents. No passage supports an answer to this question: try other words, "
    "or add a document that covers it."
)

DEGRADED = "embedder"
"""What `Answer.degraded` names when sentences could not be embedded."""

MAX_PASSAGES = 8
MAX_EMBEDDED = 40
MAX_SENTENCES = 4
MAX_CHARS = 700

COVERAGE_WEIGHT = 0.5
COSINE_WEIGHT = 0.4
PASSAGE_WEIGHT = 0.1

MIN_RELATIVE_SCORE = 0.6
"""A further sentence must score this share of the best one."""
MAX_OVERLAP = 0.7

MIN_COSINE = 0.25
MIN_COVERAGE = 0.25
MIN_SUPPORT = 0.85
"""Least sum of cosine and coverage of the best sentence: below, the question is unanswered."""

_QUESTION_WORDS = (
    "what who whom whose when where which why how do does did done has have had having can could "
    "may might must shall should would many much long often any some been being were am "
    "i you me my we us our your he she him her his hers its them so than "
    "tell describe explain give name list please about between during from"
)


@dataclass(frozen=True, slots=True)
class Scored:
    """A sentence with what speaks for it. `cosine` and `coverage` lie in [-1, 1] and [0, 1]."""

    sentence: Sentence
    coverage: float
    cosine: float
    score: float


async def extract(
    query: str, response: SearchResponse, embedder: Embedder, pages: PageLocator
) -> Answer:
    """The extractive answer: one to four cited sentences, or NOT_FOUND. Deterministic.

    Where no sentence speaks about the query, those that contain it word for word answer it.
    When the embedder is away, words alone decide and `degraded` names it.
    """
    degraded = response.degraded
    try:
        scored = await score_sentences(query, response, embedder)
    except (ProviderError, UnavailableError):
        scored = await score_sentences(query, response, None)
        degraded = tuple(dict.fromkeys((*degraded, DEGRADED)))
    if not is_supported(scored):
        scored = await asyncio.to_thread(score_verbatim, query, response)
    chosen = select(scored)
    if not chosen:
        return Answer(NOT_FOUND_TEXT, (), AnswerMode.NOT_FOUND, degraded=degraded)
    return replace(_worded(chosen, response, pages), degraded=degraded)


async def score_sentences(
    query: str, response: SearchResponse, embedder: Embedder | None
) -> list[Scored]:
    """The most promising sentences, best first; equal scores keep the order of the passages.

    Without an embedder the coverage also stands for the cosine.
    """
    # Passages that somebody made to be slow take seconds, in which others should not have to wait.
    ranked = await asyncio.to_thread(_ranked, query, response)
    cosines = [covered for _, covered, _ in ranked]
    if embedder and ranked:
        encoding = response.encoding or await embedder.embed_query(query)
        cosines = await _cosines(encoding.vector, [row[2] for row in ranked], embedder)
    scored = [
        Scored(sentence, covered, cosine, lexical + COSINE_WEIGHT * cosine)
        for (lexical, covered, sentence), cosine in zip(ranked, cosines, strict=True)
    ]
    return sorted(scored, key=_order)


def _ranked(query: str, response: SearchResponse) -> list[tuple[float, float, Sentence]]:
    """The sentences that words and passages favour, each after its score and its coverage."""
    results = response.results[:MAX_PASSAGES]
    sentences = sentences_of(results)
    wanted = term_weights(partial(_content_terms, query), sentences)
    best_passage = max((result.score for result in results), default=0.0)
    ranked = []
    for sentence in sentences:
        covered = coverage(sentence, wanted[sentence.language])
        passage = results[sentence.passage].score / best_passage if best_passage > 0 else 0.0
        ranked.append((COVERAGE_WEIGHT * covered + PASSAGE_WEIGHT * passage, covered, sentence))
    ranked.sort(key=lambda row: -row[0])
    return ranked[:MAX_EMBEDDED]


async def add_cosines(
    query: str, response: SearchResponse, scored: Sequence[Scored], embedder: Embedder
) -> list[Scored]:
    """Sentences that were scored by words alone, scored anew with their meaning, best first."""
    encoding = response.encoding or await embedder.embed_query(query)
    cosines = await _cosines(encoding.vector, [each.sentence for each in scored], embedder)
    renewed = [
        replace(each, cosine=cosine, score=each.score + COSINE_WEIGHT * (cosine - each.cosine))
        for each, cosine in zip(scored, cosines, strict=True)
    ]
    return sorted(renewed, key=_order)


def _order(scored: Scored) -> tuple[float, int, int]:
    return -scored.score, scored.sentence.passage, scored.sentence.start


def is_covered(query: str, response: SearchResponse) -> bool:
    """Whether a sentence of the best passages has all that the query asks about.

    Reads no further than to the first one. Such a sentence has the coverage 1.
    """
    asked: dict[str, frozenset[str]] = {}
    for sentence in statements_of(response.results[:MAX_PASSAGES]):
        terms = asked.get(sentence.language)
        if terms is None:
            terms = frozenset(_content_terms(query, sentence.language))
            asked[sentence.language] = terms
        if terms and terms <= sentence.terms:
            return True
    return False


def score_verbatim(query: str, response: SearchResponse) -> list[Scored]:
    """The sentences and lines that contain the query as it is, with full marks, in order.

    Names and short texts in scripts that the embedder hardly knows give no useful cosine.
    """
    languages = {result.language for result in response.results}
    if all(_question_terms(each).issuperset(analyse(query, each)) for each in languages):
        return []
    return [
        Scored(sentence, 1.0, 1.0, 1.0)
        for sentence in sentences_with(query, response.results[:MAX_PASSAGES])
    ]


def is_supported(scored: Sequence[Scored]) -> bool:
    """Whether any of the best sentences speaks about what was asked, not just near it."""
    return any(
        s.cosine >= MIN_COSINE
        and s.coverage >= MIN_COVERAGE
        and s.cosine + s.coverage >= MIN_SUPPORT
        for s in scored[:MAX_SENTENCES]
    )


def select(scored: Sequence[Scored]) -> list[Sentence]:
    """The sentences that make the answer, in reading order: by passage, then by place."""
    chosen: list[Sentence] = []
    room = MAX_CHARS
    for candidate in scored:
        sentence = candidate.sentence
        if candidate.score < MIN_RELATIVE_SCORE * scored[0].score or len(chosen) == MAX_SENTENCES:
            break
        fits = len(sentence.text) <= room or not chosen
        if fits and not any(_says_the_same(sentence, other) for other in chosen):
            chosen.append(sentence)
            room -= len(sentence.text)
    return sorted(chosen, key=lambda sentence: (sentence.passage, sentence.start))


def _worded(chosen: list[Sentence], response: SearchResponse, pages: PageLocator) -> Answer:
    """The sentences as text. Neighbours in one passage share a quote and a marker."""
    quotes: list[list[Sentence]] = []
    for sentence in chosen:
        last = quotes[-1][-1] if quotes else None
        if last and (last.passage, last.position + 1) == (sentence.passage, sentence.position):
            quotes[-1].append(sentence)
        else:
            quotes.append([sentence])
    texts, citations = [], []
    for marker, quote in enumerate(quotes, start=1):
        texts.append(" ".join(sentence.text for sentence in quote) + f" [{marker}]")
        span = (quote[0].start, quote[-1].end)
        citations.append(citation_of(marker, response.results[quote[0].passage], span, pages))
    return Answer(" ".join(texts), tuple(citations), AnswerMode.EXTRACTIVE)


@cache
def _question_terms(language: str) -> frozenset[str]:
    if language == DEFAULT_LANGUAGE:
        return frozenset(analyse(_QUESTION_WORDS))
    return frozenset(analyse(" ".join(function_words(language)), language))


def _content_terms(query: str, language: str) -> list[str]:
    """The query's terms without the words that questions are made of, if others are left."""
    terms = analyse(query, language)
    return [term for term in terms if term not in _question_terms(language)] or terms


async def _cosines(query: Floats, sentences: Sequence[Sentence], embedder: Embedder) -> list[float]:
    encodings = await embedder.embed_documents([sentence.text for sentence in sentences])
    return [float(np.dot(query, encoding.vector)) for encoding in encodings]


def _says_the_same(sentence: Sentence, other: Sentence) -> bool:
    smaller = min(len(sentence.terms), len(other.terms))
    return len(sentence.terms & other.terms) >= MAX_OVERLAP * smaller
