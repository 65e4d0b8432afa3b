"""The context optimiser: the sentences of the passages that bear on the query, within a budget.

Every sentence of the ranked passages is scored by the query's words in it and near it, by its own
similarity where that is known, and by its passage. The best are taken while the formatted text
fits; then they are put back into the order of their passages.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from groundwell.domain.analysis import analyse
from groundwell.domain.chunks import Tokenizer
from groundwell.domain.context import Context, ContextPassage, ContextSource
from groundwell.domain.sentences import sentence_spans

BUDGET_CHARS = 4000
MAX_HEAD_CHARS = 160
GAP = " … "
"""Stands where sentences were left out."""
BETWEEN_SOURCES = "\n\n"

NEARBY_SHARE = 0.5
"""What a query term counts that stands in the sentence before or above, not in the sentence."""
WORDS_WEIGHT = 0.5
SIMILARITY_WEIGHT = 0.4
PASSAGE_WEIGHT = 0.3
MIN_RELATIVE_SCORE = 0.3
"""Share of the best sentence's score below which a sentence is left out though there is room."""


@dataclass(frozen=True, slots=True)
class _Sentence:
    """`passages[passage].text[start:end]`, the passage's sentence number `position`."""

    passage: int
    position: int
    start: int
    end: int
    terms: frozenset[str]
    nearby: frozenset[str]


def optimise_context(
    query_terms: Sequence[str],
    passages: Sequence[ContextPassage],
    tokenizer: Tokenizer,
    budget_chars: int = BUDGET_CHARS,
    similarities: Sequence[Sequence[float]] | None = None,
) -> Context:
    """The context for a query, `budget_chars` characters at most, all marks included.

    `passages` are best first. `similarities`: for each passage the cosine of each sentence, in the
    order of `domain.sentences.sentence_spans`; without them words and passages decide. Sentences
    stand verbatim and in their order; a sentence that another passage shows already is left out;
    the best one is cut, at a word, only where none fits whole. Sources are numbered from 1 in the
    order of the passages. The context is empty where not even its first mark and a word fit.
    """
    sentences = list(_sentences_of(passages))
    scores = _scores(query_terms, passages, sentences, similarities)
    order = sorted(range(len(sentences)), key=lambda index: (-scores[index], index))
    layout = _Layout(passages, budget_chars)
    seen: set[str] = set()
    for index in order:
        if scores[index] < MIN_RELATIVE_SCORE * scores[order[0]]:
            break
        sentence = sentences[index]
        text = _folded(passages[sentence.passage].text[sentence.start : sentence.end])
        if text not in seen and layout.add(sentence):
            seen.add(text)
    is_cut = bool(order) and not seen and layout.add_cut(sentences[order[0]])
    text, sources = layout.finish()
    return Context(text, sources, len(text), len(tokenizer.spans(text)), is_cut)


def _sentences_of(passages: Sequence[ContextPassage]) -> Iterator[_Sentence]:
    for number, passage in enumerate(passages):
        above = frozenset(analyse(" ".join((*passage.heading_path, passage.title or ""))))
        before: frozenset[str] = frozenset()
        for position, (start, end) in enumerate(sentence_spans(passage.text)):
            terms = frozenset(analyse(passage.text[start:end]))
            yield _Sentence(number, position, start, end, terms, (before | above) - terms)
            before = terms


def _scores(
    query_terms: Sequence[str],
    passages: Sequence[ContextPassage],
    sentences: Sequence[_Sentence],
    similarities: Sequence[Sequence[float]] | None,
) -> list[float]:
    """How much each sentence bears on the query, never negative."""
    weights = _term_weights(query_terms, sentences)
    best = max((passage.score for passage in passages), default=0.0)
    scores: list[float] = []
    for sentence in sentences:
        covered = _coverage(sentence, weights)
        similarity = covered
        if similarities is not None:
            similarity = max(similarities[sentence.passage][sentence.position], 0.0)
        share = passages[sentence.passage].score / best if best > 0 else 1.0
        scores.append(
            WORDS_WEIGHT * covered + SIMILARITY_WEIGHT * similarity + PASSAGE_WEIGHT * share
        )
    return scores


