"""Made-up text with the word statistics of natural language, for collections of any size.

Words follow the law of Zipf and Mandelbrot, p(rank) ~ 1 / (rank + 2.7) ** 1.07 (Mandelbrot 1953).
The commonest are English function words, which the analyser drops as it does in real text; the
others are syllables, the commoner the shorter. Every topic has words of its own that turn up far
more often in it, so that the words of a query stand together as they do in real documents.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

_OFFSET, _EXPONENT = 2.7, 1.07
_FUNCTION_LIST = """
    the of and to in a is that for it was on are as with be by at this from or had not but have
    which you were his her they their an can all there when if will been has would so
"""
_FUNCTION_WORDS = _FUNCTION_LIST.split()
_FUNCTION_SHARE = 0.40
_TOPIC_WORDS, _TOPIC_SHARE = 400, 0.3
_SENTENCE, _PARAGRAPH = 17, 6
_TITLE = 7

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class MadeUpDocument:
    """A document about a part of a topic."""

    number: int
    topic: int
    part: int
    title: str
    text: str


@dataclass(frozen=True)
class Language:
    """A vocabulary and topics. The same seed gives the same documents, each by its number."""

    topics: int
    parts: int
    words: int = 60_000
    seed: int = 7

    def document(self, number: int) -> MadeUpDocument:
        """A document of about 300 words, some of thousands (log-normal)."""
        chance = np.random.default_rng((self.seed, number))
        topic = int(np.searchsorted(self._topic_steps, chance.random()))
        length = int(np.clip(chance.lognormal(5.5, 0.7), 30, 6000))
        part = int(chance.integers(self.parts))
        drawn = [self.vocabulary[word] for word in self._draw(chance, topic, length)]
        title = [self.vocabulary[word] for word in self._topic_draw(chance, topic, _TITLE)]
        return MadeUpDocument(number, topic, part, " ".join(title), _written(drawn))

    def query(self, number: int) -> tuple[str, MadeUpDocument]:
        """A query of three to ten words, function words included, and a document it is about."""
        document = self.document(number)
        chance = np.random.default_rng((self.seed, number, 1))
        telling = self._topic_draw(chance, document.topic, int(chance.integers(2, 6)))
        common = self._common_draw(chance, int(chance.integers(1, 5)))
        words = [self.vocabulary[word] for word in (*telling, *common)]
        chance.shuffle(words)
        return " ".join(words), document

    @cached_property
    def vocabulary(self) -> list[str]:
        """All words, the commonest first."""
        chance = random.Random(self.seed)
        heads = [*"bcdfghklmnprstvz", "st", "tr", "pl"]
        vowels = [*"aeiou", "ai", "ou"]
        syllables = [head + vowel for head in heads for vowel in vowels]
        known = dict.fromkeys(_FUNCTION_WORDS)
        while len(known) < self.words:
            most = 2 + (len(known) > 800) + (len(known) > 12_000)
            known["".join(chance.choices(syllables, k=chance.randint(2, most)))] = None
        return list(known)

    @cached_property
    def _topic_steps(self) -> NDArray[np.float64]:
        weights = np.arange(1, self.topics + 1) ** -0.5
        return np.asarray(np.cumsum(weights / weights.sum()))

    @cached_property
    def _word_steps(self) -> NDArray[np.float64]:
        ranks = np.arange(1, self.words - len(_FUNCTION_WORDS) + 1)
        weights = (ranks + _OFFSET) ** -_EXPONENT
        return np.asarray(np.cumsum(weights / weights.sum()))

    def _draw(self, chance: np.random.Generator, topic: int, count: int) -> Numbers:
        kinds = chance.random(count)
        words = self._common_draw(chance, count)
        general = np.searchsorted(self._word_steps, chance.random(count)) + len(_FUNCTION_WORDS)
        of_topic = self._topic_draw(chance, topic, count)
        words = np.where(kinds > _FUNCTION_SHARE, general, words)
        return np.where(kinds > 1 - _TOPIC_SHARE, of_topic, words)

    def _topic_draw(self, chance: np.random.Generator, topic: int, count: int) -> Numbers:
        own = np.random.default_rng((self.seed, topic, 2))
        # Topics share words: most of what is said often somewhere is said elsewhere too.
        drawn = np.searchsorted(self._word_steps, own.random(_TOPIC_WORDS) ** 0.5)
        places = np.minimum(chance.zipf(1.5, count) - 1, _TOPIC_WORDS - 1)
        return np.asarray(drawn[places] + len(_FUNCTION_WORDS))

    def _common_draw(self, chance: np.random.Generator, count: int) -> Numbers:
        places = np.searchsorted(self._word_steps, chance.random(count))
        return np.asarray(places % len(_FUNCTION_WORDS))


def _written(words: list[str]) -> str:
    """Words as sentences and paragraphs."""
    sentences = [
        " ".join(words[start : start + _SENTENCE]).capitalize() + "."
        for start in range(0, len(words), _SENTENCE)
    ]
    return "\n\n".join(
        " ".join(sentences[start : start + _PARAGRAPH])
        for start in range(0, len(sentences), _PARAGRAPH)
    )
