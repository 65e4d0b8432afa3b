"""Finding the names that a user's profile gives."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence

from groundwell.domain.documents import JsonValue
from groundwell.domain.privacy.spans import PersonalData, Span

_FIELDS = ("name", "full_name", "first_name", "middle_name", "last_name", "nickname", "names")
_MOST_NAMES = 20
_NAME_CHARACTERS = 100
_LEAST_LETTERS = 2


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PARTICLES = _words(
    """
    van von de der den del della di da dos das la le el al bin ibn ben mac mc y zu zur ter ten
    mr mrs ms dr prof jr sr ii iii
    """
)


# Names that are also words of English, or of training: only inside of a sentence, with a capital.
_ALSO_WORDS = _words(
    """
    will may mark grace april june august rose hope faith joy bill rob art dean drew chase grant
    miles max pat sue jack frank summer autumn dawn ray reed rich ward young strong long short
    white black brown green gray grey king bishop cook baker mason carter hunter fisher walker
    hill wood woods stone field banks brook brooks lane park price page day week swift sharp
    rice bean lamb fox wolf bird fish bush berry cherry olive ivy iris lily heather holly ginger
    basil sage christian love power steel press curl barr bench row rower runner sprint bell
    ball chin dip best good wise bright little small fast sky sunny star angel melody harmony
    harley ford dodge chance guy gene jean dale glen clay cliff forest skip rusty buck ace jay
    robin english french german irish scott said so an in on do no
    """
)
_LETTERS = re.compile(r"[^\W\d_]+")
_JOINED = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
_SENTENCE_START = re.compile(r"(?:\A|[.!?:;\n\"“(\[•*]|(?:^|\n)\s*[-–])\s*\Z")


def names_in_profile(profile: JsonValue) -> list[str]:
    """The names in a profile: an object with `name`, `first_name`, `last_name`, … or `names`.

    Whatever has another shape gives no names.
    """
    if not isinstance(profile, Mapping):
        return []
    given: list[str] = []
    for field in _FIELDS:
        value = profile.get(field)
        values = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        given += [item.strip() for item in values if isinstance(item, str)]
    fit = (name for name in given if _LEAST_LETTERS <= len(name) <= _NAME_CHARACTERS)
    return list(dict.fromkeys(fit))[:_MOST_NAMES]


def find_names(text: str, names: Sequence[str]) -> Iterator[Span]:
    """The names, whole in any case, and each part of them where it is written as a name."""
    if not names:
        return
    folded = _folded(text)
    wholes = {_folded(name) for name in names}
    for whole in sorted(wholes, key=len, reverse=True):
        for match in re.finditer(_pattern_of_whole(whole), folded):
            yield Span(PersonalData.NAME, *match.span())
    parts = {part for whole in wholes for part in _parts(whole)} - _PARTICLES
    for word in _JOINED.finditer(folded):
        joined = [word] if word.group() in parts else _LETTERS.finditer(folded, *word.span())
        for match in joined:
            if match.group() in parts and _is_written_as_name(text, match.span()):
                yield Span(PersonalData.NAME, *match.span())


def _parts(name: str) -> set[str]:
    return {*_JOINED.findall(name), *_LETTERS.findall(name)}


def _pattern_of_whole(name: str) -> str:
    """Several words in any case; a script without case and word boundaries anywhere in the text."""
    several = r"\s+".join(re.escape(part) for part in name.split())
    if name.upper() == name:
        return several
    return rf"(?<!\w){several}(?!\w)" if " " in name else r"(?!)"


def _is_written_as_name(text: str, span: tuple[int, int]) -> bool:
    word = text[span[0] : span[1]]
    if len(word) < _LEAST_LETTERS or (word[0].islower() and word[0].upper() != word[0]):
        return False
    is_ambiguous = word.casefold() in _ALSO_WORDS
    line = text[max(0, span[0] - 40) : span[0]]
    return not (is_ambiguous and _SENTENCE_START.search(line))


def _folded(text: str) -> str:
    """Without case and accents, character for character: `É` becomes `e`."""
    return "".join(map(_folded_character, text))


def _folded_character(character: str) -> str:
    if character.isascii():
        return character.lower()
    if character == "’":
        return "'"
    base = unicodedata.normalize("NFD", character)[0].casefold()
    return base if len(base) == 1 else character
