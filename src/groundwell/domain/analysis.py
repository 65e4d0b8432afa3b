"""The one analyser of keyword search: index and query, highlighting and sentence scoring use it.

Text becomes words and numbers; each is brought to Unicode NFKC, case-folded, stemmed by Snowball's
stemmer of the text's language, and stripped of accents. English, the default, is stripped first,
and only its plain Latin words are stemmed. Scripts written without spaces become overlapping pairs
of characters. Compounds yield their parts; those with a number, a single letter or, of two parts,
a part of two letters yield the whole as well, so that "covid-19" is found by "covid19" and by
"covid 19". A number that is glued to a unit or a short code yields its parts too: "80kg" is found
by "80 kg". A comma before one or two digits and a unit is a decimal one: "80,5 kg" is found by
"80.5". Compounds that a language writes as one word, as German does, stay whole.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import pairwise

import numpy as np
import Stemmer
from numpy.typing import NDArray

from groundwell.domain.languages import (
    DEFAULT_LANGUAGE,
    FOREIGN_TO_LATIN,
    STEMMERS,
    short_function_words,
)

MAX_TERM_BYTES = 64
"""Longer terms are cut: Postgres takes lexemes up to 2,046 bytes, and nobody types even 64."""

# Lucene's classic list and, because people ask in sentences, the words that questions are made of.
_STOP_LIST = """
    a an and are as at be but by for if in into is it no not of on or such that the their then
    there these they this to was will with
    about all also am any been being can could did do does done from had has have he her his how
    i its me might my our she should so some than them we were what when where which who whom
    whose why would you your
"""
_STOP_WORDS = frozenset(_STOP_LIST.split())

# Han, kana, Hangul, bopomofo; Thai, Lao, Burmese, Khmer: no spaces between words, or (Hangul)
# words so rich in endings that pairs of syllables work better than words.
_UNSPACED = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ecd\u1000-\u103f\u1100-\u11ff\u1780-\u17d3"
    "\u2e80-\u2fd5\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3041-\u3096\u3099-\u309f\u30a1-\u30ff"
    "\u3105-\u318e\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff"
    "\uff66-\uff9f\U00020000-\U0003ffff"
)
# Vowel signs and accents that Python's \w leaves out although they stand inside words, and
# characters without width.
_MARKS = (
    "\u00ad\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06ed\u0711\u0730-\u074a\u0900-\u0903\u093a-\u094f\u0951-\u0963"
    "\u0981-\u0983\u09bc-\u09e3\u0a01-\u0a03\u0a3c-\u0a51\u0a70-\u0a83\u0abc-\u0ae3\u0b01-\u0b03"
    "\u0b3c-\u0b63\u0b82\u0bbe-\u0bd7\u0c00-\u0c04\u0c3e-\u0c63\u0c81-\u0c83\u0cbc-\u0ce3"
    "\u0d00-\u0d03\u0d3b-\u0d63\u0d81-\u0d83\u0dca-\u0df3\u0f71-\u0fbc\u1ab0-\u1aff\u1dc0-\u1dff"
    "\u200c\u200d\u2060\u20d0-\u20f0\ufe00-\ufe0f\ufe20-\ufe2f\ufeff"
)
_RUN = rf"[^\W_{_UNSPACED}]+(?:[{_MARKS}]+[^\W_{_UNSPACED}]*)*"
_HYPHENS = "\u2010\u2011-"
_APOSTROPHES = "'\u2019\u02bc\uff07"
# Sets and repetitions, in any spelling: "3x10", "3 x 10", "3×10", and "3x10x2".
_PRODUCT = r"(?<![\w.,])\d{1,4}(?: ?[xX\u00d7] ?\d{1,4}){1,2}(?![.,]?\w)"
# A decimal comma is told from one between two numbers by the unit that follows: "80,5 kg".
_DECIMAL = r"(?<=\d),(?=\d{1,2} ?(?:kg|mg|lbs?|km|cm|mm|ml|kcal|[gml\u00b5\u03bc%\u00b0])(?!\w))"
_DECIMAL_COMMA = re.compile(r",(?=\d{1,2}(?!\d))")
_TOKEN = re.compile(
    rf"{_PRODUCT}|[{_UNSPACED}]+"
    rf"|{_RUN}(?:(?:[_.{_APOSTROPHES}{_HYPHENS}]|(?<=\d),(?=\d\d\d(?!\d))|{_DECIMAL}){_RUN})*"
)
_IS_PRODUCT = re.compile(_PRODUCT)
_WORD = re.compile(rf"[{_UNSPACED}]|{_RUN}(?:[{_APOSTROPHES}]{_RUN})*")
_STARTS_UNSPACED = re.compile(f"[{_UNSPACED}]")
_INVISIBLE = re.compile("[\u00ad\u0640\u200c\u200d\u2060\ufe00-\ufe0f\ufeff]")
_CONTRACTION = re.compile("'(?:s|ll|re|ve|d|m)?$")
# Which part of a word with an apostrophe is the word itself: French "l'homme", Turkish "Ankara'da".
_APOSTROPHE_PART = {"ca": -1, "fr": -1, "it": -1, "tr": 0}
_ELISION = re.compile(r"[^\W\d_]'(?=\w)")
_ACRONYM = re.compile(r"[^\W\d_](?:\.[^\W\d_])+")
_JOINT = re.compile(r"[-_]|\.(?!\d)|(?<!\d)\.")
# What is longer is no word: its compounds are read one by one, and of each the beginning. Folding
# makes 18 letters of a single one, and terms end long before.
_LONGEST_WORD = 128
_SEAM = re.compile(rf"[_{_HYPHENS}]+|\.(?!\d)|(?<!\d)\.")
# Compounds that are also written as one word: with a number or a single letter ("x-ray") in them.
_CODE = re.compile(r"\d|(?<![^-_])[^\W_](?![^-_])")
_PAIR = 2
_SHORT_PART = 2
# A number with a unit ("80kg"), or a short code with a number ("rpe8"). A unit of one letter goes
# with short numbers only: "1960s" is no duration.
_UNITS = (
    "kgs?|mg|mcg|lbs?|oz|km|cm|mm|mi|ft|mins?|secs?|hrs?|ms|kcal|kj|ml|khz|mhz|bpm|rpm|mph|kmh"
    "|reps?|sets?|rm|m|μ[glm]|кг|мг|км|см|мм|мин|сек"
)
_GLUED = re.compile(
    rf"(?P<number>\d+(?:\.\d+)?)(?P<unit>{_UNITS})|(?P<few>\d{{1,3}}(?:\.\d+)?)(?P<letter>[ghlsw])"
    r"|(?P<code>[^\W\d_]{3,4})(?P<place>\d{1,2}(?:\.\d+)?)"
)
# What NFKC makes of a few characters: "½" becomes "1⁄2", an Arabic ligature a phrase.
_FOREIGN = re.compile(rf"[^\w.,'{_MARKS}-]+")
# Accents, and the vowel points that Hebrew and Arabic usually leave out.
_ACCENTS = re.compile("[\u0300-\u036f\u0591-\u05bd\u05bf-\u05c7\u064b-\u0652\u0670]+")
_PLAIN_LETTERS = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"}
)
_PLAIN_JOINTS = str.maketrans(dict.fromkeys(_HYPHENS, "-") | dict.fromkeys(_APOSTROPHES, "'"))


class _ThreadStemmers(threading.local):
    """Snowball's stemmers change their own state while they work, so each thread has its own."""

    def __init__(self) -> None:
        self._stemmers: dict[str, Stemmer.Stemmer] = {}

    def stem(self, word: str, language: str) -> str:
        stemmer = self._stemmers.get(language)
        if stemmer is None:
            # Results are cached here, across threads.
            stemmer = self._stemmers[language] = Stemmer.Stemmer(STEMMERS[language], 0)
        return str(stemmer.stemWord(word))


