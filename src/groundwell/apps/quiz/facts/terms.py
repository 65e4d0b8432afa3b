"""Which phrases are terms: things of their own that a question can ask for."""

from __future__ import annotations

import re
from collections.abc import Sequence

from groundwell.apps.quiz.facts.clauses import Clause
from groundwell.apps.quiz.facts.statements import Statement
from groundwell.apps.quiz.language import (
    Span,
    Token,
    is_everyday,
    noun_phrases,
    shape,
    spanned,
    without_article,
)
from groundwell.domain.analysis import analyse

_MOST_WORDS = 4
_SECOND_CLAUSE = re.compile(r"(?:CD|,C)[JGE#N]*N(?:CD?N)?V")
# Noun phrases between commas, the last after "and" or "or".
_LISTED_AFTER = re.compile(r",[^VBW]*C")
_MOST_SUBJECT_WORDS = 6
_ARTICLES = frozenset({"a", "an", "the"})
_QUANTIFIERS = frozenset(
    {"many", "most", "several", "few", "other", "various", "certain", "different", "more", "less"}
)
# A term after one of these is one of several: a gap in its place has several answers.
_QUOTES = frozenset('"“”„')
_ONE_OF_SEVERAL = frozenset({"and", "or", "like", "including", "as", ","})


def terms_of(statement: Statement) -> tuple[Span, ...]:
    """The technical words and names of a sentence that nothing is listed beside."""
    found = []
    tokens = statement.tokens
    for start, end in noun_phrases(tokens):
        phrase = _narrowed(without_article(tokens[start:end]), tokens[0])
        before = tokens[start - 1].text.lower() if start else ""
        after = tokens[end].text.lower() if end < len(tokens) else ""
        if before in _ONE_OF_SEVERAL or after in {"and", "or"} or len(phrase) > _MOST_WORDS:
            continue
        is_whole = phrase and not (
            _is_part_of_name(tokens, start, end) or _is_part_of_phrase(tokens, start, end)
        )
        if is_whole and is_technical(phrase, tokens[0]):
            found.append(spanned(phrase))
    return tuple(found)


def _is_part_of_name(tokens: Sequence[Token], start: int, end: int) -> bool:
    """Whether a longer name or a quotation holds the phrase: "War of the Austrian Succession"."""
    before, after = tokens[:start], tokens[end:]
    if len(after) > 1 and after[0].text == "the" and _is_capital(after[1]):
        return True
    if after and (
        after[0].text in {"of", "for"} or after[0].text[0].isdigit() or _is_capital(after[0])
    ):
        return True
    if sum(token.text in _QUOTES for token in before) % 2 or "." in tokens[end - 1].text:
        return True
    if before and before[-1].text in {"of", "for"}:
        before = before[:-1]
    elif not before or before[-1].kind not in "NJD":
        return False
    return len(before) > 1 and before[-1].text[:1].isupper()


def _narrowed(phrase: Sequence[Token], opening: Token) -> Sequence[Token]:
    """The phrase without everyday words that open it: "severe" in "severe haemophilia"."""
    while len(phrase) > 1 and is_technical(phrase[1:], opening):
        first = phrase[0]
        if not first.text.islower() or not is_everyday(first.text):
            break
        phrase = phrase[1:]
    return phrase


def _is_part_of_phrase(tokens: Sequence[Token], start: int, end: int) -> bool:
    """Whether words of the same phrase or list stand beside it, which the tagger misread."""
    before, after = tokens[:start], tokens[end:]
    if after and after[0].kind in "JNEG":
        return True
    if after and after[0].text == "," and _LISTED_AFTER.match(shape(after)):
        return True
    word = before[-1].text if before else ""
    return word.isalpha() and word.islower() and not is_everyday(word)


def _is_capital(token: Token) -> bool:
    return token.kind in "NJD" and token.text[:1].isupper()


def is_technical(phrase: Sequence[Token], opening: Token) -> bool:
    """Whether a noun of the phrase is a name or a word that general English lacks.

    `opening` is the sentence's first token, whose capital says nothing.
    """
    if any(token.kind not in "NJ" for token in phrase):
        return False
    return any(
        _has_capital(token.text[token is opening :]) or not is_everyday(token.text)
        for token in phrase
        if token.kind == "N" and len(token.text) > 1
    )


def _has_capital(text: str) -> bool:
    # Most words are in small letters, which is known at once.
    return not text.islower() and any(map(str.isupper, text))


def is_askable(clause: Clause, named: frozenset[str], *, is_defined: bool) -> bool:
    """Whether the subject is a thing with a name of its own, such as an answer can be.

    What hangs on it by a preposition makes it a description instead ("people with diabetes"),
    unless all of it is the topic or a name ("Bay of Fundy").
    """
    phrase = without_article(clause.noun)
    text = clause.statement.text[clause.subject.start : clause.subject.end]
    words = set(analyse(text))
    if not words or len(phrase) > _MOST_SUBJECT_WORDS or _is_counted(clause.noun):
        return False
    if _SECOND_CLAUSE.search(shape(clause.rest)):
        return False  # "..., and the doctor looks" is said of the doctor
    if words <= named:
        return True
    nouns = [token for token in phrase if token.kind in "NJ"]
    if any(token.kind == "I" for token in phrase):
        return all(token.text[:1].isupper() for token in nouns)
    is_plain = not any(token.kind in ",CG" for token in phrase)
    return is_plain and (is_defined or is_technical(nouns, clause.statement.tokens[0]))


def _is_counted(noun: Sequence[Token]) -> bool:
    """Whether a number or quantifier opens the phrase: "most people", "three species"."""
    first = noun[0]
    is_quantified = first.kind == "#" or first.text.lower() in _QUANTIFIERS
    return is_quantified or (first.kind == "D" and first.text.lower() not in _ARTICLES)
