"""The job engine port."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias

from psycopg import AsyncConnection

JobArguments: TypeAlias = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a job.

    `number` is 0 for the first one; starts that found a part away are not counted. `fence` grows:
    an attempt that begins later, at this job or at a job that was queued later, has a larger one.
    What a job writes must be refused when a larger one was there, because a worker that was only
    slow may be taken for dead. Two fences are `FENCE_STEP` apart at least, so that requests can
    shut an attempt out, by a fence just above its own, without shutting out the next one.
    """

    number: int
    fence: int


FENCE_STEP = 1 << 10
"""So many requests can change a document while one attempt has it in hand."""

LEAST_URGENT = 2
"""The largest rank that a job can have."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Whose turn a job takes. Jobs of several shares are taken in turn, however many wait.

    Within its share, and within its queue, a job goes before those of a larger `rank`.
    """

    share: str
    rank: int = LEAST_URGENT


@dataclass(frozen=True, slots=True)
class JobKind:
    """A kind of job: its code and where it waits.

    `give_up` is called when a job will not be tried again, with the reason for people. One that
    is hourly is also queued by itself, once an hour however many workers there are.
    """

    name: str
    queue: str
    run: Callable[[JobArguments, Attempt], Awaitable[None]]
    give_up: Callable[[JobArguments, Attempt, str], Awaitable[None]]
    is_hourly: bool = False


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """How many jobs of a queue are in a state: `waiting`, `running` or `failed`."""

    queue: str
    state: str
    jobs: int


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """How many attempts at jobs of a kind have ended so, ever, and the seconds that they took.

    `outcome` is `succeeded`, `repeated`, `failed`, or `killed` for a job that is given up because
    its worker died every time.
    """

    kind: str
    outcome: str
    jobs: int
    seconds: float


@dataclass(frozen=True, slots=True)
class JobStanding:
    """Where a job stands.

    has_worker:  whether any worker has shown itself of late
    is_there:    whether there is such a job
    is_running:  whether a worker has it, be it alive or not
    next_try_at: when it comes again after a failed try; None if it may come at once
    reason:      why it was not done at the last try, for people
    before:      how many jobs of the same owner come first
    """

    has_worker: bool
    is_there: bool
    is_running: bool
    next_try_at: datetime | None
    reason: str | None
    before: int


class JobEngine(Protocol):
    """Runs work later, at least once, surviving the death of any process.

    Promises: a job that is deferred on a connection becomes visible exactly when that
    connection's transaction commits; a job that raises is tried again, with growing pauses, three
    times in all, unless the error says that trying again is of no use; a job that raises
    UnavailableError, because a part that it needs is away, waits and comes again for up to 24
    hours, and none of that counts as an attempt; a job whose worker died is
    started again when its lease is over; a job that kills its worker every time is given up after
    the third attempt; an attempt whose lease was taken away cannot end, repeat or give up the job;
    a job works for the request that queued it, as `current_origin` tells.
    """

    def register(self, kind: JobKind) -> None:
        """Make a kind of job known. Before `run` or `defer`."""
        ...

    async def defer(
        self,
        connection: AsyncConnection,
        name: str,
        arguments: JobArguments,
        *,
        unique: str | None = None,
        turn: Turn | None = None,
        after_seconds: float = 0.0,
    ) -> None:
        """Queue a job inside the caller's transaction.

        A job of the same `unique` key that still waits makes this call do nothing. A job without
        a turn goes before all that have one. It begins `after_seconds` from now at the earliest,
        by the database's clock where the engine has no better one; until then it holds no worker.
        """
        ...

    async def read_depths(self, connection: AsyncConnection) -> list[QueueDepth]:
        """What waits, runs and has failed in each queue; nothing for states without jobs."""
        ...

    async def read_outcomes(self, connection: AsyncConnection) -> list[JobOutcome]:
        """What has become of the jobs of all workers."""
        ...

    async def read_standing(
        self, connection: AsyncConnection, argument: str, word: str, owner: str
    ) -> JobStanding:
        """Where the job stands that has `word` within its `argument`.

        Of several, that which runs, or was queued last. `owner` names the argument by which the
        jobs before it are told from those of others.
        """
        ...

    async def run(self, queues: Collection[str] | None = None) -> None:
        """Work on jobs of these queues, or of all, until cancelled.

        Each queue has places of its own. A cancelled run finishes or hands back what it holds.
        """
        ...
