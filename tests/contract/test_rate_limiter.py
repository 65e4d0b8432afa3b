"""What every rate limiter promises, in memory and in Postgres."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID, uuid4

import psycopg
import pytest
from tests.waiting import TRIES, patience

from groundwell.adapters.rate_limiter.memory import MemoryRateLimiter
from groundwell.adapters.rate_limiter.postgres import PostgresRateLimiter
from groundwell.domain.documents import TenantId
from groundwell.domain.errors import UnavailableError
from groundwell.domain.limits import Rate, Rule, Standing
from groundwell.ports.rate_limiter import RateLimiter
from groundwell.store.database import Database
from groundwell.store.identity import insert_owner

MINUTE = Rule("requests", Rate(100, 60))
FEW = Rule("few", Rate(3, 60))


@dataclass
class Caller:
    """A user at a limiter whose clock the test moves."""

    limiter: RateLimiter
    tenant: TenantId
    user: UUID
    advance: Callable[[float], None]

    async def take(self, *rules: Rule) -> list[Standing]:
        return await self.limiter.take(self.tenant, self.user, rules)

    async def is_let_through(self, *rules: Rule) -> bool:
        # Whoever waited too long for a row, as when the machine stood still, was not counted.
        for _ in range(TRIES - 1):
            with suppress(UnavailableError):
                return all(standing.wait_seconds == 0 for standing in await self.take(*rules))
        return all(standing.wait_seconds == 0 for standing in await self.take(*rules))

    async def let_through(self, tries: int, *rules: Rule) -> int:
        return sum(await asyncio.gather(*(self.is_let_through(*rules) for _ in range(tries))))


def memory_caller() -> Caller:
    moment = 1000.0

    def advance(seconds: float) -> None:
        nonlocal moment
        moment += seconds

    limiter = MemoryRateLimiter(lambda: moment)
    return Caller(limiter, TenantId(uuid4()), uuid4(), advance)


async def postgres_caller(database: Database, url: str) -> Caller:
    tenant = TenantId(uuid4())
    async with database.transaction(tenant) as connection:
        user = await insert_owner(connection, tenant, "test")

    def advance(seconds: float) -> None:
        # The clock of the database cannot be moved; what it is compared with can.
        with psycopg.connect(url) as connection:
            connection.execute("UPDATE groundwell.rate_windows SET began = began - %s", (seconds,))

    return Caller(PostgresRateLimiter(database), tenant, user, advance)


@pytest.fixture(params=["memory", "postgres"])
async def caller(
    request: pytest.FixtureRequest, database: Database, database_url: str
) -> AsyncIterator[Caller]:
    if request.param == "memory":
        yield memory_caller()
    else:
        yield await postgres_caller(database, database_url)


async def test_of_many_requests_at_once_exactly_as_many_pass_as_there_is_room(caller: Caller):
    assert await caller.let_through(250, MINUTE) == 100


async def test_the_standing_counts_down_and_tells_when_the_window_ends(caller: Caller):
    standings = [(await caller.take(FEW))[0] for _ in range(3)]
    assert [standing.remaining for standing in standings] == [2, 1, 0]
    assert all(55 < standing.reset_seconds <= 60 for standing in standings)


async def test_who_waits_as_long_as_told_is_let_through_and_not_sooner(caller: Caller):
    begun = time.monotonic()
    await caller.let_through(3, FEW)
    (refused,) = await caller.take(FEW)
    # The window ends after a minute, and a third of it later the first of the three has gone.
    assert 78 - (time.monotonic() - begun) <= refused.wait_seconds <= 82
    begun = time.monotonic()
    caller.advance(refused.wait_seconds - 15)
    (sooner,) = await caller.take(FEW)
    assert 13 - (time.monotonic() - begun) <= sooner.wait_seconds <= 17
    caller.advance(sooner.wait_seconds)
    assert await caller.is_let_through(FEW)
    assert not await caller.is_let_through(FEW)


async def test_a_full_window_does_not_free_the_next_one_at_its_first_moment(caller: Caller):
    begun = time.monotonic()
    assert await caller.let_through(100, MINUTE) == 100
    caller.advance(61)
    first = await caller.let_through(100, MINUTE)
    # A window frees its hundred within a minute, also while the test takes its time.
    assert 1 <= first <= 3 + (time.monotonic() - begun) * 100 / 60
    caller.advance(29)
    later = await caller.let_through(100, MINUTE)
    assert 47 <= first + later <= 53 + (time.monotonic() - begun) * 100 / 60


async def test_after_two_quiet_windows_everything_is_free_again(caller: Caller):
    await caller.let_through(100, MINUTE)
    caller.advance(121)
    assert await caller.let_through(150, MINUTE) == 100


async def test_a_request_counts_for_all_of_its_rules_or_for_none(caller: Caller):
    assert await caller.let_through(10, FEW, MINUTE) == 3
    assert await caller.let_through(200, MINUTE) == 97


async def test_only_the_rule_that_refuses_tells_to_wait(caller: Caller):
    await caller.let_through(3, FEW, MINUTE)
    few, minute = await caller.take(FEW, MINUTE)
    assert few.wait_seconds > 0
    assert (minute.wait_seconds, minute.remaining) == (0, 97)


async def test_a_clock_that_goes_back_locks_nobody_out(caller: Caller):
    await caller.let_through(3, FEW)
    caller.advance(-3600)
    assert await caller.is_let_through(FEW)


async def test_a_window_of_another_length_counts_for_itself(caller: Caller):
    await caller.let_through(3, FEW)
    assert await caller.is_let_through(Rule("few", Rate(3, 3600)))


async def test_users_do_not_count_for_each_other_in_memory():
    caller = memory_caller()
    await caller.let_through(3, FEW)
    caller.user = uuid4()
    assert await caller.is_let_through(FEW)


async def test_requests_with_several_rules_do_not_wait_in_a_circle(
    database: Database, database_url: str
):
    caller = await postgres_caller(database, database_url)
    rules = [Rule(name, Rate(1000, 60)) for name in "abcde"]
    async with patience():
        assert await caller.let_through(100, *rules) == 100


async def test_a_row_that_somebody_holds_is_not_waited_for(database: Database, database_url: str):
    caller = await postgres_caller(database, database_url)
    await caller.take(FEW)
    with psycopg.connect(database_url) as connection:
        connection.execute("LOCK TABLE groundwell.rate_windows")
        async with patience():
            with pytest.raises(UnavailableError, match="cannot be counted"):
                await caller.take(FEW)
    assert await caller.is_let_through(FEW)


async def test_who_leaves_while_he_is_counted_takes_nobody_along(
    database: Database, database_url: str
):
    caller = await postgres_caller(database, database_url)
    leaving = asyncio.ensure_future(caller.take(FEW))
    staying = [asyncio.ensure_future(caller.is_let_through(FEW)) for _ in range(4)]
    await asyncio.sleep(0)
    leaving.cancel()
    # Whether the one who left was counted depends on the moment.
    assert sum(await asyncio.gather(*staying)) in (2, 3)


async def test_a_broken_table_is_said_to_be_away_and_nothing_else(
    database: Database, database_url: str
):
    caller = await postgres_caller(database, database_url)
    with psycopg.connect(database_url) as connection:
        connection.execute("ALTER TABLE groundwell.rate_windows RENAME TO elsewhere")
    with pytest.raises(UnavailableError, match="cannot be counted"):
        await caller.take(FEW)
