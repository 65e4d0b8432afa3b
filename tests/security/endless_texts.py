"""Texts of which some part has no end: a word, a mark, a gap, a heading, a sentence."""

from __future__ import annotations

# What stands without end, behind some words. Each is longer than any chunk may be.
_REPEATED = {
    "a letter that stands for 18": "\ufdfa",
    "a pictogram": "😀",
    "a pictogram of several": "👩\u200d👩\u200d👧",
    "a Latin letter": "a",
    "a Han character": "東",
    "a Thai letter": "ก",
    "a Hangul letter": "한",
    "parts of a Hangul letter": "\u1112\u1161\u11ab",
    "an Arabic letter": "ب",
    "a digit": "1",
    "spaces": " ",
    "lines": "\n",
    "tabs": "\t",
    "hard spaces": "\u00a0",
    "wide spaces": "\u3000",
    "marks": "\u0301\u0316",
    "joiners": "\u200d",
    "selectors": "\ufe0f",
    "soft hyphens": "\u00ad",
    "controls": "\x01",
    "turns of direction": "\u202e",
    "private characters": "\ue000",
    "tags": "\U000e0041",
    "replacements": "\ufffd",
    "full stops": ".",
    "dashes": "-",
    "underscores": "_",
    "quotes": '"',
    "closing marks": "a.)",
    "hyphenated letters": "a-",
    "joined letters": "a_",
    "initials": "a.",
    "numbers": "1,",
    "products": "3x10 ",
    "elisions": "l'",
    "cells": "| a ",
    "rows of hashes": "#",
    "unknown words": "😀" * 90 + " ",
    "unknown letters": "b" * 120 + " ",
}
NAMES = [*_REPEATED, "a heading"]


def endless(name: str, characters: int) -> str:
    """The text of that name, of at least so many characters."""
    if name == "a heading":
        return f"# Heron {'a' * characters}\n\nThe heron fishes at the pond."
    repeated = _REPEATED[name]
    return f"Heron pond. {repeated * (characters // len(repeated) + 1)} end"
