"""Names and numbers that a text brings in: what must not be made up."""

from __future__ import annotations

import re

from groundwell.apps.quiz.checks.examined import FALSE, TRUE
from groundwell.apps.quiz.checks.wording import is_number, number_tokens, wording
from groundwell.domain.languages import DEFAULT_LANGUAGE

_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
# A capital here says only that something begins.
_OPENING = re.compile("[\"'\u2018\u201c\u201e\u00ab(\\[:.?!_]\\s*$")
_NO_NAMES = frozenset((TRUE, FALSE, "I"))
_CAPITALISES_NOUNS = frozenset(("de",))
_LOOKBACK = 4
# "One" is a pronoun as often as a number.
_PRONOUN = "1"


def strange_to(known: frozenset[str], text: str, language: str = DEFAULT_LANGUAGE) -> list[str]:
    """The numbers and names in `text` that are not among the known words, in order.

    A name is a word with a capital letter that does not merely open a sentence. In German, where
    all nouns have one, names are not told apart.
    """
    words = wording(text, language).words
    if known.issuperset(words):
        return []
    strange = [word for word in words if word not in known]
    numbers = [word for word in strange if is_number(word)]
    if _PRONOUN in numbers and _PRONOUN not in number_tokens(text, language):
        numbers = [number for number in numbers if number != _PRONOUN]
    if language in _CAPITALISES_NOUNS:
        return numbers
    names = [
        match
        for match in _WORD.finditer(text)
        if not match.group().islower()
        and match.group() not in _NO_NAMES
        and not known.issuperset(wording(match.group(), language).words)
    ]
    return numbers + [match.group() for match in names if _is_name(match, text)]


def _is_name(match: re.Match[str], text: str) -> bool:
    word = match.group()
    if any(map(str.isupper, word[1:])):
        return True
    opens = _OPENING.search(text, max(0, match.start() - _LOOKBACK), match.start())
    follower = text[match.end() : match.end() + 2]
    is_first_name = follower[:1].isspace() and follower[1:].isupper()
    return word[:1].isupper() and (is_first_name or (match.start() > 0 and not opens))
