"""Finding in a document what a model says stands there.

Models copy with small mistakes: other quotation marks and dashes, other spaces, no emphasis marks.
What is found is always the document's own text, and where it stands is found here, never told.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from groundwell.domain.sentences import sentence_spans

MIN_QUOTE_CHARS = 8
MAX_QUOTE_CHARS = 600

_ENDS = " \"'.…"
_ITEM_MARK = re.compile(r"(?:[>#*+•–-]+|\d{1,3}[.)])[^\S\n]+(?=\S)")
# ‹ is what a prompt shows in place of a < that would open a tag.
_ALIKE = {
    **dict.fromkeys("“”„‟«»″", '"'),
    **dict.fromkeys("‘’‚‛′`´", "'"),
    **dict.fromkeys("‐‑‒–—―−", "-"),
    "‹": "<",
    "*": "",
    "_": "",
}


@dataclass(frozen=True, slots=True)
class Folded:
    """A text as it compares: `places[i]` is where in the original `text[i]` comes from."""

    text: str
    places: tuple[int, ...]

    def find(self, needle: str, start: int = 0) -> tuple[int, int] | None:
        """The original's span of a folded `needle` at or after `start` here."""
        at = self.text.find(needle, start) if needle else -1
        return (self.places[at], self.places[at + len(needle) - 1] + 1) if at >= 0 else None


@lru_cache(maxsize=4096)
def _folded(character: str) -> str:
    if character in _ALIKE:
        return _ALIKE[character]
    if character.isspace():
        return " "
    decomposed = unicodedata.normalize("NFKD", character.casefold())
    return "".join(c for c in decomposed if unicodedata.category(c) not in ("Mn", "Cf", "Cc"))


def fold(text: str) -> Folded:
    """`text` without differences of case, width, accents, quotation marks, dashes and spaces."""
    letters: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        for letter in _folded(character):
            if letter == " " and (not letters or letters[-1] == " "):
                continue
            letters.append(letter)
            places.append(place)
    return Folded("".join(letters), tuple(places))


def folded(text: str) -> str:
    """`text` as `Folded.find` takes it."""
    return fold(text).text.strip()


def find_quote(quote: str, text: str, folded_text: Folded) -> tuple[int, int] | None:
    """The span in `text` of the sentences that `quote` is taken from; None if it is not there.

    A part of a sentence can say the opposite of the whole: so the whole is the proof, unless it is
    longer than `MAX_QUOTE_CHARS`, where its part has to do.
    """
    exact = quote.strip()
    at = text.find(exact)
    span = (at, at + len(exact)) if at >= 0 else folded_text.find(folded(quote).strip(_ENDS))
    if span is None or span[1] - span[0] < MIN_QUOTE_CHARS:
        return None
    touched = [s for s in sentence_spans(text) if s[0] < span[1] and s[1] > span[0]]
    if not touched:
        return None
    mark = _ITEM_MARK.match(text, touched[0][0], touched[-1][1])
    start, end = mark.end() if mark else touched[0][0], touched[-1][1]
    if end - start <= MAX_QUOTE_CHARS:
        return (start, end)
    return span if span[1] - span[0] <= MAX_QUOTE_CHARS and _is_whole(text, *span) else None


def find_words(words: str, text: str) -> tuple[int, int] | None:
    """The span of the first place in `text` where `words` stand as whole words."""
    needle, hay = folded(words), fold(text)
    at = hay.text.find(needle) if needle else -1
    while at >= 0:
        start, end = hay.places[at], hay.places[at + len(needle) - 1] + 1
        if _is_whole(text, start, end):
            return (start, end)
        at = hay.text.find(needle, at + 1)
    return None


def _is_whole(text: str, start: int, end: int) -> bool:
    """Whether no word is cut at the ends. Scripts without spaces have no such ends."""
    return not (_goes_on(text, start) or _goes_on(text, end))


def _goes_on(text: str, place: int) -> bool:
    if not 0 < place < len(text):
        return False
    before, after = text[place - 1], text[place]
    return before.isalnum() and after.isalnum() and has_spaces(before) and has_spaces(after)


def has_spaces(letter: str) -> bool:
    """Whether the letter's script parts words by spaces: not so the Asian ones of wide letters."""
    return (
        unicodedata.east_asian_width(letter) not in ("W", "F") and not "\u0e00" <= letter < "\u1100"
    )