_stemmers = _ThreadStemmers()


def analyse(text: str, language: str = DEFAULT_LANGUAGE) -> list[str]:
    """The terms of `text`, which is in `language`, in order, with repetitions.

    Terms have 1 to `MAX_TERM_BYTES` bytes of UTF-8. A text of stop words only has no terms.
    """
    terms: list[str] = []
    for token in _TOKEN.findall(text):
        terms += _terms_of(token, language)
    return terms


def analyse_query(text: str, languages: Sequence[str]) -> list[str]:
    """The terms under which `text` may stand in texts of these languages, at least one.

    With one language they are those of `analyse`. With several, each word gives the terms of all
    of them, a common one once. A short text does not say its own language, but its stop words
    hint at it: words that are stop words in every language with the most of them are left out.
    """
    if len(languages) == 1:
        return analyse(text, languages[0])
    tokens = _TOKEN.findall(text)
    readings = [[_terms_of(token, language) for token in tokens] for language in languages]
    silences = [sum(not terms for terms in reading) for reading in readings]
    leading = [r for r, silent in zip(readings, silences, strict=True) if silent == max(silences)]
    found: list[str] = []
    for place in range(len(tokens)):
        if any(reading[place] for reading in leading):
            first, *others = (reading[place] for reading in readings)
            found += first
            found += dict.fromkeys(t for terms in others for t in terms if t not in first)
    return found


