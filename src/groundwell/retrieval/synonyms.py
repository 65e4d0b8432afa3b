"""Packs of synonyms and abbreviations: what else a phrase of the query is called.

A pack is a JSON object from phrases to their expansions:

    {"RDL": ["Romanian deadlift"], "OHP": {"expansions": ["overhead press"], "both_ways": true}}

Phrases are compared by their analysed terms, so that case and endings do not matter: in each
language of the collection. An abbreviation in capitals that is a stop word otherwise, as "IF" is,
is compared as it is written. Expansions are never expanded again, so that packs cannot loop.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from groundwell.domain.analysis import analyse, terms_of_words
from groundwell.domain.errors import InvalidInputError, NotFoundError
from groundwell.domain.languages import DEFAULT_LANGUAGE

MAX_ENTRIES = 5000
MAX_WORDS = 4
MAX_CHARS = 100
MAX_EXPANSIONS = 10
MAX_BYTES = 2 << 20
MIN_CAPITALS = 2
"""Letters of an abbreviation that is compared as it is written."""

BUNDLED = ("strength_training",)
"""The packs that come with the product."""


@dataclass(frozen=True, slots=True)
class Expansion:
    """What a phrase is also called, and the analysed terms of that."""

    text: str
    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SynonymMatch:
    """A phrase that stands in a query as these terms of it."""

    terms: tuple[str, ...]
    expansions: tuple[Expansion, ...]


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry of a pack as it was given."""

    phrase: str
    expansions: tuple[str, ...]
    is_both_ways: bool


class SynonymPack:
    """The phrases of a pack, ready to be found in queries of collections in `languages`."""

    def __init__(
        self, entries: Sequence[_Entry], languages: Sequence[str] = (DEFAULT_LANGUAGE,)
    ) -> None:
        self._given = entries
        capitals = _capitals(entries, languages)
        self._indexes = [_Index(entries, language, capitals) for language in languages]
        self.short_forms = {
            entry.phrase if entry.phrase in capitals else entry.phrase.lower(): entry.expansions[0]
            for entry in entries
            if len(entry.phrase.split()) == 1
        }
        """Each phrase of one word with its first expansion: `rdl`. In lower case, but for those
        that are compared as they are written."""

    def __len__(self) -> int:
        """How many phrases are known, with those of entries that work both ways."""
        return max(map(len, self._indexes))

    def read_in(self, languages: Sequence[str]) -> SynonymPack:
        """The same pack for a collection in these languages, at least one."""
        return SynonymPack(self._given, languages)

    def matches(self, text: str) -> tuple[SynonymMatch, ...]:
        """The pack's phrases in a query, language by language, from left to right.

        Where phrases overlap, the longer one of those that begin first is taken.
        """
        return tuple(match for index in self._indexes for match in index.matches(text))


class _Index:
    """The expansions of a pack by the terms of their phrases in one language."""

    def __init__(self, entries: Sequence[_Entry], language: str, capitals: frozenset[str]) -> None:
        self._language = language
        self._capitals = capitals
        self._entries = self._indexed(entries)
        self._longest = max(map(len, self._entries), default=0)

    def __len__(self) -> int:
        return len(self._entries)

    def _indexed(self, entries: Sequence[_Entry]) -> dict[tuple[str, ...], tuple[Expansion, ...]]:
        found: dict[tuple[str, ...], dict[tuple[str, ...], Expansion]] = {}
        reverse: list[tuple[Expansion, Expansion]] = []
        for entry in entries:
            phrase = Expansion(entry.phrase, _terms(entry.phrase, self._language, self._capitals))
            for text in entry.expansions:
                expansion = Expansion(text, _terms(text, self._language, self._capitals))
                found.setdefault(phrase.terms, {}).setdefault(expansion.terms, expansion)
                if entry.is_both_ways:
                    reverse.append((expansion, phrase))
        for source, target in reverse:
            found.setdefault(source.terms, {}).setdefault(target.terms, target)
        # A text may have no terms, or be its own expansion, in a language it was not written for.
        return {
            terms: tuple(each for its, each in expansions.items() if its and its != terms)
            for terms, expansions in found.items()
            if terms
        }

    def matches(self, text: str) -> Iterator[SynonymMatch]:
        # In a text of capitals only they mark no abbreviation, but for a single word.
        is_marked = not text.isupper() or len(text.split()) == 1
        capitals = self._capitals if is_marked else frozenset[str]()
        terms = _terms(text, self._language, capitals)
        start = 0
        while start < len(terms):
            longest = min(self._longest, len(terms) - start)
            for length in range(longest, 0, -1):
                phrase = terms[start : start + length]
                expansions = self._expansions_of(phrase)
                if expansions:
                    yield SynonymMatch(phrase, expansions)
                    start += length
                    break
            else:
                start += 1

    def _expansions_of(self, phrase: tuple[str, ...]) -> tuple[Expansion, ...]:
        # The stemmer leaves the plural of words without a vowel alone: "RDLs".
        *rest, last = phrase
        singular = (*rest, last.removesuffix("s"))
        return self._entries.get(phrase) or self._entries.get(singular, ())


def _capitals(entries: Iterable[_Entry], languages: Sequence[str]) -> frozenset[str]:
    """The words in capitals of all phrases that are stop words in one of the languages."""
    words = {
        word
        for entry in entries
        for word in entry.phrase.split()
        if word.isalpha() and word.isupper() and len(word) >= MIN_CAPITALS
    }
    return frozenset(
        word for word in words if not all(analyse(word, language) for language in languages)
    )


