"""Text without the marks of its format, at the same offsets."""

from __future__ import annotations

import re
from functools import lru_cache

# Everything here becomes spaces, one for each character, so that offsets stay true.
_MARKS = re.compile(
    r"""
      !\[[^\[\]\n]{0,200}\]\([^()\s]{0,2000}\)          # a picture
    | \[(?=[^\[\]\n]{1,200}\]\([^()\s]{0,2000}\))       # the beginning of a link
    | (?<=[^\s\[])\]\([^()\s]{0,2000}\)                 # its end
    | (?m:^[^\S\n]*(?:[>#•◦▪‣*+–-]+|\d{1,3}[.)])[^\S\n]+)   # a heading, a list item
    | \*\*|__|`+
    | (?<!\w)[*_](?=\w) | (?<=[\w.])[*_](?!\w)
    """,
    re.VERBOSE,
)
_REFERENCES = re.compile(
    r"\[\s*(?:\d{1,4}|[a-z]|note \d+)(?:\s*[,;–-]\s*\d{1,4})*\s*\]"
    r"|\[(?:citation|clarification) needed\]"
)
_SPACE = re.compile(r"\s+")
_LOOSE_MARK = re.compile(r"\s+([,.;:!?%)])")
_LOOSE_OPENER = re.compile(r"([(“‘])\s+")


@lru_cache(maxsize=2048)
def masked(text: str) -> str:
    """The text with spaces in place of emphasis, links, list marks and reference marks."""
    return _MARKS.sub(_blank, without_references(text))


def without_references(text: str) -> str:
    """The text with spaces in place of reference marks such as [12], which hide sentence ends."""
    return _REFERENCES.sub(_blank, text)


def _blank(match: re.Match[str]) -> str:
    return " " * len(match.group())


@lru_cache(maxsize=8192)
def plain(text: str) -> str:
    """A piece of masked text as running text on one line."""
    return _LOOSE_OPENER.sub(r"\1", _LOOSE_MARK.sub(r"\1", _SPACE.sub(" ", text))).strip()