def terms_of_words(text: str, languages: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
    """The words of `text` in order, each with the terms that any of `languages` makes of it.

    In scripts without spaces, where nobody can tell words, each term is its own word.
    """
    found: list[tuple[str, tuple[str, ...]]] = []
    for token in _TOKEN.findall(text):
        first, *others = (_terms_of(token, language) for language in languages)
        terms = (*first, *dict.fromkeys(t for each in others for t in each if t not in first))
        is_unspaced = _STARTS_UNSPACED.match(token) is not None
        found += [(term, (term,)) for term in terms] if is_unspaced else [(token, terms)]
    return found


def word_spans(text: str) -> list[tuple[int, int]]:
    """Where the words of `text` stand, without its punctuation.

    In scripts without spaces every character counts as a word.
    """
    return [match.span() for match in _WORD.finditer(text)]


def _terms_of(token: str, language: str) -> tuple[str, ...]:
    if token.isascii():
        if language in FOREIGN_TO_LATIN:
            language = DEFAULT_LANGUAGE
    elif _STARTS_UNSPACED.match(token):
        return _pairs(token)
    # Words of a language repeat, so their terms are kept; monsters do not and would fill memory.
    if len(token) <= MAX_TERM_BYTES:
        return _word_terms(token, language)
    if len(token) <= _LONGEST_WORD:
        return _split(token, language)
    words = (word[:_LONGEST_WORD] for word in _SEAM.split(token) if word)
    return tuple(term for word in words for term in _terms_of(word, language))


def _pairs(run: str) -> tuple[str, ...]:
    # A voiced sound mark that stands alone becomes a space and a combining mark.
    run = "".join(unicodedata.normalize("NFKC", run).casefold().split())
    return tuple(map("".join, pairwise(run))) or ((run,) if run else ())


@lru_cache(maxsize=1 << 17)
def _word_terms(token: str, language: str) -> tuple[str, ...]:
    return _split(token, language)


def _split(token: str, language: str) -> tuple[str, ...]:
    """The terms of a word, number or compound."""
    if _IS_PRODUCT.fullmatch(token):
        factors = re.findall(r"\d+", token)
        return (*factors, "x".join(factors))
    folded = _strip(_fold(token)) if language == DEFAULT_LANGUAGE else _fold(token)
    if language in _APOSTROPHE_PART:
        folded = folded.split("'")[_APOSTROPHE_PART[language]]
    plain = _CONTRACTION.sub("", folded)
    if _ACRONYM.fullmatch(plain):
        return _finish([plain.replace(".", "")], language)
    elision = _ELISION.match(plain)
    whole = _DECIMAL_COMMA.sub(".", plain).replace("'", "").replace(",", "")
    if elision:
        return _finish([whole, plain[elision.end() :]], language)
    parts = [part for part in _JOINT.split(whole) if part]
    words = [word for part in parts for word in _opened(part)]
    is_short = len(parts) == _PAIR and min(map(len, parts)) <= _SHORT_PART
    if len(parts) > 1 and (is_short or _CODE.search(whole)):
        words.append("".join(parts))
    return _finish(words, language)


def _opened(part: str) -> list[str]:
    """The part itself, after what a number glued to letters is made of."""
    glued = None if part.isalpha() else _GLUED.fullmatch(part)
    return [part] if glued is None else [*filter(None, glued.groups()), part]


def _fold(token: str) -> str:
    if token.isascii():
        return token.lower()
    folded = unicodedata.normalize("NFKC", _INVISIBLE.sub("", token)).casefold()
    return _FOREIGN.sub("-", unicodedata.normalize("NFC", folded.translate(_PLAIN_JOINTS)))


def _strip(word: str) -> str:
    """The word without accents and with plain letters, where they have a usual plain form."""
    if word.isascii():
        return word
    decomposed = unicodedata.normalize("NFD", word.translate(_PLAIN_LETTERS))
    return unicodedata.normalize("NFC", _ACCENTS.sub("", decomposed))


def _finish(words: list[str], language: str) -> tuple[str, ...]:
    stop_words = _stop_words(language)
    terms = (_stem(word, language) for word in words if _strip(word) not in stop_words)
    return tuple(_cut(term) for term in terms if term)


@cache
def _stop_words(language: str) -> frozenset[str]:
    if language == DEFAULT_LANGUAGE:
        return _STOP_WORDS
    return frozenset(_strip(_fold(word)) for word in short_function_words(language))


def _stem(word: str, language: str) -> str:
    if language != DEFAULT_LANGUAGE:
        return word if any(map(str.isdigit, word)) else _strip(_stemmers.stem(word, language))
    return _stemmers.stem(word, language) if word.isascii() and word.isalpha() else word


def _cut(term: str) -> str:
    if len(term) * 4 <= MAX_TERM_BYTES:
        return term
    return term.encode()[:MAX_TERM_BYTES].decode(errors="ignore")


def telling_tokens(
    text: str, spans: Sequence[tuple[int, int]], language: str = DEFAULT_LANGUAGE
) -> NDArray[np.bool_]:
    """Which of a model's tokens carry meaning: False for punctuation and stop words.

    `spans` are the tokens' places in `text`; the result has their shape. Late interaction leaves
    the others out: they are the best partner of no word that matters, and make up over a third of
    the tokens, hence of the index and of the reranker's work.
    """
    return np.array([_is_telling(text[start:end], language) for start, end in spans], dtype=bool)


@lru_cache(maxsize=50_000)
def _is_telling(token: str, language: str) -> bool:
    return bool(analyse(token, language))
