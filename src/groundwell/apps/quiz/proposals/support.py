"""Whether what a model wrote says what its source says, and not the opposite.

The answer can stand in the quote while the question turns the quote round: "Which hormone slows the
heart?", where one is said to quicken it. Nothing here knows what words mean. So the words that say
something must be the source's own; others that mean the same are refused with those that do not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise

from groundwell.apps.quiz.facts.sentences import CONTRAST, NEGATION
from groundwell.apps.quiz.forms.opposites import says_opposite
from groundwell.apps.quiz.proposals.quotes import find_words
from groundwell.apps.quiz.proposals.spoken import Word, terms_in, words_of
from groundwell.apps.quiz.questions import Passage
from groundwell.domain.analysis import analyse
from groundwell.domain.sentences import sentence_spans

# What questions are made of whatever they are about. "How" takes the word after it along.
_ASKING = frozenset(analyse("call known name term word kind type number mean happen accord"))
_YEAR = frozenset(analyse("year"))
_IS_YEAR = re.compile(r"\d{4}")
_HOW = "how"
_COMMAND = frozenset("BV")
_WAY, _INFINITIVE = "I", "to"
_WAYS = (("from", "to"), ("up", "down"), ("over", "under"))


class Support:
    """What a question, its explanation and its hint may say, by a quote and its passage."""

    def __init__(self, passage: Passage, quote: str) -> None:
        self._passage = passage
        self._language = passage.language
        self._quote = quote
        self._above = self._terms("\n".join((passage.title or "", *passage.heading_path)))
        self._near = self._terms(quote) | self._above

    def bears_question(self, question: str, answer: str) -> bool:
        """Whether the quote says of the answer what the question says of it. Without its gap."""
        told = self._told_of(answer)
        if told != self._quote and not CONTRAST.search(question):
            # Where two things are set against each other, each has words of its own.
            elsewhere = self._terms(self._quote.replace(told, "\n")) - self._above
            if self._terms(question) & (elsewhere - self._terms(told)):
                return False
        asking = _ASKING | _YEAR if _IS_YEAR.fullmatch(answer.strip()) else _ASKING
        strange = (word for word in self._strange(question) if not word.terms <= asking)
        return self._agrees(question, f"{question} {answer}", told) and not any(strange)

    def bears_sentence(self, sentence: str) -> bool:
        """Whether the quote says what the sentence says."""
        return self._agrees(sentence, sentence, self._quote) and not any(self._strange(sentence))

    def bears_hint(self, hint: str) -> bool:
        """Whether the passage has the words of a hint, which may rest on more than the quote."""
        known = self._terms(self._passage.text)
        strange = (word for word in self._strange(hint) if not word.terms <= known)
        return self._agrees(hint, hint, self._quote) and not any(strange)

    def _agrees(self, said: str, whole: str, told: str) -> bool:
        """Whether both deny something or neither does, and no word has its opposite there."""
        if says_opposite(said, told) or self._goes_elsewhere(said, told):
            return False
        return bool(NEGATION.search(whole)) == bool(NEGATION.search(told))

    def _told_of(self, answer: str) -> str:
        """What the quote says of the answer: a sentence of it, or one side of a contrast."""
        span = find_words(answer, self._quote)
        if span is None:
            return self._quote
        cuts = [match.span() for match in CONTRAST.finditer(self._quote)]
        cuts += [(end, end) for _, end in sentence_spans(self._quote)]
        start = max((after for _, after in cuts if after <= span[0]), default=0)
        end = min((before for before, _ in cuts if before >= span[1]), default=len(self._quote))
        return self._quote[start:end]

    def _strange(self, text: str) -> Iterator[Word]:
        """The words that say something and are not the source's.

        Nouns may stand anywhere in the passage, as nouns: they say what the quote speaks of. Verbs
        and adjectives say what holds of it, so they stand in the quote, or in title and headings.
        """
        before = ""
        for place, word in enumerate(words_of(text, self._language)):
            is_free = before == _HOW or (place == 0 and word.kind in _COMMAND)
            before = word.text.lower()
            if is_free or word.says_little or word.terms <= self._near:
                continue
            if word.is_noun and word.terms <= self._nouns:
                continue
            if word.verb and word.verb in self._verbs:
                continue
            yield word

    @cached_property
    def _nouns(self) -> frozenset[str]:
        words = words_of(self._passage.text, self._language)
        nouns = (word.terms for word in words if word.is_noun)
        return self._terms(self._passage.filename).union(*nouns)

    @cached_property
    def _verbs(self) -> frozenset[str]:
        return frozenset(word.verb for word in words_of(self._quote, self._language)) - {""}

    def _goes_elsewhere(self, said: str, told: str) -> bool:
        ways, others = self._ways(said), self._ways(told)
        pairs = (*_WAYS, *((second, first) for first, second in _WAYS))
        return any(one in ways - others and other in others - ways for one, other in pairs)

    def _ways(self, text: str) -> set[str]:
        """The prepositions of a text, without the "to" before a verb."""
        words = [*words_of(text, self._language), None]
        return {
            word.text.lower()
            for word, after in pairwise(words)
            if word is not None
            and word.kind == _WAY
            and not (word.text.lower() == _INFINITIVE and after is not None and after.kind == "B")
        }

    def _terms(self, text: str) -> frozenset[str]:
        return terms_in(text, self._language)