def _term_weights(query_terms: Sequence[str], sentences: Sequence[_Sentence]) -> dict[str, float]:
    """How telling each term is: rare among the sentences, it tells more."""
    occurrences = Counter(term for sentence in sentences for term in sentence.terms)
    return {
        term: math.log1p(len(sentences) / (occurrences[term] + 0.5))
        for term in dict.fromkeys(query_terms)
    }


def _coverage(sentence: _Sentence, weights: Mapping[str, float]) -> float:
    """Share of the query's terms, by weight, in the sentence or near it."""
    whole = sum(weights.values())
    if whole == 0:
        return 0.0
    own = sum(weight for term, weight in weights.items() if term in sentence.terms)
    near = sum(weight for term, weight in weights.items() if term in sentence.nearby)
    return (own + NEARBY_SHARE * near) / whole


class _Layout:
    """The context in the making: knows what each further sentence would cost."""

    def __init__(self, passages: Sequence[ContextPassage], budget: int) -> None:
        self._passages = passages
        self._budget = budget
        self._chosen: dict[int, list[_Sentence]] = {}
        self._lengths: dict[int, int] = {}

    def add(self, sentence: _Sentence) -> bool:
        """Take the sentence if it fits; whether it did."""
        number = sentence.passage
        chosen = sorted((*self._chosen.get(number, ()), sentence), key=lambda each: each.start)
        # Numbers depend on what else is taken, so the longest one is reckoned with.
        length = len(self._block(len(self._passages), number, chosen))
        others = [size for other, size in self._lengths.items() if other != number]
        total = length + sum(others) + len(BETWEEN_SOURCES) * len(others)
        if total > self._budget:
            return False
        self._chosen[number] = chosen
        self._lengths[number] = length
        return True

    def add_cut(self, sentence: _Sentence) -> bool:
        """Take as many words of the sentence as fit; whether there were any."""
        text = self._passages[sentence.passage].text
        room = self._budget - len(self._block(1, sentence.passage, []))
        if room <= 0:
            return False
        end = min(sentence.end, sentence.start + room)
        # A script without spaces has no better place.
        last_space = max(text.rfind(space, sentence.start, end + 1) for space in " \n\t")
        shown = text[sentence.start : last_space if last_space > sentence.start else end].rstrip()
        cut = replace(sentence, end=sentence.start + len(shown))
        self._chosen[sentence.passage] = [cut]
        return True

    def finish(self) -> tuple[str, tuple[ContextSource, ...]]:
        """The formatted text and what is in it."""
        blocks: list[str] = []
        sources: list[ContextSource] = []
        for number, passage in enumerate(sorted(self._chosen), start=1):
            chosen = self._chosen[passage]
            blocks.append(self._block(number, passage, chosen))
            spans = tuple((sentence.start, sentence.end) for sentence in chosen)
            sources.append(ContextSource(number, passage, spans))
        return BETWEEN_SOURCES.join(blocks), tuple(sources)

    def _block(self, number: int, passage: int, chosen: Sequence[_Sentence]) -> str:
        head, text = _head(self._passages[passage]), self._passages[passage].text
        parts = [f"[{number}] {head}\n" if head else f"[{number}] "]
        for index, sentence in enumerate(chosen):
            if index > 0:
                parts.append(_joint(text, chosen[index - 1], sentence))
            parts.append(text[sentence.start : sentence.end])
        return "".join(parts)


def _head(passage: ContextPassage) -> str:
    names = [passage.title or "", *passage.heading_path]
    plain = (" ".join(name.split()) for name in names)
    return " > ".join(dict.fromkeys(name for name in plain if name))[:MAX_HEAD_CHARS]


def _joint(text: str, first: _Sentence, second: _Sentence) -> str:
    if first.position + 1 != second.position:
        return GAP
    return "\n" if "\n" in text[first.end : second.start] else " "


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
