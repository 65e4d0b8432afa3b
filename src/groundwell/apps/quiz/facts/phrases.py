"""Phrases that tell one thing of a kind from others: "trust account", "optic nerve"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from groundwell.apps.quiz.facts.statements import Statement
from groundwell.apps.quiz.language import (
    Span,
    Token,
    is_everyday,
    noun_phrases,
    spanned,
    without_article,
)

_WORDS = range(2, 4)
# Adjectives made of nouns say of which kind a thing is: "optic", "intestinal", "muscular".
_OF_NOUN = re.compile(r"[a-z]{3,}(?:al|ic|ar|ary|ine|ern)")
_LISTING = frozenset({"and", "or", ",", "including", "as", "like", "(", "/", "-"})
_LEAST_LETTERS = 3


def phrases_of(statement: Statement) -> tuple[Span, ...]:
    """The phrases whose other words say which kind the noun is of.

    None that is listed beside another, is a name, or has more words attached to it.
    """
    tokens = statement.tokens
    found = []
    for start, end in noun_phrases(tokens):
        phrase = without_article(tokens[start:end])
        if len(phrase) not in _WORDS or not _is_classified(phrase):
            continue
        before = tokens[start - 1].text.lower() if start else ""
        after = tokens[end].text.lower() if end < len(tokens) else ""
        if before in _LISTING or after in _LISTING - {","} or tokens[end : end + 1] == ():
            continue
        if after == "," and any(token.text in {"and", "or"} for token in tokens[end:]):
            continue
        found.append(spanned(phrase))
    return tuple(found)


def _is_classified(phrase: Sequence[Token]) -> bool:
    *kinds, noun = phrase
    if noun.kind != "N" or not all(token.text.isalpha() for token in phrase):
        return False
    is_plain = all(token.text.islower() and len(token.text) >= _LEAST_LETTERS for token in phrase)
    return is_plain and all(map(_tells_kind, kinds))


def _tells_kind(word: Token) -> bool:
    """Whether a word before a noun says which kind it is of, not what it is like.

    What something is like has an adverb of its own: "typically", but not "intestinally".
    """
    if word.kind == "N":
        return True
    is_of_noun = word.kind == "J" and _OF_NOUN.fullmatch(word.text) is not None
    adverbs = (f"{word.text}ly", f"{word.text}ally")
    return is_of_noun and not any(map(is_everyday, adverbs))
