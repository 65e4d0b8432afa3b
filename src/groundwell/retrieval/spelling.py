"""Spelling correction of queries against the words that the collection itself holds.

A word is put right only when neither the collection nor the dictionary knows it, when nothing
marks it as meant (digits, capitals, quotes, another script), and when a known word is near. A
correction that is not made costs little, because the dense leg forgives typos; one that is wrong
hides what the user asked for. Where in doubt, the word stays.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from groundwell.domain.analysis import analyse
from groundwell.domain.languages import DEFAULT_LANGUAGE
from groundwell.domain.queries import CorrectedQuery, Correction, put_right
from groundwell.retrieval.english_words import MAX_DISTANCE, EnglishWords
from groundwell.retrieval.slips import common_prefix, edits, is_light_slip, is_likely_slip

MIN_LETTERS = 4
MAX_LETTERS = 32
MIN_LETTERS_FOR_TWO_EDITS = 8
MIN_LETTERS_OF_A_NAME = 8
"""A word with a capital letter is likely a name, and names that nobody knows are common."""
MIN_PASSAGES_UNLISTED = 2
"""In how many passages a word must stand that no dictionary has: one may be the misprint."""
MIN_FREQUENCY_UNSEEN = 1_000_000
"""How common an English word must be to stand for what was meant although the collection lacks it;
about the 30,000 most common are. The word then stays, and is not bent into another."""
MAX_WORDS = 64
"""Words of a query that are looked at: a longer text is no query that somebody typed."""
MAX_MISSPELT = 8
"""Words of a query that are put right; each asks the vocabulary for about 600 terms."""

_QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”|„[^“”]*[“”]|«[^»]*»|`[^`]*`|(?<!\w)'[^']*'(?!\w)")
_TOKEN = re.compile(r"\S+")
_CODE = re.compile(r"[\d@/\\_=<>{}#$%^*+|~]|\w\.\w|\w:\w")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_POSSESSIVE = re.compile(r"['’]s?$")


class Vocabulary(Protocol):
    """The terms of a collection."""

    async def frequencies(self, terms: Collection[str]) -> Mapping[str, int]:
        """In how many passages each of `terms` occurs; those that occur in none are left out.

        Terms are analysed ones. A call names up to about 5,000 of them.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Word:
    """A word of the query that may be looked at; `query[start:end]` is `text`.

    `terms` are what the analyser makes of it in English, `readings` in each language.
    """

    text: str
    start: int
    end: int
    terms: tuple[str, ...]
    readings: tuple[tuple[str, ...], ...]
    begins_sentence: bool

    @property
    def lowered(self) -> str:
        return self.text.lower()

    @property
    def may_be_name(self) -> bool:
        return self.text[0].isupper() and not self.begins_sentence


@dataclass(frozen=True, slots=True)
class _Candidate:
    """What a word may have been meant to be. `frequency` is that in English, 0 if unknown."""

    text: str
    distance: int
    frequency: int
    terms: tuple[str, ...]


