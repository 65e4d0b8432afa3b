"""What a draft of each type needs to be a question: its gap, options, number and claim."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from types import MappingProxyType
from typing import TypeAlias

from groundwell.apps.quiz.proposals.answer import Draft
from groundwell.apps.quiz.proposals.numerals import Quantity, find_quantity
from groundwell.apps.quiz.proposals.quotes import find_words, folded
from groundwell.apps.quiz.proposals.refusals import Refusal
from groundwell.apps.quiz.proposals.wording import is_letter, plain, without_label
from groundwell.apps.quiz.questions import Option, QuestionType
from groundwell.domain.sentences import sentence_spans
from groundwell.generation.check import numbers_in
from groundwell.generation.passages import readable

GAP = "_____"
PLACE = "{}"
MIN_DISTRACTORS = 2
MAX_DISTRACTORS = 4
MAX_TYPED_WORDS = 5
MAX_TYPED_CHARS = 60

_GAP = re.compile(r"_{2,}")
_END_MARK = re.compile(r"\s*[?？؟]?\s*\Z")


@dataclass(frozen=True, slots=True)
class Form:
    """The parts of a question that depend on its type; as in `Question`."""

    stem: str
    answer: str
    claim: str
    options: tuple[Option, ...] = ()
    accepted: tuple[str, ...] = ()
    quantity: Quantity | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """The sentences that prove a draft, verbatim, and their language."""

    quote: str
    language: str


def make_form(draft: Draft, proof: Proof, chance: Random) -> Form | Refusal:
    """The draft in the form of its type, proved by the quote, or why that cannot be."""
    return _FORMS[draft.type](draft, proof, chance)


def _choice(draft: Draft, proof: Proof, _: Random) -> Form | Refusal:
    answer = without_label(draft.answer)
    wrong = _wrong_answers(draft, answer)
    if is_letter(answer) or any(map(is_letter, wrong)) or len(wrong) < MIN_DISTRACTORS:
        return Refusal.BAD_OPTIONS
    if (claim := _claim_of(answer, proof.quote)) is None:
        return Refusal.ANSWER_NOT_IN_QUOTE
    options = tuple(Option(text, text == answer) for text in _by_size([answer, *wrong]))
    return Form(_GAP.sub(GAP, draft.question), answer, claim, options)


def _short(draft: Draft, proof: Proof, _: Random) -> Form | Refusal:
    if not _can_be_typed(draft.answer):
        return Refusal.LONG_ANSWER
    if (claim := _claim_of(draft.answer, proof.quote)) is None:
        return Refusal.ANSWER_NOT_IN_QUOTE
    return Form(draft.question, draft.answer, claim)


def _cloze(draft: Draft, proof: Proof, _: Random) -> Form | Refusal:
    if (claim := _gapped(draft)) is None:
        return Refusal.BAD_GAP
    if not _can_be_typed(draft.answer):
        return Refusal.LONG_ANSWER
    if find_words(draft.answer, proof.quote) is None:
        return Refusal.ANSWER_NOT_IN_QUOTE
    return Form(claim.replace(PLACE, GAP), draft.answer, claim)


def _true_false(draft: Draft, proof: Proof, chance: Random) -> Form | Refusal:
    """The statement with the right words in its gap, or with the wrong ones, by chance."""
    if (claim := _gapped(draft)) is None:
        return Refusal.BAD_GAP
    if find_words(draft.answer, proof.quote) is None:
        return Refusal.ANSWER_NOT_IN_QUOTE
    if not (wrong := _wrong_answers(draft, draft.answer)):
        return Refusal.BAD_OPTIONS
    is_true = chance.random() < 1 / 2
    options = (Option("True", is_correct=is_true), Option("False", is_correct=not is_true))
    stem = claim.replace(PLACE, draft.answer if is_true else wrong[0])
    return Form(stem, str(is_true), claim, options)


def _numeric(draft: Draft, proof: Proof, _: Random) -> Form | Refusal:
    quantity = find_quantity(draft.answer, proof.quote, proof.language)
    if quantity is None:
        return Refusal.BAD_NUMBER
    claim = _claim_at(proof.quote, quantity.start, quantity.end)
    if claim is None:
        return Refusal.ANSWER_NOT_IN_QUOTE
    stem, unit = draft.question, quantity.unit
    if unit and find_words(unit, stem) is None:
        mark = _END_MARK.search(stem)
        assert mark is not None, "the end is always found"
        stem = f"{stem[: mark.start()]} ({unit}){mark.group().strip()}"
    number = proof.quote[quantity.start : quantity.end]
    if unit is None:
        return Form(stem, number, claim, quantity=quantity)
    return Form(stem, f"{number} {unit}", claim, accepted=(number,), quantity=quantity)


_Make: TypeAlias = Callable[[Draft, Proof, Random], Form | Refusal]

_FORMS: Mapping[QuestionType, _Make] = MappingProxyType(
    {
        QuestionType.MCQ: _choice,
        QuestionType.SHORT: _short,
        QuestionType.CLOZE: _cloze,
        QuestionType.TRUE_FALSE: _true_false,
        QuestionType.NUMERIC: _numeric,
    }
)


def _wrong_answers(draft: Draft, answer: str) -> list[str]:
    """The distractors without labels, each once, and none that is the answer."""
    different = {folded(answer): answer}
    for distractor in draft.distractors:
        different.setdefault(folded(without_label(distractor)), without_label(distractor))
    return [text for key, text in different.items() if key][1 : MAX_DISTRACTORS + 1]


def _by_size(options: list[str]) -> list[str]:
    """The options by size where each has one number: in any other order the key would stand out."""
    numbers = {option: numbers_in(option) for option in options}
    if any(len(found) != 1 for found in numbers.values()):
        return options
    return sorted(options, key=lambda option: float(next(iter(numbers[option]))))


def _can_be_typed(answer: str) -> bool:
    return len(answer) <= MAX_TYPED_CHARS and len(answer.split()) <= MAX_TYPED_WORDS


def _gapped(draft: Draft) -> str | None:
    """The statement with the place of its one gap marked; None if it has none, or several."""
    if len(_GAP.findall(draft.question)) != 1 or PLACE in draft.question:
        return None
    return _GAP.sub(PLACE, draft.question)


def _claim_of(answer: str, quote: str) -> str | None:
    span = find_words(answer, quote)
    return _claim_at(quote, *span) if span else None


def _claim_at(quote: str, start: int, end: int) -> str | None:
    """The sentences of the quote that touch the span, with a place instead of the span."""
    touched = [s for s in sentence_spans(quote) if s[0] < end and s[1] > start]
    claim = plain(readable(quote[touched[0][0] : start] + PLACE + quote[end : touched[-1][1]]))
    return claim if claim.count(PLACE) == 1 and claim != PLACE else None
