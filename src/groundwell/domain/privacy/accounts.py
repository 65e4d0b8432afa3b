"""Finding what identifies a person by its form alone: e-mail, IBAN, payment card, IP address."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from groundwell.domain.privacy.spans import PersonalData, Span

_AT = r"(?:@|\ ?[\[(]\ ?at\ ?[\])]\ ?)"
_DOT = r"(?:\.|\ ?[\[(]\ ?dot\ ?[\])]\ ?)"
_EMAIL = re.compile(
    rf"""
    (?<! [\w.+-] )
    [\w+] [\w.!#$%&'*+/=?^`{{|}}~-]{{0,63}}
    {_AT}
    (?: [^\W_] [\w-]{{0,62}} {_DOT} ){{1,6}}
    [^\W\d_]{{2,24}}
    (?! [\w@] )
    """,
    re.VERBOSE | re.IGNORECASE,
)

# How long an IBAN of each country is (SWIFT, IBAN registry).
_IBAN_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FI FK FO GL NL",
        19: "MK SI",
        20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HU LB NI PL SV",
        29: "BR EG PS QA UA",
        30: "JO KW MU YE",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
    for country in countries.split()
}
_IBAN = re.compile(r"(?<!\w)[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,40}")
_IBAN_REMAINDER = 97

_CARD = re.compile(
    r"""
    (?<! [\w.,-] )
    (?:
        (?P<fours> \d{4} (?P<mark>[ -]) \d{4} (?P=mark) \d{4} (?P=mark) \d{2,4} )
        (?: (?P=mark) \d{1,3} (?!\d) )?
      | \d{4} [ -] \d{6} [ -] \d{4,5}
      | \d{14,19}
    )
    (?! \d | [.,] \d )
    """,
    re.VERBOSE,
)
# First digits and number of digits of the card networks (ISO/IEC 7812 and the networks' notices).
_CARD_KINDS = re.compile(
    r"4(?:\d{15}|\d{18})|3[47]\d{13}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}"
    r"|6\d{15,18}|3(?:0[0-5]|[68]\d|09)\d{11}|35\d{14}",
    re.ASCII,
)
_HIGHEST_DIGIT = 9

_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IPV4 = re.compile(rf"(?<![\w.-])(?:{_OCTET}\.){{3}}{_OCTET}(?![\w-]|\.\d)", re.ASCII)
_VERSION = re.compile(
    r"(?:version|release|build|firmware|section|chapter|v)\.?\s?\Z", re.IGNORECASE
)
_VERSION_CHARACTERS = 12
_IPV6 = re.compile(
    r"(?<![\w:.])[0-9A-Fa-f:]{6,39}(?::\d{1,3}(?:\.\d{1,3}){3})?(?![\w:]|\.\d)", re.ASCII
)
_LEAST_COLONS = 2


def find_emails(text: str) -> Iterator[Span]:
    """E-mail addresses, also as `name (at) host (dot) org`."""
    for match in _EMAIL.finditer(text):
        yield Span(PersonalData.EMAIL, *match.span())


def find_ibans(text: str) -> Iterator[Span]:
    """International bank account numbers whose check digits are right (ISO 13616, ISO 7064)."""
    for match in _IBAN.finditer(text):
        length = _IBAN_LENGTHS.get(match.group()[:2].upper())
        if length is None:
            continue
        characters = [(c, at) for at, c in enumerate(match.group()) if c not in " -"][:length]
        end = match.start() + characters[-1][1] + 1
        is_whole = len(characters) == length and not text[end : end + 1].isalnum()
        if is_whole and _has_iban_checksum("".join(c for c, _ in characters)):
            yield Span(PersonalData.IBAN, match.start(), end)


def find_cards(text: str) -> Iterator[Span]:
    """Payment card numbers of a known network whose check digit is right (Luhn, ISO/IEC 7812)."""
    for match in _CARD.finditer(text):
        for candidate in (0, "fours"):
            start, end = match.span(candidate)
            digits = re.sub(r"\D", "", text[start:end]) if end > start else ""
            if _CARD_KINDS.fullmatch(digits) and _has_luhn_checksum(digits):
                yield Span(PersonalData.CARD, start, end)
                break


def find_ips(text: str) -> Iterator[Span]:
    """IP addresses of both versions. Four numbers after a word such as "version" are none."""
    for match in _IPV6.finditer(text):
        if match.group().count(":") >= _LEAST_COLONS and _is_ipv6(match.group()):
            yield Span(PersonalData.IP, *match.span())
    for match in _IPV4.finditer(text):
        before = text[max(0, match.start() - _VERSION_CHARACTERS) : match.start()]
        if not _VERSION.search(before):
            yield Span(PersonalData.IP, *match.span())


def _has_iban_checksum(iban: str) -> bool:
    moved = (iban[4:] + iban[:4]).upper()
    return int("".join(str(int(c, 36)) for c in moved)) % _IBAN_REMAINDER == 1


def _has_luhn_checksum(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - _HIGHEST_DIGIT if value > _HIGHEST_DIGIT else value
    return total % 10 == 0


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