class SpellingCorrector:
    """Puts queries right. One instance serves all collections."""

    def __init__(self, english: EnglishWords) -> None:
        self._english = english

    async def correct(
        self,
        query: str,
        vocabulary: Vocabulary,
        languages: Sequence[str] = (DEFAULT_LANGUAGE,),
    ) -> CorrectedQuery:
        """The query with its misspelt words replaced, and which they were.

        `languages` are those of the collection. Never changed: words of the collection in any form
        that the analyser of one of them maps to an indexed term, English words, words with digits
        or capitals inside, words in quotes, those shorter than `MIN_LETTERS`, those with letters
        other than a to z; and nothing in a query of three words or more most of which are neither
        English nor held. Every word that is put in stands in the collection. Asks the vocabulary
        once for a query whose words are all known, else twice. Raises what the vocabulary raises.
        """
        words = list(_words_of(query, languages))
        if _is_in_another_language(words):
            return CorrectedQuery(query, query)
        terms = {term for word in words for reading in word.readings for term in reading}
        terms |= {term for word in words for term in word.terms}
        held = await vocabulary.frequencies(terms) if terms else {}
        unknown = [word for word in words if not _is_known(word, held)]
        if not unknown:
            return CorrectedQuery(query, query)
        await self._english.prepare()
        # A word that is held by its reading in another language only speaks for that language.
        foreign = {w for w in words if not _is_held(w.terms, held) and not self._is_english(w)}
        if len(foreign) > max(2, len(words) // 2):
            return CorrectedQuery(query, query)
        misspelt = (word for word in unknown if word in foreign and _is_plain(word))
        plain = list(islice(misspelt, MAX_MISSPELT))
        english = {word: list(self._english_near(word)) for word in plain}
        wanted = {term for word in plain for term in edits(*word.terms)}
        wanted |= {term for found in english.values() for each in found for term in each.terms}
        near = await vocabulary.frequencies(wanted) if wanted else {}
        chosen = (
            (word, _best(word, [*found, *_held_near(word, near)], near))
            for word, found in english.items()
        )
        corrections = tuple(
            Correction(word.text, _cased(word.text, best.text), word.start, word.end)
            for word, best in chosen
            if best is not None
        )
        return CorrectedQuery(query, put_right(query, corrections), corrections)

    def _is_english(self, word: _Word) -> bool:
        return self._english.has(_POSSESSIVE.sub("", word.lowered))

    def _english_near(self, word: _Word) -> Iterator[_Candidate]:
        lowered = word.lowered
        may_differ_twice = len(lowered) >= MIN_LETTERS_FOR_TWO_EDITS and not word.may_be_name
        limit = MAX_DISTANCE if may_differ_twice else 1
        for text, distance, frequency in self._english.near(lowered, limit):
            if is_likely_slip(lowered, text, distance):
                yield _Candidate(text, distance, frequency, tuple(analyse(text)))


def has_unknown_word(query: str, languages: Sequence[str], unknown_terms: frozenset[str]) -> bool:
    """Whether a word of the query is unknown in every one of its readings.

    In a collection of several languages most words have a reading that nobody ever wrote.
    """
    return any(
        not any(unknown_terms.isdisjoint(reading) for reading in word.readings)
        for word in _words_of(query, languages)
    )


def _words_of(query: str, languages: Sequence[str]) -> Iterator[_Word]:
    """The query's words of one script and no code, outside of quotes."""
    quoted = [match.span() for match in _QUOTED.finditer(query)]
    count = 0
    for token in _TOKEN.finditer(query):
        if _CODE.search(token.group()) or _overlaps(token.span(), quoted):
            continue
        for match in _WORD.finditer(query, token.start(), token.end()):
            count += 1
            if count > MAX_WORDS:
                return
            text, follower = match.group(), query[match.end() : match.end() + 2]
            # "Protien synthesis", and not "Vesanto Melina" or one word alone.
            begins_sentence = count == 1 and follower[:1] == " " and follower[1:].islower()
            readings = tuple(tuple(analyse(text, language)) for language in languages)
            english = tuple(analyse(text))
            yield _Word(text, *match.span(), english, readings, begins_sentence)


def _overlaps(span: tuple[int, int], others: Sequence[tuple[int, int]]) -> bool:
    return any(span[0] < end and start < span[1] for start, end in others)


def _is_held(terms: Sequence[str], held: Mapping[str, int]) -> bool:
    """Whether the collection holds all these terms. A stop word has none and is known."""
    return all(held.get(term, 0) > 0 for term in terms)


def _is_in_another_language(words: Sequence[_Word]) -> bool:
    """Whether another language of the collection has more stop words in the query than English."""
    silences = (
        map(operator.not_, readings)
        for readings in zip(*(word.readings for word in words), strict=True)
    )
    return max(map(sum, silences), default=0) > sum(not word.terms for word in words)


def _is_known(word: _Word, held: Mapping[str, int]) -> bool:
    return any(_is_held(reading, held) for reading in (word.terms, *word.readings))


def _is_plain(word: _Word) -> bool:
    """Whether nothing in the word's form marks it as meant."""
    text = word.text
    least = MIN_LETTERS_OF_A_NAME if word.may_be_name else MIN_LETTERS
    is_simple = text.isascii() and text.isalpha() and text[1:].islower()
    return is_simple and least <= len(text) <= MAX_LETTERS and len(word.terms) == 1


def _held_near(word: _Word, held: Mapping[str, int]) -> Iterator[_Candidate]:
    """Words of the collection whose term is one edit from the word's own.

    The collection knows terms, not words: the edited term gets back the ending that the stemmer
    took, and counts only if the analyser then takes it off again.
    """
    (term,) = word.terms
    kept = common_prefix(word.lowered, term)
    lost, changed = word.lowered[kept:], term[kept:]
    for edited in edits(term):
        if edited not in held:
            continue
        text = edited.removesuffix(changed) + lost if edited.endswith(changed) else edited
        if analyse(text) == [edited] and is_likely_slip(word.lowered, text, 1):
            yield _Candidate(text, 1, 0, (edited,))


def _best(
    word: _Word, candidates: Sequence[_Candidate], held: Mapping[str, int]
) -> _Candidate | None:
    """What was likely meant, if it stands in the collection.

    A swap, or a letter doubled or not, comes before other slips; then the nearer word; then what
    more passages hold.
    """

    def passages(candidate: _Candidate) -> int:
        return min((held.get(term, 0) for term in candidate.terms), default=0)

    def is_fit(candidate: _Candidate) -> bool:
        if candidate.frequency == 0:
            return passages(candidate) >= MIN_PASSAGES_UNLISTED
        is_common = candidate.frequency >= MIN_FREQUENCY_UNSEEN and candidate.distance == 1
        return passages(candidate) > 0 or (is_common and not word.may_be_name)

    best = min(
        filter(is_fit, candidates),
        key=lambda each: (
            not is_light_slip(word.lowered, each.text),
            each.distance,
            -passages(each),
            -each.frequency,
            each.text,
        ),
        default=None,
    )
    return best if best is not None and passages(best) else None


def _cased(original: str, corrected: str) -> str:
    return corrected.capitalize() if original[0].isupper() else corrected
