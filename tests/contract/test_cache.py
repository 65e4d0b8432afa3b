"""What every cache promises: in memory, in Postgres, and the one before the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from uuid import uuid4

import psycopg
import pytest
from tests.conftest import fresh_database
from tests.waiting import patience

from groundwell.adapters.cache.memory import MemoryCache
from groundwell.adapters.cache.postgres import PostgresCache
from groundwell.adapters.cache.tiered import TieredCache
from groundwell.domain.documents import TenantId
from groundwell.ports.cache import MOST_KEY_CHARACTERS, MOST_VALUE_BYTES, Cache
from groundwell.store.database import Database, owner_options
from groundwell.store.embedded import EmbeddedPostgres
from groundwell.store.identity import insert_owner

KIBIBYTE = 1024
MOST_BYTES = 64 * KIBIBYTE
EVERYTHING = ""


@dataclass
class Setting:
    """A cache whose clock the test moves, and two tenants who use it."""

    cache: Cache
    own: TenantId
    other: TenantId
    advance: Callable[[float], None]
    held: Callable[[], int]

    async def found(self, key: str, tenant: TenantId | None = None) -> bytes | None:
        value = await self.cache.get(tenant or self.own, key)
        return None if value is None else value.content


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture(scope="module")
def cache_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    with fresh_database(postgres) as url:
        yield url


@pytest.fixture
async def cache_database(cache_url: str) -> AsyncIterator[Database]:
    pool = Database(cache_url, min_size=1, max_size=4)
    await pool.open()
    yield pool
    await pool.close()


async def make_tenant(database: Database) -> TenantId:
    tenant = TenantId(uuid4())
    async with database.transaction(tenant) as connection:
        await insert_owner(connection, tenant, "test")
    return tenant


def move_entries(url: str, seconds: float) -> None:
    """The clock of the database cannot be moved; what it is compared with can."""
    with psycopg.connect(url, options=owner_options()) as owner:
        owner.execute(
            "UPDATE cache_entries SET put_at = put_at - make_interval(secs => %(by)s),"
            " expires_at = expires_at - make_interval(secs => %(by)s)",
            {"by": seconds},
        )


def count_bytes(url: str) -> int:
    with psycopg.connect(url, options=owner_options()) as owner:
        row = owner.execute("SELECT coalesce(sum(octet_length(content)), 0) FROM cache_entries")
        [(total,)] = row.fetchall()
    return int(total)


@pytest.fixture(params=["memory", "postgres", "tiered"])
async def setting(
    request: pytest.FixtureRequest, cache_database: Database, cache_url: str
) -> Setting:
    own, other = await make_tenant(cache_database), await make_tenant(cache_database)
    with psycopg.connect(cache_url, options=owner_options()) as owner:
        owner.execute("TRUNCATE cache_entries")
    clock = Clock()
    near, far = MemoryCache(MOST_BYTES, clock), PostgresCache(cache_database, MOST_BYTES)

    def advance(seconds: float) -> None:
        clock.advance(seconds)
        move_entries(cache_url, seconds)

    def held() -> int:
        return (near.state().bytes or 0) if request.param == "memory" else count_bytes(cache_url)

    caches = {"memory": near, "postgres": far, "tiered": TieredCache(near, far)}
    return Setting(caches[request.param], own, other, advance, held)


async def test_what_was_put_is_found_until_its_time_is_over(setting: Setting):
    await setting.cache.put(setting.own, "a", b"\0 any bytes \xff", 600)
    value = await setting.cache.get(setting.own, "a")
    assert value is not None
    assert value.content == b"\0 any bytes \xff"
    assert 0 < value.seconds_left <= 600
    setting.advance(540)
    assert await setting.found("a") == b"\0 any bytes \xff"
    setting.advance(61)
    assert await setting.found("a") is None


async def test_what_is_put_again_replaces_and_has_a_new_time(setting: Setting):
    await setting.cache.put(setting.own, "a", b"old", 600)
    setting.advance(540)
    await setting.cache.put(setting.own, "a", b"new", 600)
    setting.advance(540)
    assert await setting.found("a") == b"new"


async def test_nobody_finds_what_another_tenant_put(setting: Setting):
    await setting.cache.put(setting.own, "a", b"own", 60)
    assert await setting.found("a", setting.other) is None
    await setting.cache.put(setting.other, "a", b"other", 60)
    await setting.cache.delete(setting.other, EVERYTHING)
    assert await setting.found("a", setting.other) is None
    assert await setting.found("a") == b"own"


async def test_a_beginning_deletes_what_begins_so_and_nothing_else(setting: Setting):
    keys = ["x:1:api", "x:1:embed", "x:10:api", "X:1:api", "y", "x%"]
    for key in keys:
        await setting.cache.put(setting.own, key, b"1", 60)
    await setting.cache.delete(setting.own, "x:1:")
    left = [key for key in keys if await setting.found(key)]
    assert left == ["x:10:api", "X:1:api", "y", "x%"]
    await setting.cache.delete(setting.own, "x%")
    assert await setting.found("y")


async def test_what_is_too_large_or_has_too_long_a_name_is_not_kept(setting: Setting):
    long = "k" * (MOST_KEY_CHARACTERS + 1)
    await setting.cache.put(setting.own, "large", b"x" * (MOST_VALUE_BYTES + 1), 60)
    await setting.cache.put(setting.own, long, b"1", 60)
    assert await setting.found("large") is None
    assert await setting.found(long) is None


async def test_what_is_kept_is_bounded_and_the_newest_stays(setting: Setting):
    for number in range(400):
        await setting.cache.put(setting.own, str(number), b"x" * KIBIBYTE, 600)
    assert setting.held() <= MOST_BYTES * 17 // 16 + KIBIBYTE
    assert await setting.found("399")
    assert await setting.found("0") is None


async def test_many_at_once_neither_fail_nor_mix(setting: Setting):
    async def work(number: int) -> bool:
        key, content = f"k{number % 5}", f"v{number % 5}".encode()
        await setting.cache.put(setting.own, key, content * 500, 60)
        found = await setting.found(key)
        if number % 9 == 0:
            await setting.cache.delete(setting.own, key)
        return found in (None, content * 500)

    async with patience():
        assert all(await asyncio.gather(*map(work, range(100))))


async def test_a_memory_of_no_bytes_keeps_nothing():
    cache, tenant = MemoryCache(0), TenantId(uuid4())
    await cache.put(tenant, "a", b"", 60)
    assert await cache.get(tenant, "a") is None


async def test_another_process_finds_what_one_has_put(cache_database: Database):
    tenant = await make_tenant(cache_database)
    here = TieredCache(MemoryCache(MOST_BYTES), PostgresCache(cache_database))
    memory = MemoryCache(MOST_BYTES)
    there = TieredCache(memory, PostgresCache(cache_database))
    await here.put(tenant, "a", b"1", 3600)
    assert (await there.get(tenant, "a")) is not None
    nearby = await memory.get(tenant, "a")
    assert nearby is not None
    # What one process deletes does not stay long with another.
    assert nearby.seconds_left <= 30


async def test_a_cache_that_is_away_finds_nothing_and_raises_nothing(
    postgres: EmbeddedPostgres, caplog: pytest.LogCaptureFixture
):
    with fresh_database(postgres) as url:
        pool = Database(url, min_size=1, max_size=2)
        await pool.open()
        tenant, cache = await make_tenant(pool), PostgresCache(pool)
        with closing(psycopg.connect(url, options=owner_options(), autocommit=True)) as owner:
            owner.execute("ALTER TABLE cache_entries RENAME TO elsewhere")
        await cache.put(tenant, "a", b"1", 60)
        assert await cache.get(tenant, "a") is None
        await cache.delete(tenant, "a")
        await pool.close()
    assert "work goes on without the shared cache" in caplog.text


async def test_a_row_that_somebody_holds_is_not_waited_for_long(
    cache_database: Database, cache_url: str
):
    tenant, cache = await make_tenant(cache_database), PostgresCache(cache_database)
    await cache.put(tenant, "a", b"old", 60)
    with psycopg.connect(cache_url, options=owner_options()) as owner:
        owner.execute("UPDATE cache_entries SET content = 'x' WHERE key = 'a'")
        async with patience():
            await cache.put(tenant, "a", b"new", 60)
        found = await cache.get(tenant, "a")
        owner.rollback()
    assert found is not None
    assert found.content == b"old"


async def test_an_unknown_tenant_is_kept_nothing_for(cache_database: Database):
    cache, nobody = PostgresCache(cache_database), TenantId(uuid4())
    await cache.put(nobody, "a", b"1", 60)
    assert await cache.get(nobody, "a") is None


async def test_the_sweep_removes_what_has_expired_of_all_tenants(
    cache_database: Database, cache_url: str
):
    tenants = [await make_tenant(cache_database) for _ in range(2)]
    cache = PostgresCache(cache_database)
    for tenant in tenants:
        await cache.put(tenant, "old", b"1", 1)
        await cache.put(tenant, "new", b"1", 600)
    move_entries(cache_url, 2)
    async with cache_database.anonymous_transaction() as connection:
        await connection.execute("SELECT forget_expired_cache()")
    with psycopg.connect(cache_url, options=owner_options()) as owner:
        rows = owner.execute(
            "SELECT key FROM cache_entries WHERE tenant_id = ANY(%s)", (tenants,)
        ).fetchall()
    assert rows == [("new",), ("new",)]
