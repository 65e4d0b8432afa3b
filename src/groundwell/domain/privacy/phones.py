"""Finding telephone numbers among sets, times, dates and weights.

International numbers are known by `+` or `00` (ITU-T E.164: up to 15 digits). National ones are
known by a trunk `0`, by the North American form, or by a word such as "phone" before them: digits
alone are not enough, since a training log is full of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from groundwell.domain.privacy.spans import PersonalData, Span

# Not inside of a word, a decimal, a time, a date or a price.
_START = r"(?<![\w@#$€£%+*=])(?<!\d[.,:/-])(?<!\d\ [x×-]\ )"
_END = r"(?!\w|[.,:/-]\d)"
_GAP = r"(?:\ ?[.\-/]\ ?|\ ?\(\ ?|\ ?\)\ ?[-/]?\ ?|\ )"

_INTERNATIONAL = re.compile(
    rf"{_START}\(?(?:\+\ ?|(?<!\d\ )00\ ?)[1-9]\d{{0,3}}\)?(?:{_GAP}?\d){{4,16}}{_END}", re.ASCII
)
_TRUNK = re.compile(rf"{_START}\(?0[1-9]\d{{0,4}}\)?(?:{_GAP}?\d){{4,12}}{_END}", re.ASCII)
_NORTH_AMERICAN = re.compile(
    rf"""{_START} (?:1[\ .-]?)?
    (?: \([2-9]\d\d\)\ ? | [2-9]\d\d (?P<mark>[.-]) ) [2-9]\d\d (?(mark)(?P=mark)|[\ .-]) \d{{4}}
    {_END}""",
    re.ASCII | re.VERBOSE,
)
_AFTER_A_WORD = re.compile(
    rf"""(?<!\w)
    (?: (?: tele?phone | phone | tel | mobile | cell | cellphone | whats\ ?app | fax | telefon
          | handy | tlf
          | téléphone | tél | portable | móvil | teléfono | cellulare | telefono | mobil )
        (?: \ (?:number|no|nr|is|at|nummer|numero|número) ){{0,2}}
      | (?: call | text | ring | phone | reach | message | ruf | rufen ) \ (?: me | us | him | her
          | them | mich ) (?: \ (?:back|up|today|tomorrow|tonight|later|anytime|any\ time) )?
          (?: \ (?:at|on|under|unter|an) )?
      | (?: my | his | her | our | their | contact | emergency ) \ (?: number | contact )
        (?: \ is )?
    )
    [\ .:#=(-]{{0,4}}
    (?P<number> \(? \d{{2,5}} \)? (?: {_GAP}? \d ){{4,10}} ) {_END}""",
    re.VERBOSE | re.IGNORECASE,
)
_EXTENSION = re.compile(r"(?:,? ?(?:ext\.?|extension|durchwahl) ?\d{1,5})", re.IGNORECASE)

_UNIT = re.compile(
    r"\s?(?:kgs?|lbs?|pounds?|reps?|sets?|k?cal|calories|kj|km|mi|miles?|met(?:er|re)s?|m|steps?"
    r"|m?g|ml|watts?|w|bpm|mins?|minutes?|secs?|seconds?|s|h|hrs?|hours?|%|x|×|rpm|points?)\b",
    re.IGNORECASE,
)
_OTHER_NUMBER = re.compile(
    r"(?:order|invoice|isbn|sku|ref(?:erence)?|ticket|id|serial|part|article|ean|barcode|code"
    r"|tracking|account|bib|lot|batch|pin)"
    r"(?:\s(?:no|nr|number|id|code))?[\s.:#=]{0,4}\Z",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"(?:[0-3]?\d[./-][01]?\d[./-](?:19|20)?\d\d|[01]?\d/[0-3]?\d/(?:19|20)?\d\d)(?!\d)"
)
_CLOCK = re.compile(r"[01]\d[0-5]\d|2[0-3][0-5]\d")
_CONTEXT_CHARACTERS = 24

_INTERNATIONAL_DIGITS = range(8, 18)
_TRUNK_DIGITS = range(9, 13)
_BARE_DIGITS = range(7, 13)


def find_phones(text: str) -> Iterator[Span]:
    """Telephone numbers, with their extension."""
    for match in _INTERNATIONAL.finditer(text):
        if _digits(match.group()) in _INTERNATIONAL_DIGITS and _is_free(text, match.span()):
            yield _phone(text, match.span())
    for match in _NORTH_AMERICAN.finditer(text):
        if _is_free(text, match.span()):
            yield _phone(text, match.span())
    for match in _TRUNK.finditer(text):
        is_phone = _digits(match.group()) in _TRUNK_DIGITS and _is_well_formed(match.group())
        if is_phone and _is_free(text, match.span()):
            yield _phone(text, match.span())
    for match in _AFTER_A_WORD.finditer(text):
        span = match.span("number")
        number = match["number"]
        is_phone = _digits(number) in _BARE_DIGITS and _is_well_formed(number)
        if is_phone and _is_free(text, span):
            yield _phone(text, span)


def _digits(text: str) -> int:
    return sum(character.isdigit() for character in text)


def _is_well_formed(number: str) -> bool:
    """Not a row of dates, clock times, or figures that are too short for a part of a number."""
    groups = re.findall(r"\d+", number)
    is_clock = len(groups) > 1 and all(_CLOCK.fullmatch(group) for group in groups)
    is_split = len(groups) > 1 and min(map(len, groups)) == 1
    is_mixed = "." in number and " " in number
    return not (is_clock or is_split or is_mixed or _DATE.match(number))


def _is_free(text: str, span: tuple[int, int]) -> bool:
    """Whether neither a unit follows nor another kind of number is announced."""
    start, end = span
    before = text[max(0, start - _CONTEXT_CHARACTERS) : start]
    return not (_UNIT.match(text, end) or _OTHER_NUMBER.search(before))


def _phone(text: str, span: tuple[int, int]) -> Span:
    start, end = span
    extension = _EXTENSION.match(text, end)
    opened, closed = text.count("(", start, end), text.count(")", start, end)
    return Span(
        PersonalData.PHONE,
        start + (text[start] == "(" and opened > closed),
        end if extension is None else extension.end(),
    )
