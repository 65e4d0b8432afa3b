"""Packs of synonyms and abbreviations: what else a phrase of the query is called.

A pack is a JSON object from phrases to their expansions:

    {"RDL": ["Romanian deadlift"], "OHP": {"expansions": ["overhead press"], "both_ways": true}}

Phrases are compared by their analysed terms, so that case and endings do not matter. Expansions
are never expanded again, so that packs cannot loop.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

from groundwell.domain.analysis import analyse
from groundwell.domain.errors import InvalidInputError, NotFoundError

MAX_ENTRIES = 5000
MAX_WORDS = 4
MAX_CHARS = 100
MAX_EXPANSIONS = 10
MAX_BYTES = 2 << 20

BUNDLED = ("strength_training",)
"""The packs that come with the product."""


@dataclass(frozen=True, slots=True)
class Expansion:
    """What a phrase is also called, and the analysed terms of that."""

    text: str
    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SynonymMatch:
    """A phrase found at `terms[start:end]` of the query's analysed terms."""

    start: int
    end: int
    expansions: tuple[Expansion, ...]


class SynonymPack:
    """The phrases of a pack, ready to be found in queries."""

    def __init__(
        self,
        entries: Mapping[tuple[str, ...], tuple[Expansion, ...]],
        short_forms: Mapping[str, str],
    ) -> None:
        self._entries = dict(entries)
        self._longest = max(map(len, self._entries), default=0)
        self.short_forms = dict(short_forms)
        """Each phrase of one word, in lower case, with its first expansion: `rdl`."""

    def __len__(self) -> int:
        return len(self._entries)

    def matches(self, terms: Sequence[str]) -> tuple[SynonymMatch, ...]:
        """The pack's phrases in a query's analysed terms, from left to right.

        Where phrases overlap, the longer one of those that begin first is taken.
        """
        return tuple(self._found(tuple(terms)))

    def _found(self, terms: tuple[str, ...]) -> Iterator[SynonymMatch]:
        start = 0
        while start < len(terms):
            longest = min(self._longest, len(terms) - start)
            for length in range(longest, 0, -1):
                expansions = self._expansions_of(terms[start : start + length])
                if expansions:
                    yield SynonymMatch(start, start + length, expansions)
                    start += length
                    break
            else:
                start += 1

    def _expansions_of(self, phrase: tuple[str, ...]) -> tuple[Expansion, ...]:
        # The stemmer leaves the plural of words without a vowel alone: "RDLs".
        *rest, last = phrase
        singular = (*rest, last.removesuffix("s"))
        return self._entries.get(phrase) or self._entries.get(singular, ())


def parse_pack(text: str | bytes) -> SynonymPack:
    """The pack in a JSON text.

    Raises InvalidInputError `invalid_synonyms` that names the entry: for a phrase given twice
    (also in two forms of one word), without a word that is searched, of more than `MAX_WORDS`
    words or `MAX_CHARS` characters; for no or more than `MAX_EXPANSIONS` expansions; for an
    expansion that says the same as its phrase; for more than `MAX_ENTRIES` entries.
    """
    entries: dict[tuple[str, ...], list[Expansion]] = {}
    names: dict[tuple[str, ...], str] = {}
    short_forms: dict[str, str] = {}
    reverse: list[tuple[Expansion, Expansion]] = []
    for phrase, value in _read(text):
        terms = _phrase_terms(phrase)
        if terms in names:
            raise _mistake(f'"{phrase}" is given twice, the first time as "{names[terms]}"')
        names[terms] = phrase
        expansions, is_both_ways = _parse_entry(phrase, value)
        for expansion in expansions:
            if expansion.terms == terms:
                raise _mistake(f'"{expansion.text}" says the same as "{phrase}"')
            if is_both_ways:
                _phrase_terms(expansion.text)
                reverse.append((expansion, Expansion(phrase, terms)))
        entries[terms] = expansions
        if len(phrase.split()) == 1:
            short_forms[phrase.lower()] = expansions[0].text
    for source, target in reverse:
        known = entries.setdefault(source.terms, [])
        if all(target.terms != each.terms for each in known):
            known.append(target)
    packed = {terms: tuple(expansions) for terms, expansions in entries.items()}
    return SynonymPack(packed, short_forms)


def bundled_pack(name: str) -> SynonymPack:
    """A pack that comes with the product. Raises NotFoundError for a name not in `BUNDLED`."""
    if name not in BUNDLED:
        raise NotFoundError(f"There is no synonym pack {name!r}; there are {', '.join(BUNDLED)}.")
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


def _parse_entry(phrase: str, value: object) -> tuple[list[Expansion], bool]:
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
    return [Expansion(text.strip(), _text_terms(text)) for text in value], is_both_ways


def _phrase_terms(phrase: str) -> tuple[str, ...]:
    if len(phrase.split()) > MAX_WORDS:
        raise _mistake(f'"{phrase[:MAX_CHARS]}" has more than {MAX_WORDS} words')
    return _text_terms(phrase)


def _text_terms(text: str) -> tuple[str, ...]:
    if len(text) > MAX_CHARS:
        raise _mistake(f'"{text[:MAX_CHARS]}…" is longer than {MAX_CHARS} characters')
    terms = tuple(analyse(text))
    if not terms:
        raise _mistake(f'"{text}" has no word that is searched')
    return terms


def _mistake(what: str) -> InvalidInputError:
    return InvalidInputError(f"The synonym pack cannot be used: {what}.", code="invalid_synonyms")
