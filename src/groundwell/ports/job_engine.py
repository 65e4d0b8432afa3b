"""The job engine port."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from psycopg import AsyncConnection

JobArguments: TypeAlias = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class JobKind:
    """A kind of job: its code and where it waits.

    `give_up` is called once when a job will not be tried again, with the reason for people.
    """

    name: str
    queue: str
    run: Callable[[JobArguments], Awaitable[None]]
    give_up: Callable[[JobArguments, str], Awaitable[None]]


class JobEngine(Protocol):
    """Runs work later, at least once, surviving the death of any process.

    Promises: a job that is deferred on a connection becomes visible exactly when that
    connection's transaction commits; a job that raises is tried again, with growing pauses, three
    times in all; a job whose worker died is started again within a minute; a job that kills its
    worker every time is given up after the third attempt.
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
    ) -> None:
        """Queue a job inside the caller's transaction.

        A job of the same `unique` key that still waits makes this call do nothing.
        """
        ...

    async def run(self) -> None:
        """Work on jobs until cancelled; a cancelled run finishes or hands back what it holds."""
        ...
