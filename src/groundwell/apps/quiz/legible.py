"""Texts of documents, made fit to be shown on one line of any format."""

from __future__ import annotations

import re
from typing import Final

# Control characters, halves of surrogate pairs and the two non-characters are not allowed in XML
# 1.0 (section 2.2), and no reader can see them. Unicode's embeddings, overrides and isolates of
# direction (UAX 9, 2.1 to 2.4) can make an option look like another one; letters of scripts that
# run from right to left need none of them.
_UNFIT: Final = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]"
)
_TITLE_LENGTH: Final = 60


def legible(text: str) -> str:
    """`text` on one line: runs of white space are one space, what cannot be shown is left out."""
    return " ".join(_UNFIT.sub("", text).split())


def shortened(text: str) -> str:
    """The first words of `text` as a title of at most 60 characters."""
    whole = legible(text)
    if len(whole) <= _TITLE_LENGTH:
        return whole
    cut = whole[:_TITLE_LENGTH]
    return (cut.rpartition(" ")[0] or cut[:-1]) + "…"


def decimal(number: float) -> str:
    """`number` as every format reads it, with 12 significant digits: 3.4 for 3.5 - 0.1."""
    return f"{number:.12g}"
