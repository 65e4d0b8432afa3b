"""What answers tell of a question: how hard it is, whom it separates, and whether it is any good.

Sources: R. L. Ebel and D. A. Frisbie (1991). Essentials of educational measurement, 5th edition,
chapter 13: an item whose discrimination is negative is to be discarded or rewritten. T. M. Haladyna
and S. M. Downing (1993). How many options is enough for a multiple-choice test item? Educational
and Psychological Measurement 53(4), 999-1010: a distractor that almost nobody chooses does nothing.
R. A. Fisher (1921). On the "probable error" of a coefficient of correlation deduced from a small
sample. Metron 1, 3-32: the artanh of a correlation is about normal, with variance 1/(n - 3).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from groundwell.apps.quiz.questions import Question
from groundwell.apps.quiz.shown import choices

LEAST_ANSWERS = 30
"""With fewer, nothing is said of distractors and nothing retires: a share is uncertain by 0.18."""
_TWO_SIGMA = 1.96
# Shares that are equal may differ in their last digit.
_NO_SPREAD = 1e-12


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """A person's first answer.

    `others`: the share of right ones among his first answers to other questions, None where there
    are none.
    """

    is_correct: bool
    chosen: str | None
    others: float | None


@dataclass(frozen=True, slots=True)
class ItemStatistics:
    """What the answers to a question tell, one of each person.

    `share_correct` in [0, 1]; `discrimination` in [-1, 1], the point-biserial correlation of being
    right with the share of right ones among the same person's other answers; None where all are
    alike. `dead_distractors`: wrong options that nobody has ever chosen. `flaw` says why the
    question is no good, if it is none.
    """

    answers: int
    share_correct: float
    discrimination: float | None
    dead_distractors: tuple[str, ...]
    flaw: str | None


def item_statistics(question: Question, answers: Sequence[GivenAnswer]) -> ItemStatistics:
    """The statistics of a question with one answer at least, each of another person."""
    share = sum(answer.is_correct for answer in answers) / len(answers)
    known = [(answer.is_correct, answer.others) for answer in answers if answer.others is not None]
    discrimination = _point_biserial(known)
    chosen = Counter(answer.chosen for answer in answers if answer.chosen is not None)
    dead: tuple[str, ...] = ()
    if chosen.total() >= LEAST_ANSWERS:
        wrong = (option.text for option in choices(question) if not option.is_correct)
        dead = tuple(text for text in wrong if not chosen[text])
    flaw = None
    if discrimination is not None and _is_negative(discrimination, len(known)):
        flaw = "Those who know more get it wrong more often."
    elif _is_below_chance(question, share, len(answers)):
        flaw = "It is answered right less often than by guessing."
    return ItemStatistics(len(answers), share, discrimination, dead, flaw)


def _point_biserial(known: Sequence[tuple[bool, float]]) -> float | None:
    """Pearson's correlation of a dichotomous variable with a continuous one."""
    if not known:
        return None
    mean_right = sum(right for right, _ in known) / len(known)
    mean_other = sum(other for _, other in known) / len(known)
    both = sum((right - mean_right) * (other - mean_other) for right, other in known)
    spread = sum((right - mean_right) ** 2 for right, _ in known)
    other_spread = sum((other - mean_other) ** 2 for _, other in known)
    product = spread * other_spread
    return both / math.sqrt(product) if product > _NO_SPREAD else None


def _is_negative(discrimination: float, people: int) -> bool:
    """Whether the upper end of the interval of 95 % is below 0."""
    if people < LEAST_ANSWERS:
        return False
    return discrimination < -math.tanh(_TWO_SIGMA / math.sqrt(people - 3))


def _is_below_chance(question: Question, share: float, people: int) -> bool:
    """Whether guessing would do better, and by more than an interval of 95 % explains."""
    options = choices(question)
    if people < LEAST_ANSWERS or not options:
        return False
    chance = 1 / len(options)
    return share < chance - _TWO_SIGMA * math.sqrt(chance * (1 - chance) / people)
