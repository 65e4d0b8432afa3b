"""Queries brought into one form for the keyword leg, whatever they were pasted from.

The user's own text stays beside it: the embedder and the intent rules need its small words, its
case and its marks.
"""

from __future__ import annotations

import re
import unicodedata

from groundwell.domain.queries import NormalisedQuery

MAX_QUERY_CHARS = 2000

_QUOTES = str.maketrans(
    dict.fromkeys("“”„‟«»〝〞＂", '"')
    | dict.fromkeys("‘’‚‛‹›′＇", "'")
    | dict.fromkeys("‐‑‒–−", "-")
)
_PHRASE = re.compile(r'"([^"]+)"')
_DROPPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
# Without these, words of Persian, Hindi and others read differently.
_JOINERS = frozenset("\u200c\u200d")


def normalise_query(text: str, max_chars: int = MAX_QUERY_CHARS) -> NormalisedQuery:
    """The query in Unicode NFKC, on one line, with plain quotes and hyphens.

    Control characters, those without a meaning of their own and direction marks are dropped; runs
    of white space become one space. A text longer than `max_chars` is cut at a word. Applied to
    its own result it changes nothing.
    """
    if len(text) <= max_chars and text.isascii() and text.isprintable() and '"' not in text:
        # What nearly everybody types.
        return NormalisedQuery(text, " ".join(text.split()))
    # Read no further than needed: one character may become eighteen, and white space shrinks.
    plain = unicodedata.normalize("NFKC", text[: 2 * max_chars]).translate(_QUOTES)
    kept = "".join(character for character in plain if _is_kept(character))
    folded = unicodedata.normalize("NFKC", " ".join(kept.split()))
    cut = _cut_at_word(folded, max_chars)
    phrases = tuple(phrase.strip() for phrase in _PHRASE.findall(cut) if phrase.strip())
    return NormalisedQuery(text, cut, phrases, len(text) > 2 * max_chars or cut != folded)


def _is_kept(character: str) -> bool:
    if character.isspace() or character in _JOINERS:
        return True
    return unicodedata.category(character) not in _DROPPED


def _cut_at_word(text: str, max_chars: int) -> str:
    if len(text) <= max_chars:
        return text
    cut = text[:max_chars]
    if text[max_chars] != " ":
        cut = cut.rpartition(" ")[0] or cut
    return cut.rstrip()
