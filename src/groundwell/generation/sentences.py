"""The sentences that an extractive answer may be made of."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from groundwell.domain.analysis import analyse
from groundwell.domain.languages import DEFAULT_LANGUAGE
from groundwell.domain.search import SearchResult
from groundwell.domain.sentences import sentence_spans
from groundwell.generation.passages import readable

MIN_TERMS = 3
MAX_CHARS = 600
MAX_HEADING_CHARS = 80
MIN_LETTER_SHARE = 0.5
MAX_ANNOUNCED_CHARS = 400
_FOLDED = 1_000

_ENDS = (".", "!", "。", "！", "।", "۔", "…", ":", ";", ")", '"', "”", "’", "'")
_QUESTION_ENDS = ("?", "？", "؟", ";\u037e")
_ITEM = re.compile(r"\s*(?:[-*+•–|]|\d{1,3}[.)])\s")
_BIBLIOGRAPHY = re.compile(
    r"\bdoi\b|\bISBN\b|\bISSN\b|arXiv:|\bpp?\. ?\d+|\bvol\. ?\d+|\d{4};\d+|\bRetrieved \d|"
    r"et al\.,? \(?\d{4}\)?\.",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a passage: `results[passage].text[start:end]`.

    `terms` are its own; `nearby` those of the sentence before it, its headings and its title,
    which say what its pronouns mean, all made in `language`, the document's. `position` counts
    the passage's sentences.
    """

    passage: int
    position: int
    start: int
    end: int
    text: str
    terms: frozenset[str]
    nearby: frozenset[str]
    language: str = DEFAULT_LANGUAGE


def sentences_of(results: Sequence[SearchResult]) -> list[Sentence]:
    """The quotable sentences of the passages, in their order.

    Headings, questions, fragments, tables and bibliographies are left out: they name a subject
    and say nothing about it.
    """
    return list(statements_of(results))


def statements_of(results: Sequence[SearchResult]) -> Iterator[Sentence]:
    """The same, read one after the other: for whoever may need only the first."""
    return (sentence for sentence in _every_sentence(results) if _is_statement(sentence))


def sentences_with(query: str, results: Sequence[SearchResult]) -> list[Sentence]:
    """The sentences and lines that contain `query` as it is, but for case and width.

    Where no statement does, any line will do, such as a row of a table or a name: somebody who
    looks for exactly these words is served by the place where they stand. A question is still
    left out, and words must be whole: "cat" does not stand in "concatenate".
    """
    phrase = _folded(query)
    terms = {result.language: frozenset(analyse(query, result.language)) for result in results}
    holding = [
        sentence
        for sentence in _every_sentence(results)
        if terms[sentence.language]
        and terms[sentence.language] <= sentence.terms
        and phrase in _folded(sentence.text)
        and not sentence.text.endswith(_QUESTION_ENDS)
    ]
    return [sentence for sentence in holding if _is_statement(sentence)] or holding


def _every_sentence(results: Sequence[SearchResult]) -> Iterator[Sentence]:
    for passage, result in enumerate(results):
        language = result.language
        headings = " ".join((*result.heading_path, result.title or ""))
        above = frozenset(analyse(headings, language))
        previous: frozenset[str] = frozenset()
        for position, (start, end) in enumerate(_spans(result.text)):
            text = readable(result.text[start:end])
            terms = frozenset(analyse(text, language))
            nearby = (previous | above) - terms
            yield Sentence(passage, position, start, end, text, terms, nearby, language)
            previous = terms


def _folded(text: str) -> str:
    # Nothing else runs while a piece is brought to NFKC, which can take 10 us a character.
    pieces = (text[start : start + _FOLDED] for start in range(0, len(text), _FOLDED))
    whole = "".join(unicodedata.normalize("NFKC", piece) for piece in pieces)
    return " ".join(whole.casefold().split())


def _spans(text: str) -> list[tuple[int, int]]:
    """The sentences' spans, an announcement (`…:`) joined with what it announces.

    What is announced is the next sentence and the list items that follow, as far as they fit.
    """
    joined: list[tuple[int, int]] = []
    is_open = False
    for start, end in sentence_spans(text):
        if joined and is_open and end - joined[-1][0] <= MAX_ANNOUNCED_CHARS:
            joined[-1] = (joined[-1][0], end)
            is_open = bool(_ITEM.match(text, start))
        else:
            joined.append((start, end))
            is_open = text[start:end].rstrip().endswith((":", "："))
    return joined


def _is_statement(sentence: Sentence) -> bool:
    text = sentence.text
    if len(sentence.terms) < MIN_TERMS or len(text) > MAX_CHARS or text.endswith(_QUESTION_ENDS):
        return False
    if len(text) < MAX_HEADING_CHARS and not text.endswith(_ENDS):
        return False
    if text.isupper() and len(text) < MAX_HEADING_CHARS:
        return False
    letters = sum(character.isalpha() for character in text)
    spaces = sum(character.isspace() for character in text)
    return letters >= MIN_LETTER_SHARE * (len(text) - spaces) and not _BIBLIOGRAPHY.search(text)
