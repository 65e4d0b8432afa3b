"""The program of the process that makes questions: orders come in, pieces of work go out.

It ends when nobody can give it orders any more, even where the server was killed.
"""

from __future__ import annotations

import gc
import os
import sys
import traceback
from typing import BinaryIO

from groundwell.apps.quiz.language import is_everyday
from groundwell.apps.quiz.making import Readings, Workshop, count_told
from groundwell.apps.quiz.orders import (
    HEAD,
    Answer,
    Begin,
    Done,
    Failed,
    Forget,
    Lost,
    Order,
    Piece,
    Read,
    Settle,
    Tell,
    TooLittle,
    packed,
    unpacked,
)
from groundwell.apps.quiz.questions import QuestionSet

# Nobody waits here for a pause of the collector; what is made of a set goes without it.
_GARBAGE_THRESHOLDS = (50_000, 50, 50)


class Worker:
    """Carries out orders, one after the other."""

    def __init__(self) -> None:
        self._readings = Readings()
        self._jobs: dict[int, tuple[Workshop, QuestionSet]] = {}

    def carry_out(self, content: bytes) -> Answer | None:
        """What comes of an order as it came through the pipe; one that is none has failed."""
        try:
            order = unpacked(content)
        except ValueError:
            return Failed(traceback.format_exc())
        assert isinstance(order, Order)
        return self.perform(order)

    def perform(self, order: Order) -> Answer | None:
        """What comes of an order; None for one that is not answered."""
        if isinstance(order, Forget):
            self._jobs.pop(order.job, None)
            return None
        try:
            match order:
                case Begin():
                    return self._begin(order)
                case Read():
                    return self._read(order)
                case _:
                    return self._go_on(order)
        except Exception:  # noqa: BLE001 - whoever gave the order raises it
            return Failed(traceback.format_exc())

    def _begin(self, order: Begin) -> Answer:
        if order.least_told:
            told = count_told(order.passages, self._readings)
            if told < order.least_told:
                return TooLittle(told)
        workshop = Workshop(
            order.passages, order.wanted, order.retired, self._readings, order.suggested
        )
        return self._shown(order.job, workshop, workshop.make())

    def _read(self, order: Read) -> Answer:
        for passage in order.passages:
            self._readings.of(passage)
        return Done()

    def _go_on(self, order: Tell | Settle) -> Answer:
        if order.job not in self._jobs:
            return Lost()
        workshop, made = self._jobs[order.job]
        if isinstance(order, Settle):
            made = workshop.settle(made)
        elif workshop.tell(order.further):
            made = workshop.make()
        return self._shown(order.job, workshop, made)

    def _shown(self, job: int, workshop: Workshop, made: QuestionSet) -> Piece:
        self._jobs[job] = (workshop, made)
        return Piece(made, tuple(workshop.unproved(made)))


def serve(orders: BinaryIO, answers: BinaryIO) -> None:
    """Carry out the orders of a pipe until it ends."""
    worker = Worker()
    while head := orders.read(HEAD.size):
        (size,) = HEAD.unpack(head)
        answer = worker.carry_out(orders.read(size))
        if answer is not None:
            answers.write(packed(answer))
            answers.flush()


def main() -> None:
    """Serve standard input and output. What any code prints goes to standard error instead."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    # Loads the tagger, which stays.
    is_everyday("word")
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GARBAGE_THRESHOLDS)
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
