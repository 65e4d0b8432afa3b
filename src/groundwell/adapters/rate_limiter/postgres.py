"""Rate limits in Postgres: one count for all processes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias
from uuid import UUID

import psycopg

from groundwell.domain.documents import TenantId
from groundwell.domain.errors import GroundwellError, UnauthenticatedError, UnavailableError
from groundwell.domain.limits import Rule, Standing
from groundwell.store.database import Database

_Key: TypeAlias = tuple[TenantId, UUID, tuple[Rule, ...]]
_Waiting: TypeAlias = list[asyncio.Future[list[Standing]]]


class PostgresRateLimiter:
    """Counts in an unlogged table, on the clock of the database.

    After a crash of the database the counts begin anew: no request waits for a disk. Requests of
    one user that come while others of his are being counted are counted together, by the next
    statement. So a flood takes one connection of the pool, and the others keep theirs.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[_Key, _Waiting] = {}
        # The loop itself keeps no task alive.
        self._tasks: set[asyncio.Task[None]] = set()

    async def take(self, tenant: TenantId, user: UUID, rules: Sequence[Rule]) -> list[Standing]:
        """Count a request."""
        key = (tenant, user, tuple(rules))
        own: asyncio.Future[list[Standing]] = asyncio.get_running_loop().create_future()
        if key in self._waiting:
            self._waiting[key].append(own)
        else:
            self._waiting[key] = [own]
            # Not in the caller's task: who leaves must not take the others along.
            task = asyncio.create_task(self._serve(key))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await own

    async def _serve(self, key: _Key) -> None:
        """Count for all who wait, until nobody does."""
        batch: _Waiting = []
        try:
            while batch := [each for each in self._waiting[key] if not each.done()]:
                self._waiting[key] = []
                await self._count(key, batch)
        finally:
            for each in (*batch, *self._waiting.pop(key)):
                each.cancel()

    async def _count(self, key: _Key, batch: _Waiting) -> None:
        tenant, user, rules = key
        try:
            rows = await self._database.fetch(
                "SELECT granted, remaining, reset_seconds, wait_seconds FROM"
                " take_requests(%s, %s, %s, %s::text[], %s::integer[], %s::integer[])",
                tenant,
                user,
                len(batch),
                [rule.name for rule in rules],
                [rule.rate.count for rule in rules],
                [rule.rate.seconds for rule in rules],
            )
        except UnauthenticatedError as error:
            _fail(batch, error)
            return
        except (psycopg.Error, UnavailableError) as error:
            reason = " ".join(str(error).split())
            _fail(batch, UnavailableError(f"Requests cannot be counted in the database: {reason}"))
            return
        after = [Standing(*row[1:]) for row in rows]
        passed = [replace(standing, wait_seconds=0.0) for standing in after]
        for place, each in enumerate(batch):
            if not each.done():
                each.set_result(passed if place < rows[0][0] else after)


def _fail(batch: _Waiting, error: GroundwellError) -> None:
    for each in batch:
        if not each.done():
            each.set_exception(error)
