"""Texts in a form in which they can be compared: what says the same is written the same.

Case, accents, punctuation, articles, plurals and other endings go; numbers get one spelling, in
digits. Order and repetitions stay, so that "contains" can still mean "word for word".
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from groundwell.domain.analysis import analyse
from groundwell.domain.languages import DEFAULT_LANGUAGE
from groundwell.generation.check import numbers_in

_TOKEN = re.compile(
    r"(?:(?<![\w.,])[-\u2212])?\d+(?:[.,'\u2019\u00a0\u202f]\d+)*"
    r"|[^\W_]+(?:['\u2019][^\W\d_]+)*|[%\u2030$\u20ac\u00a3\u00a5\u00b0]"
)
_NUMBER = re.compile(r"[-\u2212]?\d")
_ENGLISH_THOUSANDS = re.compile(r"(?<=\d)[,'\u2019\u00a0\u202f](?=\d{3}(?!\d))")
_POSSESSIVE = re.compile("['\u2019]s?$")
_LEAST_MISSPELT = 5
_ARTICLES = frozenset(("a", "an", "the"))

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen twenty"
)
_TENS = "thirty forty fifty sixty seventy eighty ninety hundred"
NUMBER_WORDS = {word: str(number) for number, word in enumerate(_SMALL.split())} | {
    word: str(10 * number) for number, word in enumerate(_TENS.split(), start=3)
}
"""The English words for numbers that are one word."""

_SYMBOLS = {"%": "percent", "\u00b0": "degree"}


@dataclass(frozen=True, slots=True)
class Wording:
    """A text to compare: its words in order, and those of them that carry meaning.

    `line` is the words with a space before, between and after them, so that a wording stands in
    another exactly when its line does: see `is_in`. A text without words has the line " ".
    """

    line: str
    terms: frozenset[str]

    def is_in(self, other: Wording) -> bool:
        """Whether these words stand in the other text, whole and in this order."""
        return self.line != " " and self.line in other.line

    def within(self, other: Wording) -> Wording:
        """The words of it that the other text has too, in order."""
        known = frozenset(other.words)
        return self._of([word for word in self.words if word in known])

    def without(self, other: Wording) -> Wording:
        """The words of it that the other text lacks, in order."""
        known = frozenset(other.words)
        return self._of([word for word in self.words if word not in known])

    def _of(self, words: list[str]) -> Wording:
        return Wording(f" {' '.join(words)} " if words else " ", self.terms.intersection(words))

    @property
    def words(self) -> list[str]:
        """The words in order."""
        return self.line.split()


@lru_cache(maxsize=1 << 12)
def wording(text: str, language: str = DEFAULT_LANGUAGE) -> Wording:
    """`text` as it can be compared with another text of the same language.

    Kept, because each check of a question reads the same few texts again.
    """
    read = [_word(token, language) for token in _TOKEN.findall(text)]
    words = [word for word, _ in read if word]
    terms = frozenset(word for word, is_term in read if is_term)
    return Wording(f" {' '.join(words)} " if words else " ", terms)


def spelled_words(text: str) -> list[str]:
    """The words of a text with all their letters, in lower case, without articles."""
    words = [match.group().casefold() for match in _TOKEN.finditer(text)]
    return [word for word in words if word not in _ARTICLES]


def is_misspelling(first: Sequence[str], second: Sequence[str]) -> bool:
    """Whether the words of two texts differ in one word only, and there as a slip of the pen does.

    A letter inside is left out, added or swapped with its neighbour. One letter for another makes
    too many words that mean something else, such as adduction and abduction, and so does one that
    is put before, as in atypical.
    """
    if len(first) != len(second):
        return False
    different = [pair for pair in zip(first, second, strict=True) if pair[0] != pair[1]]
    if len(different) != 1:
        return False
    shorter, longer = sorted(different[0], key=len)
    if len(shorter) < _LEAST_MISSPELT or not longer.isalpha():
        return False
    if len(shorter) == len(longer):
        at = next(place for place, letter in enumerate(shorter) if letter != longer[place])
        swapped = longer[:at] + longer[at + 1 : at + 2] + longer[at] + longer[at + 2 :]
        return swapped == shorter
    return any(longer[:at] + longer[at + 1 :] == shorter for at in range(1, len(longer)))


def number_tokens(text: str, language: str = DEFAULT_LANGUAGE) -> list[str]:
    """The numbers of `text` that are written in digits, in order, in one spelling: "-1200.5"."""
    tokens = (match.group() for match in _TOKEN.finditer(text))
    return [_spelled(token, language) for token in tokens if _NUMBER.match(token)]


def is_number(word: str) -> bool:
    """Whether a word of a wording is a number."""
    return _NUMBER.match(word) is not None


def is_close(left: float, right: float) -> bool:
    """Whether two numbers are the same but for rounding."""
    return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-12)


@lru_cache(maxsize=1 << 16)
def _word(token: str, language: str) -> tuple[str, bool]:
    """The word as it is compared, empty for an article, and whether it carries meaning."""
    if _NUMBER.match(token):
        return _spelled(token, language), True
    if token in _SYMBOLS:
        token = _SYMBOLS[token]
    folded = _POSSESSIVE.sub("", unicodedata.normalize("NFKC", token).casefold())
    if language == DEFAULT_LANGUAGE:
        if folded in _ARTICLES:
            return "", False
        if folded in NUMBER_WORDS:
            return NUMBER_WORDS[folded], True
    terms = analyse(folded, language)
    return ("".join(terms), True) if terms else (folded.replace(" ", ""), False)


def _spelled(token: str, language: str) -> str:
    sign = "-" if token[0] in "-\u2212" else ""
    token = token.lstrip("-\u2212")
    if language == DEFAULT_LANGUAGE:
        # A dot before three digits is a decimal point here, and a thousands mark elsewhere.
        whole, point, fraction = _ENGLISH_THOUSANDS.sub("", token).partition(".")
        if point and fraction.isdecimal() and whole.isdecimal():
            kept = fraction.rstrip("0")
            return sign + next(iter(numbers_in(whole))) + (f".{kept}" if kept else "")
    return sign + next(iter(numbers_in(token)), token)
