"""The parts of a statement: what it is about, and what it says of that."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from groundwell.apps.quiz.facts.statements import Statement
from groundwell.apps.quiz.language import Span, Token, is_everyday, is_plural, noun_phrases, spanned
from groundwell.domain.analysis import analyse

_MOST_SUBJECT_WORDS = 9
_LEAST_PREDICATE_TERMS = 3

# A noun phrase, what is attached to it by prepositions and conjunctions, an aside in brackets;
# then the verb, which the tagger takes for a base form or, after a plural, for a noun.
_SUBJECT = re.compile(
    r"(?P<opening>I[^VBWP,.]{1,12},|)"
    r"(?P<noun>D?[RJGE#Ns]*N)"
    r"(?P<tail>(?:I(?:D?[RJGE#Ns]*N)(?:CD?[RJGE#Ns]*N)?|CD?[RJGE#Ns]*N|,D?[RJGE#Ns]*N(?=[,C])|,C)*)"
    r"(?P<aside>\([^()]{1,14}\)|)"
    r"R*(?P<verb>[VB])"
)
_BE = frozenset({"is", "are", "was", "were"})


@dataclass(frozen=True, slots=True)
class Clause:
    """A statement cut in two: `subject` and `predicate` are spans of the text, as is `opening`.

    `noun` are the tokens of the subject, `verb` is the finite verb's place among the tokens.
    """

    statement: Statement
    opening: Span | None
    subject: Span
    predicate: Span
    noun: tuple[Token, ...]
    verb: int
    is_plural: bool

    @property
    def rest(self) -> tuple[Token, ...]:
        """The tokens after the verb, without the full stop."""
        return self.statement.tokens[self.verb + 1 : -1]

    @property
    def is_copular(self) -> bool:
        """Whether the verb is a form of "to be"."""
        return self.statement.tokens[self.verb].text.lower() in _BE


def clause_of(
    statement: Statement, named: frozenset[str], known: frozenset[str] = frozenset()
) -> Clause | None:
    """The two parts; None when they cannot be told apart, or nobody could tell what is meant.

    `named` are the terms of the title and headings: "the range" is known where one names it.
    `known` are those that the passage comes back to: "the tidal range" is known by them.
    """
    found = _SUBJECT.match(statement.shape)
    if found is None:
        return None
    tokens = statement.tokens
    noun = tokens[found.start("noun") : found.end("tail")]
    verb = found.start("verb")
    # Adverbs between subject and verb belong to the predicate.
    start = tokens[max(found.end("aside"), found.end("tail"))].start
    predicate = Span(start, tokens[-1].start)
    words = statement.text[predicate.start : predicate.end]
    if len(noun) > _MOST_SUBJECT_WORDS or len(analyse(words)) < _LEAST_PREDICATE_TERMS:
        return None
    if not is_known(noun, statement.text, named, known):
        return None
    plural = _is_plural(noun, tokens[verb])
    if plural is None:
        return None
    opening = tokens[: found.end("opening")]
    before = spanned(opening) if opening else None
    return Clause(statement, before, spanned(noun), predicate, noun, verb, plural)


def _is_plural(noun: tuple[Token, ...], verb: Token) -> bool | None:
    """The subject's number, as verb and noun agree about it; None when they do not agree."""
    plural = is_plural(noun)
    word = verb.text.lower()
    if word in {"is", "was", "has"} or verb.tag == "VBZ":
        return False if not plural or word in {"is", "was", "has"} else None
    if word in {"are", "were", "have"}:
        return True
    if verb.kind == "B":
        return True if plural else None
    return plural


def opens_known(
    statement: Statement,
    named: frozenset[str],
    known: frozenset[str] = frozenset(),
    *,
    is_titled: bool = False,
) -> bool:
    """Whether every noun phrase before the verb is known, in a sentence of any form.

    What is counted must be a thing with a name: "about 180 copies" are copies of something, unless
    a title says of what.
    """
    text = statement.text
    verb = re.search(r"[VB]", statement.shape)
    opening = statement.tokens[: verb.start() if verb else 0]
    phrases = [opening[start:end] for start, end in noun_phrases(opening)]
    return bool(phrases) and all(
        is_known(phrase, text, named, known)
        and (is_titled or not _is_bare_count(phrase, text, named))
        for phrase in phrases
    )


def _is_bare_count(phrase: Sequence[Token], text: str, named: frozenset[str]) -> bool:
    if not any(token.kind == "#" for token in phrase):
        return False
    words = frozenset(analyse(text[slice(*spanned(phrase))]))
    nouns = [token for token in phrase if token.kind == "N"]
    return not words & named and all(is_everyday(token.text) for token in nouns)


def is_known(
    noun: tuple[Token, ...], text: str, named: frozenset[str], known: frozenset[str] = frozenset()
) -> bool:
    """Whether a reader knows what is meant without the sentences before.

    "The range" alone points back. "The range of a tide", "the Bay of Fundy", "the immune system"
    under a title that names it, do not.
    """
    first = noun[0]
    if first.kind == "P" or first.text.lower() in {"another", "other", "such", "same"}:
        return False
    span = spanned(noun)
    if first.kind == "D" and first.text.lower() == "the":
        words = frozenset(analyse(text[noun[0].end : span.end]))
        is_alone = len(noun) == len(("the", "thing"))
        is_own = any(
            token.text[:1].isupper()
            or (token.kind == "N" and not is_everyday(token.text) and not is_alone)
            for token in noun[1:]
        )
        return is_own or bool(words & named) or (not is_alone and bool(words & known))
    return bool(analyse(text[span.start : span.end]))
