"""Whether an answer is right."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from groundwell.apps.quiz.checks.wording import number_tokens
from groundwell.apps.quiz.questions import Question, QuestionType
from groundwell.apps.quiz.shown import choices, shown_order
from groundwell.domain.errors import InvalidInputError

_GAP_OF_GROUPS = re.compile(r"(?<=\d)[ _](?=\d{3}(?!\d))")
_BARE_POINT = re.compile(r"(?<![\w.,])(?=[.,]\d)")
_SCIENTIFIC = re.compile(r"[-+]?\d+(?:\.\d+)?[eE][-+]?\d{1,3}(?!\w)")
_ARTICLE = re.compile(r"^(?:the|a|an)\s+", re.IGNORECASE)
_LETTER = re.compile(r"[(\[]?([A-Za-z])[)\].]?")
_FLOAT_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Grade:
    """Whether an answer is right, what was chosen in the words of the question, and what to say."""

    is_correct: bool
    chosen: str
    feedback: str


def grade(question: Question, given: str | Sequence[str]) -> Grade:
    """The grade of an answer.

    Options are answered by their text or letter, gaps and short questions in words, numbers in
    figures or as the document has them; matching by the right sides in the order of the left
    ones, and ordering by the steps, both as a list of texts, or of the letters under which they
    are shown. Case, outer white space, a leading article and a full stop do not count.

    Raises InvalidInputError for an answer of another form than the question has.
    """
    if question.type in (QuestionType.MATCHING, QuestionType.ORDERING):
        return _arranged(question, given)
    if not isinstance(given, str):
        raise _misshaped("This question takes one text as its answer.")
    if choices(question):
        return _option(question, given)
    if not given.strip():
        raise _misshaped("The answer is empty.")
    accepted = {_folded(text) for text in (question.answer, *question.accepted)}
    # A number as well: the document may have it in words.
    is_correct = _folded(given) in accepted or _is_number_right(question, given)
    return _graded(question, given, is_correct=is_correct)


def _option(question: Question, given: str) -> Grade:
    options = choices(question)
    chosen = next((each for each in options if _folded(each.text) == _folded(given)), None)
    letter = _LETTER.fullmatch(given.strip())
    if chosen is None and letter is not None:
        place = ord(letter.group(1).upper()) - ord("A")
        chosen = options[place] if place < len(options) else None
    if chosen is None:
        raise _misshaped("Answer with the text or the letter of one of the options.")
    feedback = chosen.feedback or question.explanation
    return Grade(chosen.is_correct, chosen.text, feedback)


def _arranged(question: Question, given: str | Sequence[str]) -> Grade:
    is_matching = question.type is QuestionType.MATCHING
    right = [pair.right for pair in question.pairs] if is_matching else list(question.steps)
    shown = [right[place] for place in shown_order(question)]
    if isinstance(given, str) or len(given) != len(right):
        raise _misshaped(f"Answer with a list of {len(right)} texts or letters.")
    chosen = [_named(text, shown) for text in given]
    if not {_folded(text) for text in chosen} <= {_folded(text) for text in shown}:
        raise _misshaped("Answer with the texts that are shown, or their letters.")
    is_correct = [_folded(text) for text in chosen] == [_folded(text) for text in right]
    return _graded(question, "; ".join(chosen), is_correct=is_correct)


def _named(given: str, shown: Sequence[str]) -> str:
    """The text that is shown under a letter, or the text itself."""
    letter = _LETTER.fullmatch(given.strip())
    if letter is None or any(_folded(text) == _folded(given) for text in shown):
        return given
    place = ord(letter.group(1).upper()) - ord("A")
    return shown[place] if place < len(shown) else given


def _graded(question: Question, given: str, *, is_correct: bool) -> Grade:
    return Grade(is_correct, given, question.explanation)


def _is_number_right(question: Question, given: str) -> bool:
    value = _value_of(given, question.language)
    if value is None or question.value is None:
        return False
    slack = (question.tolerance or 0.0) + _FLOAT_SLACK * abs(question.value)
    return abs(value - question.value) <= slack


def _value_of(given: str, language: str) -> float | None:
    """The first number of an answer, read as texts of its language are: `2,5` is two and a half."""
    plain = _BARE_POINT.sub("0", _GAP_OF_GROUPS.sub("", given))
    scientific = _SCIENTIFIC.search(plain.replace("−", "-"))
    if scientific is not None:
        return float(scientific.group())
    found = next(iter(number_tokens(plain, language)), None)
    return None if found is None or found.count(".") > 1 else float(found)


def _folded(text: str) -> str:
    plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split()).strip(" .")
    return _ARTICLE.sub("", plain)


def _misshaped(detail: str) -> InvalidInputError:
    return InvalidInputError(detail, code="invalid_answer")
