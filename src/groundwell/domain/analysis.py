"""The one analyser of keyword search: index and query, highlighting and sentence scoring use it.

Text becomes words and numbers; each is brought to Unicode NFKC, case-folded, stripped of accents
and, where it is plain Latin, stemmed by Snowball's English stemmer. Scripts written without spaces
become overlapping pairs of characters. Compounds yield their parts; those with a number or a
single letter in them yield the whole as well, so that "covid-19" is found by "covid19" and by
"covid 19".
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
import Stemmer
from numpy.typing import NDArray

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
_TOKEN = re.compile(
    rf"[{_UNSPACED}]+|{_RUN}(?:(?:[_.{_APOSTROPHES}{_HYPHENS}]|(?<=\d),(?=\d\d\d(?!\d))){_RUN})*"
)
_STARTS_UNSPACED = re.compile(f"[{_UNSPACED}]")
_INVISIBLE = re.compile("[\u00ad\u0640\u200c\u200d\u2060\ufe00-\ufe0f\ufeff]")
_CONTRACTION = re.compile("'(?:s|ll|re|ve|d|m)?$")
_ELISION = re.compile(r"[^\W\d_]'(?=\w)")
_ACRONYM = re.compile(r"[^\W\d_](?:\.[^\W\d_])+")
_JOINT = re.compile(r"[-_]|\.(?!\d)|(?<!\d)\.")
# Compounds that are also written as one word: with a number or a single letter ("x-ray") in them.
_CODE = re.compile(r"\d|(?<![^-_])[^\W_](?![^-_])")
# What NFKC makes of a few characters: "½" becomes "1⁄2", an Arabic ligature a phrase.
_FOREIGN = re.compile(rf"[^\w.,'{_MARKS}-]+")
# Accents, and the vowel points that Hebrew and Arabic usually leave out.
_ACCENTS = re.compile("[\u0300-\u036f\u0591-\u05bd\u05bf-\u05c7\u064b-\u0652\u0670]+")
_PLAIN_LETTERS = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"}
    | dict.fromkeys(_HYPHENS, "-")
    | dict.fromkeys(_APOSTROPHES, "'")
)


class _ThreadStemmer(threading.local):
    """Snowball's stemmer changes its own state while it works, so each thread has its own."""

    def __init__(self) -> None:
        # Results are cached here, across threads.
        self.stem_word = Stemmer.Stemmer("english", 0).stemWord


_stemmer = _ThreadStemmer()


def analyse(text: str) -> list[str]:
    """The terms of `text`, in order, with repetitions.

    Terms have 1 to `MAX_TERM_BYTES` bytes of UTF-8. A text of stop words only has no terms.
    """
    terms: list[str] = []
    for token in _TOKEN.findall(text):
        terms += _terms_of(token)
    return terms


def _terms_of(token: str) -> tuple[str, ...]:
    if _STARTS_UNSPACED.match(token):
        return _pairs(token)
    # Words of a language repeat, so their terms are kept; monsters do not and would fill memory.
    return _word_terms(token) if len(token) <= MAX_TERM_BYTES else _split(token)


def _pairs(run: str) -> tuple[str, ...]:
    # A voiced sound mark that stands alone becomes a space and a combining mark.
    run = "".join(unicodedata.normalize("NFKC", run).casefold().split())
    return tuple(map("".join, pairwise(run))) or ((run,) if run else ())


@lru_cache(maxsize=1 << 17)
def _word_terms(token: str) -> tuple[str, ...]:
    return _split(token)


def _split(token: str) -> tuple[str, ...]:
    """The terms of a word, number or compound."""
    plain = _CONTRACTION.sub("", _fold(token))
    if _ACRONYM.fullmatch(plain):
        return _finish([plain.replace(".", "")])
    elision = _ELISION.match(plain)
    whole = plain.replace("'", "").replace(",", "")
    if elision:
        return _finish([whole, plain[elision.end() :]])
    parts = [part for part in _JOINT.split(whole) if part]
    if len(parts) > 1 and _CODE.search(whole):
        parts.append("".join(parts))
    return _finish(parts)


def _fold(token: str) -> str:
    if token.isascii():
        return token.lower()
    folded = unicodedata.normalize("NFKC", _INVISIBLE.sub("", token)).casefold()
    decomposed = unicodedata.normalize("NFD", folded.translate(_PLAIN_LETTERS))
    return _FOREIGN.sub("-", unicodedata.normalize("NFC", _ACCENTS.sub("", decomposed)))


def _finish(words: list[str]) -> tuple[str, ...]:
    terms = (_stem(word) for word in words if word not in _STOP_WORDS)
    return tuple(_cut(term) for term in terms if term)


def _stem(word: str) -> str:
    if not word.isascii():
        return word
    return str(_stemmer.stem_word(word)) if word.isalpha() else word


def _cut(term: str) -> str:
    if len(term) * 4 <= MAX_TERM_BYTES:
        return term
    return term.encode()[:MAX_TERM_BYTES].decode(errors="ignore")


def telling_tokens(text: str, spans: Sequence[tuple[int, int]]) -> NDArray[np.bool_]:
    """Which of a model's tokens carry meaning: False for punctuation and stop words.

    `spans` are the tokens' places in `text`; the result has their shape. Late interaction leaves
    the others out: they are the best partner of no word that matters, and make up over a third of
    the tokens, hence of the index and of the reranker's work.
    """
    return np.array([_is_telling(text[start:end]) for start, end in spans], dtype=bool)


@lru_cache(maxsize=50_000)
def _is_telling(token: str) -> bool:
    return bool(analyse(token))
