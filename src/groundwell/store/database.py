"""The connection pool, and the only ways to run SQL: inside a tenant, or outside of any."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, LiteralString, TypeAlias

import psycopg
from pgvector.psycopg import register_vector_async
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from groundwell.domain.documents import TenantId
from groundwell.domain.errors import UnavailableError

Row: TypeAlias = tuple[Any, ...]

SCHEMA = "groundwell"
# Planning for just-in-time compilation costs more than it gives on queries of a millisecond.
_OPTIONS = f"-c search_path={SCHEMA},public -c jit=off"
_APP_ROLE = "groundwell_app"
_TENANT: LiteralString = "SELECT set_config('groundwell.tenant', %s, true)"


def owner_options() -> str:
    """Connection options for migrations, which run as the database's owner."""
    return _OPTIONS


def app_options() -> str:
    """Connection options for everything else, which runs as the restricted role."""
    return f"{_OPTIONS} -c role={_APP_ROLE}"


class Database:
    """A pool of connections that run as the restricted role."""

    def __init__(self, url: str, *, min_size: int, max_size: int) -> None:
        self._pool = AsyncConnectionPool(
            url,
            kwargs={"options": app_options(), "autocommit": True},
            configure=_configure,
            min_size=min_size,
            max_size=max_size,
            timeout=10.0,
            open=False,
            check=None,
        )

    @property
    def pool(self) -> AsyncConnectionPool[AsyncConnection[Row]]:
        """The pool itself, for the job engine, which brings its own SQL."""
        return self._pool

    async def open(self) -> None:
        """Connect. Raises UnavailableError when the server does not answer."""
        try:
            await self._pool.open(wait=True, timeout=20.0)
        except PoolTimeout as error:
            raise UnavailableError("The database does not answer.") from error

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close()

    @asynccontextmanager
    async def transaction(self, tenant: TenantId) -> AsyncIterator[AsyncConnection[Row]]:
        """A transaction that sees the rows of one tenant."""
        async with self.anonymous_transaction() as connection:
            await connection.execute(_TENANT, (str(tenant),))
            yield connection

    @asynccontextmanager
    async def anonymous_transaction(self) -> AsyncIterator[AsyncConnection[Row]]:
        """A transaction that sees no tenant's rows: for authentication and the queue."""
        async with self._connection() as connection, connection.transaction():
            yield connection

    async def fetch(self, call: LiteralString, tenant: TenantId, *parameters: object) -> list[Row]:
        """The rows of one of the database's functions, which takes the tenant first.

        One statement in one message: what a search does often should not pay for a transaction
        block. The function enters the tenant itself; any other statement sees no tenant's rows.
        """
        async with self._connection() as connection:
            cursor = await connection.execute(call, (str(tenant), *parameters), binary=True)
            return await cursor.fetchall()

    async def is_available(self) -> bool:
        """Whether a query is answered."""
        try:
            async with self.anonymous_transaction() as connection:
                await connection.execute("SELECT 1")
        except UnavailableError:
            return False
        return True

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection[Row]]:
        try:
            with unavailable_when_lost():
                async with self._pool.connection() as connection:
                    yield connection
        except UnavailableError as error:
            if isinstance(error.__cause__, psycopg.OperationalError) and not self._pool.closed:
                # What broke one connection broke the idle ones too: without this look at them,
                # each would fail a request of its own.
                await self._pool.check()
            raise


async def _configure(connection: AsyncConnection[Row]) -> None:
    await register_vector_async(connection)


class unavailable_when_lost:  # noqa: N801 - reads as a statement, like contextlib.suppress
    """Translate a lost or refused connection into UnavailableError."""

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        if isinstance(error, psycopg.OperationalError | PoolTimeout) and not isinstance(
            error, psycopg.errors.QueryCanceled
        ):
            raise UnavailableError(
                "The database is away for the moment. Try again in a few seconds.",
                code="database_unavailable",
                retry_after_seconds=5,
            ) from error
