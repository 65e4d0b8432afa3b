"""Numbers that mean something: those with a unit, and years."""

from __future__ import annotations

import re

from groundwell.apps.quiz.facts.fact import Fact, FactKind
from groundwell.apps.quiz.facts.statements import Statement
from groundwell.apps.quiz.language import Span, Token
from groundwell.domain.chunks import ChunkId

_YEAR = re.compile(r"1[0-9]{3}|20[0-9]{2}")
_YEAR_WORDS = frozenset({"in", "since", "until", "by", "from", "before", "after"})
_ROUGH = frozenset(
    {"about", "approximately", "around", "nearly", "roughly", "almost", "circa", "~"}
)
_BOUNDS = frozenset({"to", "and", "or", "between", "-", "–", "—", "/", "×", "±", "^", "x"})
_ONES = "%°$€£"
_DEGREES = re.compile(r"°(?:\s?[CF]\b)?")
_GLUE = ("_", "@", "#", "/", "=", "(")
_MEASURE = re.compile(r"[a-zµμΩ]{1,3}(?:[/·][a-z]{1,5})?|[kMGTm]?(?:W|Hz|V|A|Pa|J|B|K|C|F|L|N)")
# "One" is a pronoun as often as a number, and "two" often says only that there is a pair.
_SPELLED = {
    "three": 3.0, "four": 4.0, "five": 5.0, "six": 6.0, "seven": 7.0,
    "eight": 8.0, "nine": 9.0, "ten": 10.0, "eleven": 11.0, "twelve": 12.0,
}  # fmt: skip
_LARGE = frozenset({"hundred", "thousand", "million", "billion", "trillion"})


def quantity_facts(statement: Statement, chunk_id: ChunkId, weight: float) -> list[Fact]:
    """A fact for each number of the statement that a unit follows and no other number adjoins."""
    facts = []
    for place, token in enumerate(statement.tokens):
        if statement.shape[place] != "#":
            continue
        value = value_of(token.text)
        if value is None or _is_cut(statement, token):
            continue
        if place and statement.tokens[place - 1].text.lower() == "the":
            continue  # "the 25% limit" was told of before
        unit = _unit_of(statement, place)
        if unit is None or value == 0 or _is_range(statement.tokens, place):
            continue
        facts.append(
            Fact(
                kind=FactKind.QUANTITY,
                chunk_id=chunk_id,
                quote=statement.span,
                number=Span(token.start, token.end),
                unit=unit if unit.end > unit.start else None,
                value=value,
                is_rough=_is_rough(statement.tokens, place),
                weight=weight,
            )
        )
    return facts


def _is_cut(statement: Statement, token: Token) -> bool:
    """Whether the number is the rest of one, as in ".080"."""
    return token.start > 0 and statement.text[token.start - 1] in ".,-–@#_/"


def number_of(digits: str) -> float | None:
    """The value of digits with English marks: "20,200", "3.5". None for "1,2" or "3.5.1"."""
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", digits):
        return float(digits.replace(",", ""))
    return float(digits) if re.fullmatch(r"\d+(?:\.\d+)?", digits) else None


def value_of(number: str) -> float | None:
    """The value of a number in digits or, from three to twelve, in words."""
    return _SPELLED.get(number) or number_of(number)


def _unit_of(statement: Statement, place: int) -> Span | None:
    """Where the unit stands; an empty span for a year, None for a bare number."""
    tokens, _kinds = statement.tokens, statement.shape
    before = tokens[place - 1] if place else None
    after = tokens[place + 1] if place + 1 < len(tokens) else None
    if after is not None and after.text in _ONES:
        degrees = _DEGREES.match(statement.text, after.start)
        return Span(after.start, degrees.end() if degrees else after.end)
    if before is not None and before.text in _ONES:
        return Span(before.start, before.end)
    if _YEAR.fullmatch(tokens[place].text) and before is not None:
        is_dated = before.text.lower() in _YEAR_WORDS and (after is None or after.kind not in "NJ")
        return Span(before.end, before.end) if is_dated else None
    return _noun_unit(statement, place)


def _noun_unit(statement: Statement, place: int) -> Span | None:
    """The unit that is a word: "km", "orbital planes"."""
    tokens = statement.tokens
    before = tokens[place - 1] if place else None
    after = tokens[place + 1] if place + 1 < len(tokens) else None
    # A number right after a noun is a name's: "type 2 diabetes", "Apollo 11 landed".
    if before is None or after is None or before.kind in "Ns" or before.text in "([/-":
        return None
    if before.text.lower() == "per" or after.kind not in "NJEG":
        return None
    if _MEASURE.fullmatch(after.text):
        return Span(after.start, after.end)
    if statement.text[after.end : after.end + 1] in _GLUE:
        return None
    noun = re.match(r"[JEG]?N{1,2}", statement.shape[place + 1 :])
    if noun is None or after.text[:1].isupper():
        return None
    return Span(after.start, tokens[place + noun.end()].end)


def _is_range(tokens: tuple[Token, ...], place: int) -> bool:
    for step in (-1, 1):
        near = place + step
        while 0 <= near < len(tokens) and (tokens[near].text in _ONES or _is_scale(tokens, near)):
            near += step
        beyond = near + step
        if not (0 <= near < len(tokens)):
            continue
        is_bound = tokens[near].text.lower() in _BOUNDS
        if is_bound and 0 <= beyond < len(tokens):
            other = tokens[beyond]
            if other.kind == "#" or other.text in _ONES or tokens[near].text == "between":
                return True
        if tokens[near].kind == "#" or tokens[near].text.lower() in _LARGE:
            return True
    return False


def _is_scale(tokens: tuple[Token, ...], place: int) -> bool:
    return place > 0 and tokens[place].text in "CF" and tokens[place - 1].text == "°"


def _is_rough(tokens: tuple[Token, ...], place: int) -> bool:
    return any(token.text.lower() in _ROUGH for token in tokens[max(0, place - 2) : place])
