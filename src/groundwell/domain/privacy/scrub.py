"""Replacing personal data by placeholders such as `[email]`."""

from __future__ import annotations

from collections.abc import Sequence

from groundwell.domain.privacy.accounts import find_cards, find_emails, find_ibans, find_ips
from groundwell.domain.privacy.addresses import find_addresses
from groundwell.domain.privacy.names import find_names
from groundwell.domain.privacy.phones import find_phones
from groundwell.domain.privacy.spans import Span

# One character for one, so that places in the result are places in the text.
_PLAIN = {
    **{code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)},
    **dict.fromkeys([0x00A0, 0x2002, 0x2003, 0x2007, 0x2009, 0x202F, 0x3000], 0x20),
    **dict.fromkeys([0x2010, 0x2011, 0x2012, 0x2013, 0x2212], 0x2D),
}


def scrub(text: str, names: Sequence[str] = ()) -> str:
    """The text with each finding of `find_personal_data` replaced by `[kind]`.

    The same kind always gives the same placeholder, so that equal texts stay equal. Scrubbing
    twice is the same as once.
    """
    pieces: list[str] = []
    position = 0
    for span in find_personal_data(text, names):
        pieces += [text[position : span.start], f"[{span.kind}]"]
        position = span.end
    return "".join([*pieces, text[position:]])


def find_personal_data(text: str, names: Sequence[str] = ()) -> list[Span]:
    """Where personal data stand, in order, without overlap.

    E-mail and IP addresses, IBANs, payment cards, telephone numbers, postal addresses, and the
    `names` that are given. Rules, not a model: names that nobody gave are not found. Takes time
    linear in the text.
    """
    plain = text.translate(_PLAIN)
    found = [
        *find_emails(plain),
        *find_ibans(plain),
        *find_cards(plain),
        *find_ips(plain),
        *find_phones(plain),
        *find_addresses(plain),
        *find_names(plain, names),
    ]
    taken = bytearray(len(text))
    chosen: list[Span] = []
    for span in found:
        if not any(taken[span.start : span.end]):
            taken[span.start : span.end] = b"\1" * (span.end - span.start)
            chosen.append(span)
    return sorted(chosen, key=lambda span: span.start)
