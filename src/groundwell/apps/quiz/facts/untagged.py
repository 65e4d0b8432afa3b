"""Facts of passages in languages without a tagger: sentences with a word or number worth knowing.

A word is worth knowing when it is long, and title or headings name it or it is a name to which the
passage comes back. In scripts without spaces only numbers are found.
"""

from __future__ import annotations

import re
from collections import Counter

from groundwell.apps.quiz.facts.fact import Fact, FactKind
from groundwell.apps.quiz.facts.markup import masked
from groundwell.apps.quiz.facts.quantities import number_of
from groundwell.apps.quiz.facts.statements import is_sentence
from groundwell.apps.quiz.language import Span
from groundwell.apps.quiz.questions import Passage
from groundwell.domain.analysis import analyse
from groundwell.domain.languages import function_words
from groundwell.domain.sentences import sentence_spans, trim

_WORD = re.compile(r"[^\W\d_]+(?:[-’'][^\W\d_]+)*")
# A run of capitalised words is one name; a word without capitals stands for itself.
_CAPITALISED = r"(?![a-zß-öø-ÿа-я])[^\W\d_][\w’'-]+"
_NAME = re.compile(rf"(?:{_CAPITALISED}(?: {_CAPITALISED}){{1,2}})|[^\W\d_][\w’'-]+")
_MEASURED = re.compile(
    r"(?<![\w.,–-])(?P<number>\d+(?:[.,]\d+)*)\s?(?P<unit>°\s?[CF]\b|[%°€$£]|[぀-鿿가-힯]|[^\W\d_぀-鿿가-힯]{1,20}(?![\w/]))"
)
_SPEECH = re.compile(r"[!?\"“”„«»]")
_YEAR = re.compile(r"1\d{3}|20\d{2}")
_LEAST_WORD = 6
_DECIMAL_COMMA = re.compile(r"\d+,\d{1,2}")
_GROUPED_BY_POINTS = re.compile(r"\d{1,3}(?:\.\d{3})+")


def untagged_facts(passage: Passage, named: frozenset[str], weight: float) -> list[Fact]:
    """A fact for each sentence with a word worth asking for, and one for each measured number."""
    text = masked(passage.text)
    counts = Counter(word.casefold() for word in _WORD.findall(text))
    facts: list[Fact] = []
    for start, end in sentence_spans(text):
        span = trim(text, start, end)
        if span is None or not is_sentence(text[span[0] : span[1]]):
            continue
        if _SPEECH.search(text, *span):
            continue
        quote = Span(*span)
        facts += _measured(passage, text, quote, weight)
        terms = _terms(text, quote, counts, named, passage.language)
        if terms and len(analyse(text[slice(*quote)], passage.language)) > _LEAST_WORD:
            words = set(analyse(text[slice(*terms[0])], passage.language))
            bonus = 1.0 if words & named else 0.0
            facts.append(
                Fact(FactKind.TERM, passage.chunk_id, quote, terms=terms, weight=weight + bonus)
            )
    return facts


def _terms(
    text: str, quote: Span, counts: Counter[str], named: frozenset[str], language: str
) -> tuple[Span, ...]:
    """The names in the sentence and the words that its title has: the rarest first."""
    found = []
    stops = function_words(language)
    for match in _NAME.finditer(text, *quote):
        word = match.group()
        is_opening = not text[quote.start : match.start()].strip("\"'“„«¿¡( ")
        is_named = bool(set(analyse(word, language)) & named)
        is_name = word[0].isupper() and counts[word.split()[0].casefold()] > 1
        is_mixed = " " in word and not all(part[0].isupper() for part in word.split())
        if is_mixed or is_opening or not (is_named or is_name) or word.casefold() in stops:
            continue
        if len(word) >= _LEAST_WORD and text.count(word, *quote) == 1:
            found.append((not is_named, -len(word), Span(*match.span())))
    return tuple(span for *_, span in sorted(found))


def _measured(passage: Passage, text: str, quote: Span, weight: float) -> list[Fact]:
    stops = function_words(passage.language)
    facts = []
    for match in _MEASURED.finditer(text, *quote):
        value = _value(match["number"])
        if value is None or value == 0 or not _is_alone(text, quote, match):
            continue
        unit = match["unit"]
        is_year = _YEAR.fullmatch(match["number"]) and unit.isalpha()
        if unit.casefold() in stops and not is_year:
            continue
        facts.append(
            Fact(
                FactKind.QUANTITY,
                passage.chunk_id,
                quote,
                number=Span(*match.span("number")),
                unit=None if is_year else Span(*match.span("unit")),
                value=value,
                weight=weight,
            )
        )
    return facts


def _is_alone(text: str, quote: Span, match: re.Match[str]) -> bool:
    """Whether a number is no part of a range, a date or a name such as "SR 99"."""
    before = text[quote.start : match.start()].rstrip()
    after = text[match.end() : match.end() + 12]
    word = before.rsplit(maxsplit=1)[-1] if before else ""
    is_name = word.isupper() and len(word) > 1
    return not (before[-1:].isdigit() or is_name or re.match(r"\s*\d", after))


def _value(digits: str) -> float | None:
    """The number, where continental marks are unmistakable; else as in English."""
    if _DECIMAL_COMMA.fullmatch(digits):
        return float(digits.replace(",", "."))
    if _GROUPED_BY_POINTS.fullmatch(digits):
        return float(digits.replace(".", ""))
    return number_of(digits)
