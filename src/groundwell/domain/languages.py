"""The languages that keyword search knows: how their words are stemmed, and which say nothing.

Languages are ISO 639-1 codes. English has a list of stop words of its own in `analysis`; the
other lists come from the package stop-words, where it has one that can be used.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from stop_words import AVAILABLE_LANGUAGES, get_stop_words

DEFAULT_LANGUAGE: Final = "en"
"""The language of texts that are too short or too mixed to tell."""

STEMMERS: Mapping[str, str] = MappingProxyType(
    {
        "ar": "arabic",
        "ca": "catalan",
        "cs": "czech",
        "da": "danish",
        "de": "german",
        "el": "greek",
        "en": "english",
        "eo": "esperanto",
        "es": "spanish",
        "et": "estonian",
        "eu": "basque",
        "fa": "persian",
        "fi": "finnish",
        "fr": "french",
        "ga": "irish",
        "hi": "hindi",
        "hu": "hungarian",
        "hy": "armenian",
        "id": "indonesian",
        "it": "italian",
        "lt": "lithuanian",
        "ne": "nepali",
        "nl": "dutch",
        "no": "norwegian",
        "pl": "polish",
        "pt": "portuguese",
        "ro": "romanian",
        "ru": "russian",
        "sr": "serbian",
        "st": "sesotho",
        "sv": "swedish",
        "ta": "tamil",
        "tr": "turkish",
        "yi": "yiddish",
    }
)
"""Snowball's name for the stemmer of each language."""

FOREIGN_TO_LATIN = frozenset({"ar", "el", "fa", "hi", "hy", "ne", "ru", "ta", "yi"})
"""Languages with a script of their own: plain Latin words in their texts are foreign words."""

# The package's Greek list is ancient Greek, its Turkish one has broken letters, its Persian one
# holds whole dictionaries.
_UNFIT = frozenset({"el", "fa", "tr"})
# The package's longer words are too often words that people look for, such as Spanish "fuerza"
# and "trabajo"; and how rare a word is says the same of all of them. On questions over articles
# in six languages short words do as well as the whole lists, in Spanish better.
_LONGEST_STOP_WORD = 4


@cache
def function_words(language: str) -> frozenset[str]:
    """The package's whole list of words without a subject, in lower case; empty where none is."""
    name = STEMMERS[language]
    if language in _UNFIT or name not in AVAILABLE_LANGUAGES:
        return frozenset()
    return frozenset(word.lower() for word in get_stop_words(name))


@cache
def short_function_words(language: str) -> frozenset[str]:
    """Those of the function words that are safe to leave out of an index."""
    return frozenset(w for w in function_words(language) if len(w) <= _LONGEST_STOP_WORD)
