"""Passages are read while nobody waits for a set, so that the next sets find them read.

A third of the time that a set takes is the first reading of passages. Whoever had a set made of
some documents will want others of them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from groundwell.apps.quiz.materials import passages_of
from groundwell.apps.quiz.workbench import Workbench
from groundwell.domain.chunks import ChunkId
from groundwell.domain.errors import UnavailableError
from groundwell.domain.sharing import Viewer
from groundwell.services import Services
from groundwell.store.corpus import CorpusPart, list_spread, load_around

_log = logging.getLogger(__name__)
_MOST = 3_000
"""As many as the process has room for, where they are as long as most: 15 kB for each."""
_AT_ONCE = 10
"""Whoever comes meanwhile waits for these: some 20 ms."""
_PAUSE = 60.0
"""Seconds until documents that changed are looked at again: their ids are all listed for it."""


class ReadingAhead:
    """Reads the passages of the collections that were asked about last. For one event loop."""

    def __init__(self, workbench: Workbench) -> None:
        self._workbench = workbench
        self._task: asyncio.Task[None] | None = None
        self._read: set[ChunkId] = set()
        self._of_process = 0
        self._next = 0.0

    def begin(self, services: Services, viewer: Viewer, parts: Sequence[CorpusPart]) -> None:
        """Read on with these collections, unless that is under way or was done just now."""
        now = asyncio.get_running_loop().time()
        if self._task is None and now >= self._next:
            self._next = now + _PAUSE
            self._task = asyncio.create_task(self._run(services, viewer, parts))
            self._task.add_done_callback(self._ended)

    @property
    def chunks_read(self) -> int:
        """How many chunks the process of now has read for sets to come."""
        is_same = self._of_process == self._workbench.process_number
        return len(self._read) if is_same else 0

    async def close(self) -> None:
        """Read no further."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self, services: Services, viewer: Viewer, parts: Sequence[CorpusPart]) -> None:
        collections = [part.version.collection for part in parts]
        spread = await list_spread(services.database, viewer, collections, _MOST)
        if self._of_process != self._workbench.process_number or len(self._read) > _MOST:
            self._of_process = self._workbench.process_number
            self._read.clear()
        waiting = [chunk for chunk in spread if chunk not in self._read]
        for place in range(0, len(waiting), _AT_ONCE):
            chunks = waiting[place : place + _AT_ONCE]
            await self._workbench.wait_until_idle()
            passages = tuple(passages_of(await load_around(services.database, viewer, chunks, 0)))
            await self._workbench.read(passages)
            self._read.update(chunks)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if task.cancelled():
            return
        match task.exception():
            case None:
                pass
            case UnavailableError():
                _log.info("reading ahead ended early; the next set begins it again")
            case error:
                _log.error("reading ahead failed", exc_info=error)
