"""Slips of the finger: how a word that was typed may differ from the one that was meant."""

from __future__ import annotations

import re
from string import ascii_lowercase

MIN_LETTERS_FOR_ANY_EDIT = 6
"""Shorter words have too many neighbours: only a swap or a doubled letter is put right in them."""

_DOUBLE = re.compile(r"(.)\1")


def is_likely_slip(word: str, meant: str, distance: int) -> bool:
    """Whether somebody who meant `meant` would have typed `word`, which is `distance` edits away.

    People seldom mistype the first letter, but for swapping it with the second; they seldom leave
    out two letters, or add two; and two words that differ in their ending only are more often two
    forms of one word than a form and a misprint.
    """
    if is_light_slip(word, meant):
        return True
    kept = common_prefix(word, meant)
    ending = distance if distance == 1 else distance + 1
    is_other_form = max(len(word), len(meant)) - kept <= ending
    is_as_long = abs(len(word) - len(meant)) <= 1
    is_long = len(word) >= MIN_LETTERS_FOR_ANY_EDIT
    return is_long and word[0] == meant[0] and is_as_long and not is_other_form


def is_light_slip(word: str, meant: str) -> bool:
    """Whether two neighbours were swapped, or letters doubled or not: the most common slips."""
    return _is_swap(word, meant) or _without_doubles(word) == _without_doubles(meant)


def _is_swap(word: str, other: str) -> bool:
    at = common_prefix(word, other)
    return word[at : at + 2] == other[at : at + 2][::-1] and word[at + 2 :] == other[at + 2 :]


def _without_doubles(word: str) -> str:
    return _DOUBLE.sub(r"\1", word)


def common_prefix(first: str, second: str) -> int:
    """How many letters both words begin with."""
    length = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        length += 1
    return length


def edits(word: str) -> set[str]:
    """Everything that one insertion, deletion, replacement or swap makes of the word."""
    cuts = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    deleted = {head + tail[1:] for head, tail in cuts if tail}
    swapped = {head + tail[1] + tail[0] + tail[2:] for head, tail in cuts if len(tail) > 1}
    replaced = {
        head + letter + tail[1:] for head, tail in cuts if tail for letter in ascii_lowercase
    }
    inserted = {head + letter + tail for head, tail in cuts for letter in ascii_lowercase}
    return (deleted | swapped | replaced | inserted) - {word}
