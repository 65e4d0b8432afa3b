"""The connection pool, and the only ways to run SQL: inside a tenant, or outside of any."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from copy import copy
from dataclasses import dataclass
from typing import Any, LiteralString, TypeAlias

import psycopg
from pgvector.psycopg import register_vector_async
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from groundwell.domain.errors import StorageFullError, UnauthenticatedError, UnavailableError
from groundwell.domain.sharing import Asking, Viewer, tenant_of

Row: TypeAlias = tuple[Any, ...]

SCHEMA = "groundwell"
# Planning for just-in-time compilation costs more than it gives on queries of a millisecond.
_OPTIONS = f"-c search_path={SCHEMA},public -c jit=off"
_APP_ROLE = "groundwell_app"
_OF_WHO_ASKS = ("_tenant_id_fkey", "_user_id_fkey", "_owner_id_fkey")
# A connection whose other end has vanished is given up, not waited for. Seconds; the last is in
# milliseconds. An address that sets one of these itself keeps it.
_PATIENCE = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
# A server that has not begun a transaction, or not answered a call, by then is away.
_BEGIN_SECONDS = 5.0
_CALL_SECONDS = 15.0
# For a connection of the pool; less while the server is known to be away.
_WAIT_SECONDS = 10.0
_WAIT_WHILE_AWAY_SECONDS = 1.0
# The pool's pauses between two tries to connect grow up to half of this.
RECONNECT_SECONDS = 4.0
_TENANT: LiteralString = "SELECT set_config('groundwell.tenant', %s, true)"


def owner_options() -> str:
    """Connection options for migrations, which run as the database's owner."""
    return _OPTIONS


def app_options() -> str:
    """Connection options for everything else, which runs as the restricted role."""
    return f"{_OPTIONS} -c role={_APP_ROLE}"


def patient_address(url: str) -> str:
    """The address of the database with time limits for connections that died unnoticed."""
    given = conninfo_to_dict(url)
    return make_conninfo(url, **{k: v for k, v in _PATIENCE.items() if k not in given})


@dataclass(slots=True)
class _Line:
    """What is known of the server, by all who share a pool."""

    is_away: bool = False
    drained_at: float = 0.0
    in_use: int = 0


