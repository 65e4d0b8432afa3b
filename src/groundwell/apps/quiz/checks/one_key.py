"""Whether there is exactly one right option, told apart from all others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from groundwell.apps.quiz.checks.examined import FALSE, TRUE, Examined
from groundwell.apps.quiz.checks.wording import is_misspelling, spelled_words, wording
from groundwell.apps.quiz.questions import Question, QuestionType

MIN_OPTIONS, MAX_OPTIONS = 3, 5


def one_key_problems(examined: Examined) -> Iterator[str]:
    """Why it is not plain which answer is the one.

    Options that differ in case, articles, punctuation, plural, the spelling of a number or a slip
    of the pen are the same. One that stands whole in another is no other answer: "diabetes" is
    right where "type 1 diabetes" is.
    """
    question = examined.question
    match question.type:
        case QuestionType.MCQ:
            if not MIN_OPTIONS <= len(question.options) <= MAX_OPTIONS:
                yield f"There are not {MIN_OPTIONS} to {MAX_OPTIONS} options."
            yield from _one_right(question)
            yield from _told_apart(
                "options", [option.text for option in question.options], question
            )
        case QuestionType.TRUE_FALSE:
            # The two answers go without saying, so that a statement may have no options.
            if question.options:
                if sorted(option.text for option in question.options) != [FALSE, TRUE]:
                    yield "A statement has the options True and False."
                yield from _one_right(question)
        case QuestionType.MATCHING:
            yield from _told_apart("left sides", [pair.left for pair in question.pairs], question)
            yield from _told_apart("right sides", [pair.right for pair in question.pairs], question)
        case QuestionType.ORDERING:
            yield from _told_apart("steps", question.steps, question)
        case _:
            if not examined.key.line.strip():
                yield "The answer has no words."


def _one_right(question: Question) -> Iterator[str]:
    right = [option.text for option in question.options if option.is_correct]
    if len(right) != 1:
        yield f"{len(right)} options are right."
    elif right[0] != question.answer:
        yield "The right option is not the answer."


def _told_apart(name: str, texts: Sequence[str], question: Question) -> Iterator[str]:
    if any(_is_same(*pair, question.language) for pair in combinations(texts, 2)):
        yield f"Two {name} say the same, or one stands in the other."


def _is_same(first: str, second: str, language: str) -> bool:
    one, other = wording(first, language), wording(second, language)
    if one.line == " " or other.line == " ":
        return one.line == other.line
    is_slip = is_misspelling(spelled_words(first), spelled_words(second))
    return is_slip or one.is_in(other) or other.is_in(one)
