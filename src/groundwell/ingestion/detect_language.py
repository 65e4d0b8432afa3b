"""Which language a document is written in, where that is beyond doubt."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from py3langid.langid import MODEL_DIR, MODEL_FILE, LanguageIdentifier

from groundwell.domain.analysis import analyse
from groundwell.domain.languages import (
    DEFAULT_LANGUAGE,
    FOREIGN_TO_LATIN,
    STEMMERS,
    function_words,
)

_WORD = re.compile(r"[^\W\d_]+(?:[\u0900-\u0903\u093a-\u094f\u0b80-\u0bff]+[^\W\d_]*)*")
_WINDOW = 1500
_LEAST_WORDS = 4
# Above this share of English stop words a text is English; running English text has 0.18 to 0.5.
_SURELY_ENGLISH = 0.2
# A sentence of a language has 0.07 to 0.5 of its function words. Lists of names, titles and tables
# have none and say too little.
_LEAST_FUNCTION_WORDS = 0.1
# Where the script speaks as well, fewer do.
_LEAST_IN_OWN_SCRIPT = 0.04
_LEAST_PROBABILITY = 0.5
# Without a list of function words the model has to be surer, of more words, with less English.
_UNLISTED_PROBABILITY = 0.9
_UNLISTED_LATIN_WORDS = 8
_UNLISTED_ENGLISH = 0.04


def detect_language(text: str) -> str:
    """The ISO 639-1 code of the text's language, if keyword search knows it; else the default.

    Doubtful means default: a text of less than four words or without running sentences is taken
    for English. Two witnesses have to agree: the model of py3langid (Lui and Baldwin, 2012,
    "langid.py: An Off-the-shelf Language Identification Tool") and the language's function words.
    Looks at three places of a long text. Loads the model, 80 MB, at the first text that is not
    plainly English; blocks for up to a second then, and for under a millisecond afterwards.
    """
    sample = _sample(text)
    words = [word.lower() for word in _WORD.findall(sample)]
    if len(words) < _LEAST_WORDS:
        return DEFAULT_LANGUAGE
    english = sum(not analyse(word) for word in words) / len(words)
    if english >= _SURELY_ENGLISH:
        return DEFAULT_LANGUAGE
    label, probability = _identifier().classify(sample)
    language = "no" if label == "nn" else str(label)
    if language not in STEMMERS or probability < _LEAST_PROBABILITY:
        return DEFAULT_LANGUAGE
    return language if _agrees(language, probability, words, english) else DEFAULT_LANGUAGE


def _agrees(language: str, probability: float, words: list[str], english: float) -> bool:
    listed = function_words(language)
    has_own_script = language in FOREIGN_TO_LATIN
    if listed:
        own = sum(word in listed for word in words) / len(words)
        least = _LEAST_IN_OWN_SCRIPT if has_own_script else _LEAST_FUNCTION_WORDS
        return own >= max(least, 2 * english)
    return (
        probability >= _UNLISTED_PROBABILITY
        and english <= _UNLISTED_ENGLISH
        and (has_own_script or len(words) >= _UNLISTED_LATIN_WORDS)
    )


def _sample(text: str) -> str:
    if len(text) <= 3 * _WINDOW:
        return text
    middle = (len(text) - _WINDOW) // 2
    return "\n".join((text[:_WINDOW], text[middle : middle + _WINDOW], text[-_WINDOW:]))


@cache
def _identifier() -> LanguageIdentifier:
    path = str(Path(MODEL_DIR) / MODEL_FILE)
    identifier: LanguageIdentifier = LanguageIdentifier.from_modelpath(path, norm_probs=True)
    return identifier
