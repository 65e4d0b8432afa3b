"""How a question is shown, whatever the format: its choices, their letters and their order."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from random import Random
from string import ascii_uppercase
from typing import Final

from groundwell.apps.quiz.legible import legible
from groundwell.apps.quiz.questions import Option, Question, QuestionType, Source

TRUE: Final = "True"
"""The answer to a statement that is true."""
FALSE: Final = "False"
"""The answer to a statement that is not."""
GAP: Final = "_____"
"""Where the words of a cloze were."""
TYPED: Final = frozenset({QuestionType.CLOZE, QuestionType.SHORT})
"""What is answered by words that are typed."""

_GAP: Final = re.compile(r"_{3,}")
_SECONDS: Final = {
    QuestionType.MCQ: 60,
    QuestionType.TRUE_FALSE: 30,
    QuestionType.CLOZE: 45,
    QuestionType.NUMERIC: 60,
    QuestionType.MATCHING: 30,
    QuestionType.ORDERING: 30,
    QuestionType.SHORT: 60,
}
_SECONDS_FOR_EACH_PART: Final = 15


def choices(question: Question) -> tuple[Option, ...]:
    """What can be chosen: the options, for a statement without any true and false."""
    if question.options or question.type is not QuestionType.TRUE_FALSE:
        return question.options
    return (Option(TRUE, question.answer == TRUE), Option(FALSE, question.answer != TRUE))


def spellings(question: Question) -> tuple[str, ...]:
    """What may be typed, legible, each once: the key, then what is accepted as well."""
    typed = dict.fromkeys(legible(text) for text in (question.answer, *question.accepted))
    return tuple(text for text in typed if text)


def shown_order(question: Question) -> tuple[int, ...]:
    """In which order the right sides or the steps are shown: their positions in the right order.

    By the seed and the id, so that two questions of one set differ. Never in order already.
    """
    positions = list(range(len(question.pairs or question.steps)))
    Random(f"{question.seed}:{question.id}").shuffle(positions)
    if positions == sorted(positions):
        positions = [*positions[1:], *positions[:1]]
    return tuple(positions)


def letter(position: int) -> str:
    """The letter of a choice: A for 0, Z for 25, AA for 26."""
    more, last = divmod(position, len(ascii_uppercase))
    return (letter(more - 1) if more else "") + ascii_uppercase[last]


def around_gap(stem: str) -> tuple[str, str] | None:
    """What stands before and after the gap of a legible stem, or None if it has not just one."""
    gaps = list(_GAP.finditer(stem))
    return (stem[: gaps[0].start()], stem[gaps[0].end() :]) if len(gaps) == 1 else None


def source_name(source: Source) -> str:
    """What a person calls the document."""
    return legible(source.title or "") or legible(source.filename)


def suggested_minutes(questions: Iterable[Question]) -> int:
    """How long a test of these questions should take, in whole minutes.

    A minute for a question with options or with an answer to type, which is what item writers
    count on; half of it for true or false, and a quarter for each pair or step.
    """
    seconds = sum(
        _SECONDS[question.type]
        + _SECONDS_FOR_EACH_PART * (len(question.pairs) + len(question.steps))
        for question in questions
    )
    return math.ceil(seconds / 60)
