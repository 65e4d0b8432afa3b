"""One expensive document handed in, retried and replaced in a loop: how much work comes of it."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

import psutil
import pytest
from tests.conftest import Tenant, finished, upload
from tests.security.hostile_pdf import one_page_many_times
from tests.security.seed import IS_LONG, tell

LOOPS = 100 if IS_LONG else 10
PAGES = 2000
# What one worker does at once, whosever it is.
PLACES_OF_A_WORKER = 2
NAME = "groundwell.adapters.parser.kreuzberg.child"


@dataclass
class Readings:
    """How many of the parser's children were started, and how many were seen at once."""

    started: int = 0
    most: int = 0

    def hear(self, event: str, given: tuple[Any, ...]) -> None:
        """An event of Python's own, which none of the children can be started without."""
        if event == "subprocess.Popen" and any(NAME in str(part) for part in given[1]):
            self.started += 1

    async def watch(self) -> None:
        while True:
            now = 0
            for child in psutil.Process().children():
                with suppress(psutil.NoSuchProcess):
                    now += any(NAME in part for part in child.cmdline())
            self.most = max(self.most, now)
            await asyncio.sleep(0.03)


_WATCHING: list[Readings] = []


@cache
def listen_to_python() -> None:
    """Once for all: what listens to these events can never be taken away."""

    def hear(event: str, given: tuple[Any, ...]) -> None:
        for readings in _WATCHING:
            readings.hear(event, given)

    sys.addaudithook(hear)


@asynccontextmanager
async def watched() -> AsyncIterator[Readings]:
    listen_to_python()
    readings = Readings()
    _WATCHING.append(readings)
    watching = asyncio.ensure_future(readings.watch())
    try:
        yield readings
    finally:
        watching.cancel()
        _WATCHING.remove(readings)


async def hand_in(tenant: Tenant, content: bytes) -> int:
    return (await upload(tenant, "costly.pdf", content, document_id="costly")).status_code


@pytest.mark.slow
async def test_a_document_that_is_asked_for_again_and_again_is_read_once(tenant: Tenant) -> None:
    content = one_page_many_times(PAGES)
    states: Counter[int] = Counter()
    async with watched() as readings:
        assert await hand_in(tenant, content) == 202
        for _ in range(LOOPS):
            states[await hand_in(tenant, content)] += 1
            again = await tenant.http.post("/api/v1/documents/costly/retry")
            states[again.status_code] += 1
        document = await finished(tenant, "costly", seconds=300)
    assert (document["status"], document["version"]) == ("complete", 1)
    tell(
        f"an expensive document, {2 * LOOPS} times again while it is read: states {dict(states)}, "
        f"read {readings.started} time(s)"
    )
    assert states == {200: LOOPS, 409: LOOPS}
    assert readings.started == 1


@pytest.mark.slow
async def test_versions_that_come_faster_than_they_are_read_are_not_all_read(
    tenant: Tenant,
) -> None:
    content = one_page_many_times(PAGES)
    async with watched() as readings:
        first, *others = (content + b"\n%% %d" % number for number in range(LOOPS))
        assert await hand_in(tenant, first) == 202
        states = await asyncio.gather(*(hand_in(tenant, version) for version in others))
        assert set(states) == {202}
        document = await finished(tenant, "costly", seconds=600)
        await asyncio.sleep(0.5)
    assert (document["status"], document["version"]) == ("complete", LOOPS)
    tell(
        f"{LOOPS} versions of an expensive document: read {readings.started} times, "
        f"{readings.most} at once"
    )
    # The first, those that found a place free while it was read, and the newest.
    assert readings.started <= LOOPS // 2
    assert readings.most <= PLACES_OF_A_WORKER
