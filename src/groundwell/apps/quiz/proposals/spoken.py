"""The words of a text, each with what it is in its sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from groundwell.apps.quiz.checks.wording import wording
from groundwell.apps.quiz.language import has_tagger, tagged
from groundwell.apps.quiz.proposals.quotes import has_spaces
from groundwell.domain.analysis import analyse, terms_of_words
from groundwell.domain.languages import function_words
from groundwell.domain.sentences import sentence_spans

_VOWELS = re.compile(r"(?<=.)[aeiouy]+")
_DOUBLED = re.compile(r"(.)\1")
_ENDING = re.compile(r"(?<=.)n$")
_NOUN, _BARE, _OTHER = "N", "W", "?"
# Articles, prepositions, pronouns, question words and marks say too little by themselves.
_SAY_LITTLE = frozenset("ICPWs.,()")
_VERBS = frozenset("VBGE")


@dataclass(frozen=True, slots=True)
class Word:
    """A word as it is written, its terms, and the kind that `language.Token` has.

    Without a tagger a capital letter inside a sentence makes a noun, as names have one everywhere
    and nouns in German; a question word that opens the text is one, and all else is "?".
    """

    text: str
    kind: str
    terms: frozenset[str]

    @property
    def is_noun(self) -> bool:
        """Whether it names something."""
        return self.kind == _NOUN

    @property
    def says_little(self) -> bool:
        """Whether it says nothing of anything."""
        return self.kind in _SAY_LITTLE or not self.terms

    @property
    def verb(self) -> str:
        """What all forms of a verb share, also of one that changes its vowel: "grw" for "grew".

        Empty for other words.
        """
        if self.kind not in _VERBS:
            return ""
        stem = _DOUBLED.sub(r"\1", _VOWELS.sub("", "".join(sorted(self.terms))))
        return _ENDING.sub("", stem) if self.text.endswith(("n", "ne")) else stem


def terms_in(text: str, language: str) -> frozenset[str]:
    """The terms of a text; numbers have one spelling, in digits."""
    return wording(text, language).terms | frozenset(analyse(text, language))


def words_of(text: str, language: str) -> Iterator[Word]:
    """The words of a text in order."""
    if has_tagger(language, text):
        for start, end in sentence_spans(text):
            for token in tagged(text, start, end):
                yield Word(token.text, token.kind, wording(token.text, language).terms)
        return
    opening = True
    for place, (word, terms) in enumerate(terms_of_words(text, [language])):
        is_known = place == 0 or (opening and word.lower() in function_words(language))
        opening = opening and is_known
        if not has_spaces(word[0]):
            kind = _OTHER
        elif is_known:
            kind = _BARE
        else:
            kind = _NOUN if word[0].isupper() else _OTHER
        yield Word(word, kind, frozenset(terms))
