"""Putting right-to-left lines into reading order.

A PDF holds glyphs at places, and extraction hands over each line's words from left to right. For
Arabic and Hebrew that is backwards: the line's first word comes last.
"""

from __future__ import annotations

import re
import unicodedata

_MARKS = ".،؛؟:!,"
_RTL_LETTER = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc"
_RTL = re.compile(f"[{_RTL_LETTER}]")
_LETTER = re.compile(r"[^\W\d_]")
_GLUED = re.compile(f"(?<=[{_RTL_LETTER}])(?=[A-Za-z0-9])|(?<=[A-Za-z0-9])(?=[{_RTL_LETTER}])")
_MARK_BEFORE = re.compile(f"(?<!\\S)[{re.escape(_MARKS)}]+(?=[{_RTL_LETTER}])")
_MARK_AFTER = re.compile(f"(?<=[{_RTL_LETTER}])[{re.escape(_MARKS)}]+(?!\\S)")


def is_visual_order(text: str) -> bool:
    """Tell whether right-to-left lines stand backwards: their commas and stops come first."""
    return len(_MARK_BEFORE.findall(text)) > len(_MARK_AFTER.findall(text))


def restore_reading_order(text: str) -> str:
    """Turn each line that is mostly right-to-left around; other lines stay."""
    return "\n".join(
        _turn(line) if _is_mostly_right_to_left(line) else line for line in text.split("\n")
    )


def _is_mostly_right_to_left(line: str) -> bool:
    return 2 * len(_RTL.findall(line)) > len(_LETTER.findall(line))


def _turn(line: str) -> str:
    turned: list[str] = []
    latin_run: list[str] = []
    for word in reversed(_GLUED.sub(" ", line).split(" ")):
        if _reads_left_to_right(word):
            latin_run.insert(0, word)
            continue
        turned += latin_run
        latin_run = []
        bare = word.lstrip(_MARKS)
        turned.append(bare + word[: len(word) - len(bare)])
    return " ".join(turned + latin_run)


def _reads_left_to_right(word: str) -> bool:
    classes = {unicodedata.bidirectional(character) for character in word}
    return bool(classes & {"L", "EN"}) and not classes & {"R", "AL"}
