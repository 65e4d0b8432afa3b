"""Finding what looks like a postal address.

A number with the name of a street, in the orders of English, German, Dutch, French, Spanish,
Italian and Portuguese; post boxes; British postcodes; an American town with state and ZIP code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from groundwell.domain.privacy.spans import PersonalData, Span

_STATES = (
    "A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]"
    "|T[NX]|UT|V[AT]|W[AIVY]"
)
_POSTCODE = r"(?:[A-Z]{1,2}\d[A-Z\d]?\ ?\d(?!LB)[ABD-HJLNP-UW-Z]{2})"
_WORD = r"[A-ZÀ-ÞŁŚŻ][\w'’.-]{0,40}"
# A full stop ends a sentence, but for the one of a saint's town and of initials.
_PLACE = (
    r"[A-ZÀ-ÞŁŚŻ](?:[^\W\d_]|['’-]|\.(?=[^\W\d_])){0,40}(?!\w)"
    r"(?:(?<=\bSt)\.|(?<=\bFt)\.|(?<=\bMt)\.)?"
)
_NUMBER = r"\d{1,5}(?:[-/]\d{1,4})?[A-Za-z]?"

_SURE = (
    "Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Terrace|Crescent|Highway|Hwy|Parkway|Pkwy|Lane|Ln"
)
_UNSURE = (
    "Drive|Dr|Court|Ct|Way|Place|Pl|Square|Sq|Close|Circle|Cir|Row|Mews|Gardens|Grove|Hill|Park"
    "|Trail|Loop|Walk|Green|Quay|Wharf|Rise|View"
)
# Belongs to an abbreviation, ends the sentence after a whole word.
_FULL_STOP = r"(?:(?<=\b\w\w)\.|(?<=Ave)\.|(?<=Blvd)\.|(?<=Hwy)\.|(?<=Pkwy)\.|(?<=Cir)\.)?"
_UNIT = r"(?:,?\ (?:Apt|Apartment|Suite|Ste|Unit|Flat|Floor|\#)\.?\ ?\#?\w{1,6})"
_TOWN = rf"(?:,\ ?{_PLACE}(?:\ {_PLACE}){{0,2}})"
_ZIP = rf"(?:,?\ (?:(?:{_STATES})\ \d{{5}}(?:-\d{{4}})?|{_POSTCODE}|\d{{5}}(?!\d)))"
_FRONT = rf"""
    (?: (?:Flat|Apt|Apartment|Unit|Suite)\ \w{{1,4}},\ )?
    (?<![\w.,:/@-]) {_NUMBER} ,? \ (?! (?i:minutes?|mins?|miles?|hours?|days?|weeks?|months?|years?
      |reps?|sets?|kms?|kg|laps?|rounds?|seconds?|times|x|meters?|metres?|steps?|mile)\b )
    (?: [NSEW]\.?\ )? (?: {_WORD}\ | \d{{1,3}}(?:st|nd|rd|th)\ ){{1,4}}?
