"""Who kills: at named places, and at moments that dice choose."""

from __future__ import annotations

import random
import time
from collections import Counter, deque
from dataclasses import dataclass, field

from tests.chaos.crashing import PLACES
from tests.chaos.installation import Installation, Role
from tests.chaos.traffic import Traffic

KINDS = ("server", "worker", "postgres", "everything")
# A place that is not reached by then is tried again with another process, but not for ever.
REACH_SECONDS = 120.0
MOST_TRIES = 4
TURN_SECONDS = 6.0


def round_of_places(dice: random.Random, role: Role, rounds: int) -> deque[str]:
    """All places of a role, so many times, each time in another order."""
    names = [name for name, place in PLACES.items() if place.role == role]
    return deque(name for _ in range(rounds) for name in dice.sample(names, len(names)))


@dataclass
class Executioner:
    """Starts processes that die at named places, and kills others.

    Only what was alive, and then died, counts as a kill. `in_vain` counts how often a place was
    waited for and not reached, which is no kill.
    """

    own: Installation
    traffic: Traffic
    dice: random.Random
    places: dict[Role, deque[str]]
    kills: Counter[str] = field(default_factory=Counter)
    in_vain: Counter[str] = field(default_factory=Counter)
    started: dict[Role, float] = field(default_factory=dict)

    def __str__(self) -> str:
        named = ", ".join(f"{name} {count}" for name, count in sorted(self.kills.items()))
        return (
            f"{self.kills.total()} kills ({named}),"
            f" waited for in vain: {dict(self.in_vain) or 'none'}"
        )

    def run(self, kinds: list[str], seconds: float) -> None:
        """Kill by these kinds at random moments, and at each of the places, until all is done."""
        begun = next_turn = time.monotonic()
        next_kill = begun + self.dice.uniform(0.0, 2.0)
        while kinds or any(self.places.values()) or self._waits_for_a_place:
            assert time.monotonic() - begun < seconds, (kinds, self.places, self.own.places)
            self.traffic.raise_what_went_wrong()
            self._look_after("server")
            self._look_after("worker")
            if kinds and time.monotonic() > next_kill:
                if self._kill(kinds[-1]):
                    self.kills[f"{kinds.pop()} at any moment"] += 1
                next_kill = time.monotonic() + self.dice.uniform(0.5, 3.0)
            if time.monotonic() > next_turn:
                # A place may wait for what only more requests bring about.
                self.traffic.let_through(1)
                next_turn = time.monotonic() + TURN_SECONDS
            time.sleep(0.02)

    @property
    def _waits_for_a_place(self) -> bool:
        return any(place is not None for place in self.own.places.values())

    def _look_after(self, role: Role) -> None:
        place = self.own.places.get(role)
        if self.own.is_dead(role):
            if place is not None and self.own.was_killed(role):
                self.kills[place] += 1
            elif place is not None:
                # It gave up by itself: a start without a database does.
                self.places[role].append(place)
            self._start(role)
        elif place is not None and time.monotonic() - self.started[role] > REACH_SECONDS:
            self.in_vain[place] += 1
            tries = MOST_TRIES * (1 + self.kills[place])
            assert self.in_vain[place] < tries, f"{place} is not reached"
            self._take_down(role)

    def _kill(self, kind: str) -> bool:
        """Kill what is meant if all of it is alive, and say whether all of it died."""
        roles: list[Role] = [role for role in ("server", "worker") if kind in (role, "everything")]
        takes_postgres = kind in ("postgres", "everything")
        if any(map(self.own.is_dead, roles)):
            return False
        if takes_postgres and not self.own.kill_postgres():
            return False
        died = [self._take_down(role) for role in roles]
        return all(died)

    def _take_down(self, role: Role) -> bool:
        """Kill a process, whose place is still to be reached then, and say whether it was alive."""
        place = self.own.places[role]
        was_alive = not self.own.is_dead(role)
        if was_alive and place is not None:
            self.places[role].append(place)
            self.own.places[role] = None
        return self.own.kill(role)

    def _start(self, role: Role) -> None:
        place = self.places[role].popleft() if self.places[role] else None
        count = self.dice.randint(1, 2)
        if place is not None and PLACES[place].needs_long:
            count = 1
            self.traffic.order_long()
        self.own.start(role, place, count)
        self.traffic.let_through(1)
        self.started[role] = time.monotonic()
