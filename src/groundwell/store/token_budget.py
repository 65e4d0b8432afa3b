"""The budget of tokens: reserved before a language model is asked, settled after."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from uuid import UUID
from weakref import WeakValueDictionary

import psycopg

from groundwell.domain.documents import TenantId
from groundwell.domain.errors import BudgetExceededError, GroundwellError
from groundwell.domain.queues import Queue
from groundwell.domain.spending import Purse, Reservation, current_purse, paid_by
from groundwell.ports.job_engine import Attempt, JobArguments, JobEngine, JobKind
from groundwell.ports.metrics import Metrics
from groundwell.store.database import Database

FORGET_TOKENS_JOB = "forget_token_use"
_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class TokenBudget:
    """Counts tokens by user and UTC day, for all processes of a database and on its clock.

    Who has no limit has no purse, and costs nothing. Who leaves while something is counted changes
    nothing about that: it is done by tasks that belong to nobody else. One at a time for a user, so
    that a flood takes one connection of the pool. What a process that dies has reserved stays
    counted until the day is over, which is the safe side.
    """

    def __init__(self, database: Database, metrics: Metrics) -> None:
        self._database = database
        self._metrics = metrics
        # The loop itself keeps no task alive.
        self._tasks: set[asyncio.Task[Any]] = set()
        self._turns: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    async def close(self) -> None:
        """Wait until all that has ended is settled."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def reserve(self, purse: Purse, tokens: int) -> Reservation:
        """Count tokens that a call may take.

        Raises BudgetExceededError when the day's tokens do not suffice, UnavailableError when the
        database is away: what costs money is not done uncounted.
        """
        asking = self._start(self._reserve(purse, tokens))
        try:
            return await asyncio.shield(asking)
        except asyncio.CancelledError:
            self._start(self._give_back(asking))
            raise

    async def settle(self, reservation: Reservation, used: int) -> None:
        """Count what was used in place of what was reserved. Never fails a request."""
        if used != reservation.tokens:
            await asyncio.shield(self._start(self._settle(reservation, used)))

    async def put_aside(self, tokens: int) -> None:
        """Reserve for the next call of who pays for the present work, if anybody does.

        So a request is refused before its answer has begun. Raises as `reserve` does.
        """
        purse = current_purse()
        if purse is not None and tokens > 0:
            purse.put_aside = await self.reserve(purse, tokens)

    @asynccontextmanager
    async def spending(self, purse: Purse) -> AsyncIterator[None]:
        """Within the block, work is paid by `purse`; what is still put aside then is given back."""
        with paid_by(purse):
            try:
                yield
            finally:
                left = purse.take_put_aside()
                if left is not None:
                    await self.settle(left, 0)

    async def read(self, tenant: TenantId, user: UUID) -> int:
        """The tokens that count for a user today."""
        rows = await self._database.fetch("SELECT read_tokens(%s, %s)", tenant, user)
        return int(rows[0][0])

    def _start(self, work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _reserve(self, purse: Purse, tokens: int) -> Reservation:
        async with self._turn_of(purse.user):
            rows = await self._database.fetch(
                "SELECT is_granted, used, of_day, seconds_left"
                " FROM reserve_tokens(%s, %s, %s::bigint, %s::bigint)",
                purse.tenant,
                purse.user,
                tokens,
                purse.tokens_a_day,
            )
        is_granted, used, day, seconds_left = rows[0]
        if not is_granted:
            self._metrics.count_limit_hit("tokens", purse.tier)
            wait = max(1, math.ceil(seconds_left))
            raise BudgetExceededError(tokens, purse.tokens_a_day, used, retry_after_seconds=wait)
        return Reservation(purse.tenant, purse.user, day, tokens)

    async def _settle(self, reservation: Reservation, used: int) -> None:
        try:
            async with self._turn_of(reservation.user):
                await self._database.fetch(
                    "SELECT settle_tokens(%s, %s, %s::date, %s::bigint)",
                    reservation.tenant,
                    reservation.user,
                    reservation.day,
                    used - reservation.tokens,
                )
        except (GroundwellError, psycopg.Error) as error:
            _log.warning("%d reserved tokens stay counted: %s", reservation.tokens, error)

    def _turn_of(self, user: UUID) -> asyncio.Lock:
        # Forgotten with the last task that waits for it.
        return self._turns.setdefault(user, asyncio.Lock())

    async def _give_back(self, asking: asyncio.Task[Reservation]) -> None:
        """Settle what was reserved for somebody who is not there any more."""
        try:
            reservation = await asking
        except (GroundwellError, psycopg.Error):
            return
        await self._settle(reservation, 0)


class TokenRetention:
    """Forgets, every hour, what was used on days that are over."""

    def __init__(self, database: Database, engine: JobEngine) -> None:
        self._database = database
        engine.register(
            JobKind(FORGET_TOKENS_JOB, Queue.MAINTENANCE, self._forget, _give_up, is_hourly=True)
        )

    async def _forget(self, arguments: JobArguments, attempt: Attempt) -> None:
        del arguments, attempt
        async with self._database.anonymous_transaction() as connection:
            await connection.execute("SELECT forget_token_use()")


async def _give_up(arguments: JobArguments, attempt: Attempt, reason: str) -> None:
    """The next hour tries again."""
    del arguments, attempt, reason