class Database:
    """A pool of connections that run as the restricted role.

    When the server goes away, a request fails with UnavailableError within seconds and never waits
    for the network. When it is back, the next request finds it.
    """

    def __init__(self, url: str, *, min_size: int, max_size: int) -> None:
        self._pool = AsyncConnectionPool(
            patient_address(url),
            kwargs={"options": app_options(), "autocommit": True},
            configure=_configure,
            min_size=min_size,
            max_size=max_size,
            timeout=_WAIT_SECONDS,
            reconnect_timeout=RECONNECT_SECONDS,
            open=False,
            check=None,
        )
        self._is_unrestricted = False
        self._line = _Line()

    @property
    def unrestricted(self) -> Database:
        """The same pool, for which a tenant stands for all of its documents, private ones too.

        For jobs, and for what was decided by a look through the restricted one.
        """
        opened = copy(self)
        opened._is_unrestricted = True
        return opened

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
    async def transaction(self, asking: Asking) -> AsyncIterator[AsyncConnection[Row]]:
        """A transaction that sees the rows of one tenant, of its documents those for the asking."""
        async with self.anonymous_transaction() as connection:
            await connection.execute(_TENANT, (self._session(asking),))
            yield connection

    @asynccontextmanager
    async def anonymous_transaction(self) -> AsyncIterator[AsyncConnection[Row]]:
        """A transaction that sees no tenant's rows: for authentication and the queue."""
        async with self._connection() as connection:
            giving_up = _hang_up_later(connection, _BEGIN_SECONDS)
            try:
                async with connection.transaction():
                    giving_up.cancel()
                    yield connection
            finally:
                giving_up.cancel()

    @asynccontextmanager
    async def survey_transaction(self) -> AsyncIterator[AsyncConnection[Row]]:
        """A transaction that sees all tenants' rows as they are at one moment, and cannot write.

        For checks of the whole database, never for a request.
        """
        async with self.anonymous_transaction() as connection:
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            await connection.execute("SET LOCAL ROLE groundwell_backup")
            yield connection

    async def fetch(self, call: LiteralString, asking: Asking, *parameters: object) -> list[Row]:
        """The rows of one of the database's functions, which takes who asks first.

        One statement in one message: what a search does often should not pay for a transaction
        block. The function enters the tenant itself; any other statement sees no tenant's rows.
        """
        given = (self._session(asking), *parameters)
        async with self._connection() as connection:
            giving_up = _hang_up_later(connection, _CALL_SECONDS)
            try:
                cursor = await connection.execute(call, given, binary=True)
                return await cursor.fetchall()
            finally:
                giving_up.cancel()

    async def ensure_available(self) -> None:
        """Raise UnavailableError unless the server answers."""
        async with self.anonymous_transaction():
            pass

    def _session(self, asking: Asking) -> str:
        """Who asks, as the policies read it."""
        if self._is_unrestricted:
            return f"{tenant_of(asking)}/*"
        if isinstance(asking, Viewer):
            session = f"{asking.tenant}/{asking.user}/{asking.role}"
            return f"{session}/manage" if asking.manages else session
        return str(asking)

    async def is_available(self) -> bool:
        """Whether the server answers."""
        try:
            await self.ensure_available()
        except UnavailableError:
            return False
        return True

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection[Row]]:
        seconds = _WAIT_WHILE_AWAY_SECONDS if self._line.is_away else _WAIT_SECONDS
        asked_at = time.monotonic()
        try:
            with unavailable_when_lost():
                async with self._pool.connection(seconds) as connection:
                    self._line.in_use += 1
                    try:
                        yield connection
                    finally:
                        self._line.in_use -= 1
        except psycopg.errors.ForeignKeyViolation as error:
            if (error.diag.constraint_name or "").endswith(_OF_WHO_ASKS):
                # For some seconds a process still takes the keys of a user who was deleted.
                raise UnauthenticatedError("This user, or the tenant, has been deleted.") from error
            raise
        except UnavailableError as error:
            if not isinstance(error.__cause__, PoolTimeout):
                await self._renew(asked_at)
            elif self._line.in_use == 0:
                # Nobody has a connection, so the pool cannot make any.
                self._line.is_away = True
            raise
        self._line.is_away = False

    async def _renew(self, asked_at: float) -> None:
        """Replace all idle connections, once for all requests that met the same end.

        What broke one connection broke the idle ones too: each would fail a request of its own.
        Nothing is asked of them, because they may never answer.
        """
        self._line.is_away = True
        if asked_at >= self._line.drained_at and not self._pool.closed:
            self._line.drained_at = time.monotonic()
            await self._pool.drain()


async def _configure(connection: AsyncConnection[Row]) -> None:
    await register_vector_async(connection)


def _hang_up_later(connection: AsyncConnection[Row], seconds: float) -> asyncio.TimerHandle:
    return asyncio.get_running_loop().call_later(seconds, _hang_up, connection)


def _hang_up(connection: AsyncConnection[Row]) -> None:
    """End a connection whose server is silent: whoever waits for it gets an OperationalError.

    Cancelling the wait instead would first ask the silent server to cancel the statement.
    """
    with suppress(OSError, psycopg.Error):
        line = socket.socket(fileno=connection.pgconn.socket)
        try:
            line.shutdown(socket.SHUT_RDWR)
        finally:
            line.detach()


class unavailable_when_lost:  # noqa: N801 - reads as a statement, like contextlib.suppress
    """Translate a lost or refused connection into UnavailableError, a full disk into its own."""

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        if isinstance(error, psycopg.errors.DiskFull):
            raise StorageFullError("The database has no room left on its disk.") from error
        # After a failover, connections may still lead to what is a read-only standby by now.
        is_lost = isinstance(
            error, psycopg.OperationalError | psycopg.errors.ReadOnlySqlTransaction
        ) and not isinstance(error, psycopg.errors.QueryCanceled)
        if is_lost:
            raise UnavailableError(
                "The database is away for the moment. Try again in a few seconds.",
                code="database_unavailable",
                retry_after_seconds=5,
            ) from error
