"""Circuit breakers: a part that keeps failing is left alone for a while.

The pattern is that of Nygard, "Release It!" (2007), chapter 5. The library purgatory 3.0.1 was
looked at and not taken: it opens after a number of failures in a row, so that one success in ten
calls keeps a broken provider in use; it lets every waiting call through at once when it tries
again; and it reads the wall clock, which can be set.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar

from groundwell.domain.errors import GroundwellError, ProviderError, UnavailableError

LEAST_FAILURES = 5
LEAST_SHARE = 0.5
WINDOW_SECONDS = 30.0
OPEN_SECONDS = 15.0
_PROBE_SECONDS = 1
Circuit = TypeVar("Circuit", bound="WatchedCircuit")
_ANSWERS = frozenset({"provider_rejected", "provider_overloaded"})


class CircuitState(StrEnum):
    """Whether calls are let through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    """One call at a time is let through, to see whether the part is back."""


@dataclass(slots=True)
class _Outcomes:
    """What became of the calls that ended within the window."""

    ended: deque[tuple[float, bool]]
    failures: int = 0

    def add(self, now: float, *, is_failure: bool) -> None:
        self.ended.append((now, is_failure))
        self.failures += is_failure
        while self.ended[0][0] <= now - WINDOW_SECONDS:
            self.failures -= self.ended.popleft()[1]

    def are_bad(self) -> bool:
        return self.failures >= LEAST_FAILURES and self.failures > LEAST_SHARE * len(self.ended)


class CircuitBreaker:
    """Counts what becomes of calls, and refuses them while the part seems to be broken.

    At least `LEAST_FAILURES` failures within `WINDOW_SECONDS` that are more than `LEAST_SHARE` of
    the calls ended in that time open it for `OPEN_SECONDS`. Then one call is let through: if that
    is answered the circuit closes, if it fails it stays open for another while. A call that its
    caller gave up counts as neither. One instance serves one process and one (provider, model):
    `part` says what it is for, such as `embedder`, and `target` which server and model, for
    operators only. `clock` gives seconds that only ever grow.
    """

    def __init__(self, part: str, target: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.part = part
        self.target = target
        self._clock = clock
        self._outcomes = _Outcomes(deque())
        self._opened_at: float | None = None
        self._is_probing = False
        # Calls that began before the circuit changed say nothing about what is now.
        self._turn = 0

    @property
    def state(self) -> CircuitState:
        """Whether calls are let through now."""
        if self._opened_at is None:
            return CircuitState.CLOSED
        return CircuitState.OPEN if self._seconds_left() > 0 else CircuitState.HALF_OPEN

    @contextmanager
    def call(self) -> Iterator[Permit]:
        """A call to the part; what leaves the block tells what became of it.

        Raises UnavailableError `circuit_open`, with the seconds to wait, while calls are refused.
        """
        permit = Permit(self, self._admit())
        try:
            yield permit
        except GroundwellError as error:
            permit.end(is_failure=is_failure(error))
            raise
        except BaseException:
            permit.abandon()
            raise
        permit.end(is_failure=False)

    def _admit(self) -> int:
        state = self.state
        if state is CircuitState.OPEN or (state is CircuitState.HALF_OPEN and self._is_probing):
            raise UnavailableError(
                f"The {self.part.replace('_', ' ')} has failed too often and is left alone for a "
                "moment.",
                code="circuit_open",
                retry_after_seconds=max(math.ceil(self._seconds_left()), _PROBE_SECONDS),
            )
        self._is_probing = state is CircuitState.HALF_OPEN
        return self._turn

    def _seconds_left(self) -> float:
        assert self._opened_at is not None, "only an open circuit is waited for"
        return self._opened_at + OPEN_SECONDS - self._clock()

    def record(self, turn: int, *, is_failure: bool) -> None:
        """Count a call that began in `turn`."""
        if turn != self._turn:
            return
        if self._opened_at is not None:
            self._change(self._clock() if is_failure else None)
            return
        self._outcomes.add(self._clock(), is_failure=is_failure)
        if self._outcomes.are_bad():
            self._change(self._clock())

    def release(self, turn: int) -> None:
        """Let another call try, where that of `turn` was given up."""
        if turn == self._turn:
            self._is_probing = False

    def _change(self, opened_at: float | None) -> None:
        self._turn += 1
        self._opened_at = opened_at
        self._is_probing = False
        self._outcomes = _Outcomes(deque())


class WatchedCircuit(Protocol):
    """What can be told of the way to a part."""

    @property
    def part(self) -> str:
        """What the part is for."""
        ...

    @property
    def target(self) -> str:
        """Which server and model."""
        ...

    @property
    def state(self) -> CircuitState:
        """Whether calls are let through now."""
        ...


class Circuits:
    """The circuits of a process, for whoever watches them."""

    def __init__(self) -> None:
        self._all: list[WatchedCircuit] = []

    def watch(self, circuit: Circuit) -> Circuit:
        """Add a circuit, and give it back."""
        self._all.append(circuit)
        return circuit

    def all(self) -> Sequence[WatchedCircuit]:
        """Every circuit."""
        return self._all

    def broken_parts(self) -> list[str]:
        """The parts that failed when they were last called, each once."""
        parts = (each.part for each in self._all if each.state is not CircuitState.CLOSED)
        return list(dict.fromkeys(parts))


class Permit:
    """A call that was let through. Only what comes first of it counts."""

    def __init__(self, breaker: CircuitBreaker, turn: int) -> None:
        self._breaker = breaker
        self._turn = turn
        self._has_ended = False

    def answered(self) -> None:
        """Say that the part has begun to answer: others need not wait for the end of a probe."""
        if self._breaker.state is not CircuitState.CLOSED:
            self.end(is_failure=False)

    def end(self, *, is_failure: bool) -> None:
        """Count the call."""
        if not self._has_ended:
            self._has_ended = True
            self._breaker.record(self._turn, is_failure=is_failure)

    def abandon(self) -> None:
        """Count nothing: the caller has left."""
        if not self._has_ended:
            self._has_ended = True
            self._breaker.release(self._turn)


def is_failure(error: GroundwellError) -> bool:
    """Whether an error says that the part is broken, and not only that it wants something else.

    Who refuses a request, or asks to wait, is there.
    """
    is_of_provider = isinstance(error, ProviderError | UnavailableError)
    return is_of_provider and error.code not in _ANSWERS
