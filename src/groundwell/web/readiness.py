"""Whether this server can do its work, looked at once a second at most."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from groundwell.domain.errors import GroundwellError
from groundwell.services import Services
from groundwell.store.migrate import are_current
from groundwell.web.closing import Closing

_FRESH_SECONDS = 1.0
_LOOK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Condition:
    """What was seen. The first four are needed for any work; `degraded` parts are not.

    `has_migrations` is None while nobody can tell: the database is away.
    """

    has_database: bool
    has_migrations: bool | None
    has_disk: bool
    is_leaving: bool
    has_blobs: bool
    degraded: tuple[str, ...]

    @property
    def is_ready(self) -> bool:
        """Whether requests should be sent here."""
        is_complete = self.has_database and self.has_migrations is True and self.has_disk
        return is_complete and not self.is_leaving


class Readiness:
    """Looks at what the server needs. Many who ask at once cause one look."""

    def __init__(
        self,
        services: Services,
        closing: Closing,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._services = services
        self._closing = closing
        self._clock = clock
        self._seen: tuple[float, Condition] | None = None
        self._one_at_a_time = asyncio.Lock()

    async def look(self) -> Condition:
        """The condition of now, or of at most a second ago. Never raises, never waits long.

        That the server is about to stop is never a second old.
        """
        async with self._one_at_a_time:
            now = self._clock()
            if self._seen is None or now - self._seen[0] >= _FRESH_SECONDS:
                self._seen = (now, await self._examine())
            return replace(self._seen[1], is_leaving=self._closing.is_begun())

    async def _examine(self) -> Condition:
        services = self._services
        (has_database, has_migrations), has_blobs, has_disk, has_scanner = await asyncio.gather(
            self._examine_database(),
            _in_time(services.blobs.is_available()),
            services.room.is_enough(),
            self._has_scanner(),
        )
        broken = services.circuits.broken_parts()
        for part, is_there in (("blob_store", has_blobs), ("malware_scanner", has_scanner)):
            if not is_there and part not in broken:
                broken.append(part)
        return Condition(has_database, has_migrations, has_disk, False, has_blobs, tuple(broken))

    async def _has_scanner(self) -> bool:
        scanner = self._services.malware_scanner
        return scanner is None or await _in_time(scanner.is_available())

    async def _examine_database(self) -> tuple[bool, bool | None]:
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                async with self._services.database.anonymous_transaction() as connection:
                    return True, await are_current(connection)
        except (GroundwellError, TimeoutError):
            return False, None


async def _in_time(looking: Awaitable[bool]) -> bool:
    try:
        async with asyncio.timeout(_LOOK_SECONDS):
            return await looking
    except TimeoutError:
        return False
