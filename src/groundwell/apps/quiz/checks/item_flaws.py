"""Flaws of writing that give an answer away or test something other than knowledge.

Source: National Board of Medical Examiners (2021). NBME Item-Writing Guide, on flaws of
testwiseness (grammatical cues, absolute terms, the longest option, words repeated from the stem)
and of irrelevant difficulty (negative stems, "none of the above", numbers in no order); and
T. M. Haladyna, S. M. Downing, M. C. Rodriguez (2002). A Review of Multiple-Choice Item-Writing
Guidelines for Classroom Assessment. Applied Measurement in Education 15(3).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from groundwell.apps.quiz.checks.examined import GAP, TYPED, Examined
from groundwell.apps.quiz.checks.numeric_options import is_sorted
from groundwell.apps.quiz.checks.wording import wording
from groundwell.apps.quiz.questions import QuestionType

MAX_STEM_CHARS = 400
MAX_OPTION_CHARS = 150
MAX_KEY_LENGTH = 1.5
"""How long the right option may be, in mean lengths of the wrong ones."""

_OF_THE_ABOVE = re.compile(
    r"\b(?:all|any|both|either|neither|none|some) of (?:the|these|those)(?: \w+)?"
    r" ?(?:above|below|answers|options|choices)?\W*$"
    r"|\b(?:the )?(?:above|below)\W*$|\bboth [a-e] and [a-e]\b",
    re.IGNORECASE,
)
_ABSOLUTE = re.compile(
    r"\b(?:always|never|only|all|none|every|everyone|nobody|no one|nothing|completely|entirely"
    r"|exclusively|solely)\b",
    re.IGNORECASE,
)
_NEGATION = re.compile(
    r"\b(?:not|never|except|neither|nor|cannot|untrue|incorrect)\b|n['\u2019]t\b"
    r"|\bwhich\b[^.?]*\b(?:is|are) (?:false|wrong)\b|\bleast (?:likely|true|correct)\b",
    re.IGNORECASE,
)
_NAMED = ("option", "answer", "choice", "letter", "alternative")
_CAPITAL = re.compile(r"[A-F](?!\w)")
# Has one of these words, or a letter that could name an option.
_LETTER = re.compile(
    r"\b(?:option|answer|choice|letter|alternative)s?(?::| is)? [\"'\u201c]?(?-i:[A-F])"
    r"(?![\w'\u2019-])"
    r"|\b(?:option|answer|choice|letter|alternative)s?:? \([a-f]\)"
    r"|\b(?:option|answer|choice|alternative)s? (?:no\.? ?|number ?)?[1-6]\b"
    r"|\b(?:first|second|third|fourth|fifth|last) (?:option|answer|choice|alternative)\b"
    r"|\((?-i:[A-F])\)|^\W{0,3}(?-i:[A-F])[).:]"
    r"|(?:^|[.;:,!?][\"'\u201d\u2019)]* |\b(?:and|or|but|because|so|that|while) )(?-i:[A-F])"
    r"(?:,? (?:and|or) (?-i:[A-F]))* (?:is|are|was|were) (?:the )?"
    r"(?:correct|right|true|wrong|false|incorrect|not)\b",
    re.IGNORECASE | re.MULTILINE,
)
_STEM_END = re.compile(
    "(?:[?.!:\u2026\u3002\uff1f\u061f]|_{2,}|\u2014)[\"'\u201d\u2019\u00bb)\\]]*$"
)
_QUESTION_WORD = re.compile(r"(?:what|which|who|whom|whose|when|where|why|how)\b", re.IGNORECASE)
_ARTICLE_BEFORE_GAP = re.compile(
    r"\b(an?)\s+(?:_{2,}.*|[:?\u2026]?\s*)$", re.IGNORECASE | re.DOTALL
)

# Letters do not tell sounds: "an hour", "a unit", "an MRI", "a one-way street", "an 8-bit number".
_SILENT_H = re.compile(r"(?:hour|honest|honou?r|heir)", re.IGNORECASE)
_SPOKEN_CONSONANT = re.compile(
    r"(?:eu|ewe|once\b|one\b|one-|u(?:ni(?!n|m)|s[aeiu]|ti|ter[iu]|bi|r[aei]|k))", re.IGNORECASE
)
_VOWEL_NUMBER = re.compile(r"(?:8|11\b|18\b|11[,.]?\d{3}\b|18[,.]?\d{3}\b)")


def item_flaws(examined: Examined) -> Iterator[str]:
    """The flaws of the question, each in a sentence."""
    yield from _stem_flaws(examined)
    yield from _hint_flaws(examined)
    texts = [examined.question.explanation, *(each.feedback for each in examined.question.options)]
    if any(map(_names_option, texts)):
        yield "The explanation names an option by its letter or place."
    if examined.question.type is QuestionType.MCQ:
        yield from _option_flaws(examined)


@lru_cache(maxsize=1 << 10)
def _names_option(text: str) -> bool:
    folded = text.casefold()
    is_possible = any(word in folded for word in _NAMED) or _CAPITAL.search(text)
    return bool(is_possible and _LETTER.search(text))


def _stem_flaws(examined: Examined) -> Iterator[str]:
    question, stem = examined.question, examined.question.stem.strip()
    if len(stem) > MAX_STEM_CHARS:
        yield f"The stem is longer than {MAX_STEM_CHARS} characters."
    if not _STEM_END.search(stem):
        yield "The stem does not end as a sentence does."
    if stem[:1].islower():
        yield "The stem begins with a small letter."
    if _QUESTION_WORD.match(stem) and not GAP.search(stem) and not stem.endswith(("?", '?"')):
        yield "The question has no question mark."
    # Someone who completes a sentence reads it as it stands; to judge by a negation is a trap.
    if question.type not in {QuestionType.CLOZE, QuestionType.NUMERIC} and _NEGATION.search(stem):
        yield "The stem is negative."
    if question.type in TYPED | {QuestionType.MCQ}:
        if examined.key.is_in(examined.stem) or (
            examined.key.terms and examined.key.terms <= examined.stem.terms
        ):
            yield "The stem contains the answer."
        yield from _article_flaws(examined)


def _article_flaws(examined: Examined) -> Iterator[str]:
    """An article that fits one answer only."""
    found = _ARTICLE_BEFORE_GAP.search(examined.question.stem.strip())
    if not found:
        return
    options = [option.text for option in examined.question.options] or [examined.question.answer]
    if any(not _fits(found.group(1), option) for option in options):
        yield "The article before the gap does not fit every answer."


def _fits(article: str, word: str) -> bool:
    word = word.strip("\"'\u201c\u2018([ ")
    first = re.split(r"[\s-]", word, maxsplit=1)[0]
    if first.isupper() and len(first) > 1 and first.isalpha():
        # An acronym may be spelled or spoken: nobody can tell which.
        return True
    return (article.lower() == "an") == _sounds_open(word)


def _sounds_open(word: str) -> bool:
    """Whether the word begins with the sound of a vowel."""
    if word[:1].isdigit():
        return _VOWEL_NUMBER.match(word) is not None
    if _SILENT_H.match(word):
        return True
    return word[:1].lower() in "aeiou" and _SPOKEN_CONSONANT.match(word) is None


def _hint_flaws(examined: Examined) -> Iterator[str]:
    hint = wording(examined.question.hint, examined.question.language)
    is_told = examined.question.type in TYPED | {QuestionType.MCQ}
    if is_told and examined.key.is_in(hint):
        yield "The hint contains the answer."


def _option_flaws(examined: Examined) -> Iterator[str]:
    options = examined.question.options
    right = [option.text for option in options if option.is_correct]
    wrong = [option.text for option in options if not option.is_correct]
    if any(len(option.text) > MAX_OPTION_CHARS for option in options):
        yield f"An option is longer than {MAX_OPTION_CHARS} characters."
    if any(_OF_THE_ABOVE.search(option.text) for option in options):
        yield "An option speaks of the others."
    if not any(map(_ABSOLUTE.search, right)) and any(map(_ABSOLUTE.search, wrong)):
        yield "Only wrong options have words like always, never and only."
    if wrong and right and len(right[0]) > MAX_KEY_LENGTH * sum(map(len, wrong)) / len(wrong):
        yield "The right option is much longer than the others."
    elsewhere = frozenset[str]().union(*(other.terms for other in examined.others))
    if examined.key.terms & examined.stem.terms - elsewhere:
        yield "A word of the stem stands in the right option only."
    if not is_sorted([option.text for option in options], examined.question.language):
        yield "The numbers are not in order."