"""
_ENGLISH = re.compile(
    rf"""{_FRONT} (?:
        (?:{_SURE})\b{_FULL_STOP} (?:\ [NS]?[EW]\b|\ [NS]\b)? {_UNIT}? {_TOWN}? {_ZIP}?
      | (?:{_UNSURE})\b{_FULL_STOP} (?: {_UNIT} {_TOWN}? {_ZIP}? | {_TOWN} {_ZIP}? | {_ZIP} )
    )""",
    re.VERBOSE,
)
_ANNOUNCED = re.compile(
    rf"""(?: \b(?i:address|lives?|living|lived|moved\ to|deliver\ to|ship\ to|send\ .{{1,20}}\ to
        |home|located|house|meet .{{0,12}})\b (?i:\ is|\ at|:|\ me\ at){{0,2}} ,?\ )
    (?P<address> {_FRONT} (?:{_UNSURE})\b{_FULL_STOP} )""",
    re.VERBOSE,
)
_LOWER_CASE = re.compile(
    r"(?<![\w.,:/@-])\d{1,5} (?!(?:mile|minute|km|hour|day|week|way|lap|hill|country|side)\b)"
    r"[a-z]{3,20} (?:street|avenue|boulevard)\b"
)
_CITY_LINE = r"(?:,?\ (?:[A-Z]{1,2}-)?\d{4,5}(?:\ [A-Z]{2})?\ [A-ZÀ-Þ][\w'’-]+)"
_NOT_A_MEASURE = r"(?!\d|[.,:]\d|\s?(?:km|kg|m|min|mal|x|reps|laps|%|h)\b)"
_HOUSE = rf"\d{{1,4}}\ ?(?:[a-z]\b)?(?:[-/]\d{{1,4}})?{_NOT_A_MEASURE}"
_STREET_FIRST = re.compile(
    rf"""(?<!\w) (?:
        (?<!-) [A-ZÄÖÜ] [\w-]{{1,60}}
        (?: straße | strasse | str\. | allee | gasse | ufer | damm | chaussee | straat | laan
          | gracht | kade | plein | (?<=\w{{3}})weg | (?<=\w{{3}})platz ) \ {_HOUSE}
      | {_WORD}\ (?:Straße|Strasse|Str\.|Allee|Weg|Platz|Gasse)\ {_HOUSE}
      | (?:Am|An\ der|Auf\ dem|Im|In\ der|Zum|Zur)\ [A-ZÄÖÜ][a-zäöüß]+ (?:straße|markt|berg|bach
          |hof|park|platz|weg|ring|tor|see|wald|feld|graben)\ {_HOUSE}
      | (?: Calle | C/ | Avenida | Avda\.? | Plaza | Paseo | Carrer | Via | Viale | Piazza | Corso
          | Rua | Travessa ) \ ? (?: (?:de|del|della|di|da|do|dos|la|los|las|el|dei|dell')
          \ ?){{0,3}}
        {_WORD} (?:\ (?:(?:de|da|do|di|y|e)\ )?{_WORD}){{0,3}} ,?\ (?:n\.?[º°o]?\ ?)?{_HOUSE}
    ) {_CITY_LINE}?""",
    re.VERBOSE,
)
_FRENCH = re.compile(
    rf"""(?<![\w.,:/@-]) \d{{1,4}} (?:\ ?(?:bis|ter|[A-D]))? ,?[ ]
    (?: rue | avenue | av\. | boulevard | bd | place | chemin | allée | impasse | quai | cours
      | route | Rue | Avenue | Boulevard | Place | Chemin | Allée | Impasse | Quai | Cours | Route )
    \ (?: (?:de\ la|de\ l'|de|du|des|d'|l'|la|le|les)\ ? )? {_WORD} (?:[\ -]{_WORD}){{0,3}}
    {_CITY_LINE}?""",
    re.VERBOSE,
)
_POST_BOX = re.compile(
    r"(?<!\w)(?:P\.? ?O\.? ?Box|Post Box|Postfach|Apartado) \d[\d ]{0,9}\d?", re.IGNORECASE
)
_POSTCODE_ALONE = re.compile(rf"(?<![\w-]){_POSTCODE}(?![\w-])".replace(r"\ ?", r"\ "))
_TOWN_AND_STATE = re.compile(
    rf"(?<!\w){_WORD}(?: {_WORD}){{0,2}}, (?:{_STATES}) \d{{5}}(?:-\d{{4}})?(?!\d)"
)
_SEATS = re.compile(r"(?:Start|Sitz|Park|Stell|Steh|Steig|Arbeits|Tabellen|Podiums)platz")


def find_addresses(text: str) -> Iterator[Span]:
    """Postal addresses and the parts of them that can stand alone."""
    for pattern in (_ENGLISH, _STREET_FIRST, _FRENCH, _TOWN_AND_STATE):
        for match in pattern.finditer(text):
            if not _SEATS.match(match.group()):
                yield _address(text, *match.span())
    for match in _ANNOUNCED.finditer(text):
        yield _address(text, *match.span("address"))
    for pattern in (_LOWER_CASE, _POST_BOX, _POSTCODE_ALONE):
        for match in pattern.finditer(text):
            yield _address(text, *match.span())


def _address(text: str, start: int, end: int) -> Span:
    return Span(PersonalData.ADDRESS, start, start + len(text[start:end].rstrip(" ,")))