def _terms(text: str, language: str, capitals: frozenset[str]) -> tuple[str, ...]:
    """The analysed terms of a text; words among `capitals` stand for themselves.

    They meet no other term: analysed ones have no capitals.
    """
    if not capitals:
        return tuple(analyse(text, language))
    terms: list[str] = []
    for word, found in terms_of_words(text, (language,)):
        terms += (word,) if word in capitals else found
    return tuple(terms)


def parse_pack(text: str | bytes) -> SynonymPack:
    """The pack in a JSON text, for a collection in English: `read_in` tells of others.

    Raises InvalidInputError `invalid_synonyms` that names the entry: for a phrase given twice
    (also in two forms of one English word), without a word that is searched and without an
    abbreviation in capitals, of more than `MAX_WORDS` words or `MAX_CHARS` characters; for no or
    more than `MAX_EXPANSIONS` expansions; for an expansion that says the same as its phrase; for
    more than `MAX_ENTRIES` entries.
    """
    names: dict[tuple[str, ...], str] = {}
    entries: list[_Entry] = []
    for phrase, value in _read(text):
        entry = _parse_entry(phrase, value)
        capitals = _capitals([entry], (DEFAULT_LANGUAGE,))
        terms = _phrase_terms(phrase, capitals)
        if terms in names:
            raise _mistake(f'"{phrase}" is given twice, the first time as "{names[terms]}"')
        names[terms] = phrase
        _check_expansions(entry, terms)
        entries.append(entry)
    return SynonymPack(entries)


def _check_expansions(entry: _Entry, terms: tuple[str, ...]) -> None:
    for text in entry.expansions:
        if _expansion_terms(text) == terms:
            raise _mistake(f'"{text}" says the same as "{entry.phrase}"')
        if entry.is_both_ways:
            _phrase_terms(text, frozenset())
    if entry.is_both_ways and not analyse(entry.phrase):
        raise _mistake(
            f'"{entry.phrase}" cannot work both ways: as a stop word it is never searched'
        )


@cache
def bundled_pack(name: str) -> SynonymPack:
    """A pack that comes with the product. Raises NotFoundError for a name not in `BUNDLED`."""
    if name not in BUNDLED:
        raise NotFoundError(
            f"There is no synonym pack {name!r}; there are {', '.join(BUNDLED)}.",
            code="pack_not_found",
        )
    return parse_pack((files(__package__) / "packs" / f"{name}.json").read_bytes())


def _read(text: str | bytes) -> list[tuple[str, object]]:
    if len(text) > MAX_BYTES:
        raise _mistake(f"it is larger than {MAX_BYTES >> 20} MiB")
    pairs: list[tuple[str, object]] = []

    def keep_pairs(found: list[tuple[str, object]]) -> dict[str, object]:
        # Called for inner objects first: the last call is the pack's own.
        pairs[:] = found
        return dict(found)

    try:
        read: object = json.loads(text, object_pairs_hook=keep_pairs)
    except (ValueError, RecursionError) as error:
        raise _mistake(f"it is no JSON: {error}") from error
    if not isinstance(read, dict):
        raise _mistake("it is no JSON object from phrases to expansions")
    if not pairs:
        raise _mistake("it has no entries")
    if len(pairs) > MAX_ENTRIES:
        raise _mistake(f"it has {len(pairs)} entries; {MAX_ENTRIES} is the most")
    return pairs


def _parse_entry(phrase: str, value: object) -> _Entry:
    is_both_ways: object = False
    if isinstance(value, dict):
        if not set(value) <= {"expansions", "both_ways"}:
            raise _mistake(f'"{phrase}" has fields other than "expansions" and "both_ways"')
        is_both_ways = value.get("both_ways", False)
        value = value.get("expansions")
    if not isinstance(is_both_ways, bool):
        raise _mistake(f'"both_ways" of "{phrase}" must be true or false')
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise _mistake(f'"{phrase}" needs a list of texts')
    if not 1 <= len(value) <= MAX_EXPANSIONS:
        raise _mistake(f'"{phrase}" has {len(value)} expansions; it needs 1 to {MAX_EXPANSIONS}')
    return _Entry(phrase, tuple(text.strip() for text in value), is_both_ways)


def _phrase_terms(phrase: str, capitals: frozenset[str]) -> tuple[str, ...]:
    if len(phrase.split()) > MAX_WORDS:
        raise _mistake(f'"{phrase[:MAX_CHARS]}" has more than {MAX_WORDS} words')
    _check_length(phrase)
    terms = _terms(phrase, DEFAULT_LANGUAGE, capitals)
    if not terms:
        raise _mistake(
            f'"{phrase}" has no word that is searched, only stop words or none; '
            f"an abbreviation needs {MIN_CAPITALS} capitals or more"
        )
    return terms


def _expansion_terms(text: str) -> tuple[str, ...]:
    _check_length(text)
    terms = tuple(analyse(text))
    if not terms:
        raise _mistake(f'"{text}" has no word that is searched, only stop words or none')
    return terms


def _check_length(text: str) -> None:
    if len(text) > MAX_CHARS:
        raise _mistake(f'"{text[:MAX_CHARS]}…" is longer than {MAX_CHARS} characters')


def _mistake(what: str) -> InvalidInputError:
    return InvalidInputError(f"The synonym pack cannot be used: {what}.", code="invalid_synonyms")
