"""One expensive document handed in, retried and replaced in a loop: how much work comes of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

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
    """The parser's children that were seen, and how many of them at once."""

    children: set[int] = field(default_factory=set)
    most: int = 0

    async def watch(self) -> None:
        while True:
            now = set()
            for child in psutil.Process().children():
                try:
                    if any(NAME in part for part in child.cmdline()):
                        now.add(child.pid)
                except psutil.NoSuchProcess:
                    continue
            self.children |= now
            self.most = max(self.most, len(now))
            await asyncio.sleep(0.03)


@asynccontextmanager
async def watched() -> AsyncIterator[Readings]:
    readings = Readings()
    watching = asyncio.ensure_future(readings.watch())
    try:
        yield readings
    finally:
        watching.cancel()


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
        document = await finished(tenant, "costly")
    assert (document["status"], document["version"]) == ("complete", 1)
    tell(
        f"an expensive document, {2 * LOOPS} times again while it is read: states {dict(states)}, "
        f"read {len(readings.children)} time(s)"
    )
    assert states == {200: LOOPS, 409: LOOPS}
    assert len(readings.children) == 1


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
        document = await finished(tenant, "costly", seconds=150)
        await asyncio.sleep(0.5)
    assert (document["status"], document["version"]) == ("complete", LOOPS)
    tell(
        f"{LOOPS} versions of an expensive document: read {len(readings.children)} times, "
        f"{readings.most} at once"
    )
    # The first, those that found a place free while it was read, and the newest.
    assert len(readings.children) <= LOOPS // 2
    assert readings.most <= PLACES_OF_A_WORKER
