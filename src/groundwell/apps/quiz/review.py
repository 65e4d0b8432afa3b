"""When a question is to be asked again: FSRS, by the library of its makers.

Source: J. Ye, J. Su, Y. Cao (2022). A stochastic shortest path algorithm for optimizing spaced
repetition scheduling. KDD '22, 4381-4390; version 6 of the scheduler, with its 21 parameters.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from fsrs import Card, Rating, Scheduler

DESIRED_RETENTION = 0.9
MAXIMUM_INTERVAL_DAYS = 36_500
# Without fuzz, which draws from the global generator: the same reviews give the same days.
_SCHEDULER = Scheduler(
    desired_retention=DESIRED_RETENTION,
    maximum_interval=MAXIMUM_INTERVAL_DAYS,
    enable_fuzzing=False,
)
# The library makes ids of the clock, and waits for it; ours are elsewhere.
_CARD = 1


class Recall(StrEnum):
    """How well somebody knew the answer. `again`: not at all."""

    AGAIN = "again"
    HARD = "hard"
    GOOD = "good"
    EASY = "easy"

    @property
    def rating(self) -> Rating:
        """As FSRS counts it, from 1 to 4."""
        return Rating[self.name.capitalize()]


@dataclass(frozen=True, slots=True)
class Spacing:
    """The state of a question for one learner, and when it is due. `card` can be stored."""

    card: Mapping[str, Any]
    due: datetime


def recall_of(*, is_correct: bool) -> Recall:
    """What an answer tells of itself, where the learner does not judge."""
    return Recall.GOOD if is_correct else Recall.AGAIN


def space(
    card: Mapping[str, Any] | None, recall: Recall, moment: datetime, milliseconds: int | None
) -> Spacing:
    """The state after an answer at `moment` (UTC). `card` is None before the first one."""
    before = Card(card_id=_CARD, due=moment)
    if card is not None:
        before = Card.from_json(json.dumps(dict(card)))
    after, _ = _SCHEDULER.review_card(before, recall.rating, moment, milliseconds)
    return Spacing(dict(after.to_dict()), after.due)
