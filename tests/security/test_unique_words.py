"""A document of words that all differ, or have no end, stops no worker's heartbeats."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import pytest
from tests.fakes.embedder import FakeEmbedder
from tests.security.endless_texts import endless
from tests.security.loop_watch import watched_loop
from tests.security.seed import IS_LONG, dice, tell
from tests.unit.ingestion.test_ingest import make_setting
from tests.unit.store.setting import DIMENSION, make_shelf
from tests.unit.store.test_swap import assert_statistics_are_exact

from groundwell.domain.chunks import Encoding
from groundwell.domain.documents import DocumentStatus
from groundwell.domain.errors import ProviderError
from groundwell.store.database import Database

# Others are at work on the machine, too. A worker counts as dead after 15 s without a heartbeat.
MOST_SECONDS = 0.4
# A machine that is slow for a moment makes a stall longer, and none goes away by itself.
MOST_TIMES = 3
CHARACTERS = 8_000_000 if IS_LONG else 1_500_000
CHARACTERS_A_WORD = 9


class SwiftEmbedder(FakeEmbedder):
    """Takes no time, so that what is measured is the product's own. May fail once."""

    def __init__(self) -> None:
        super().__init__(DIMENSION)
        self._always = self._encode("word " * self.max_tokens)
        self.fails_at: int | None = None

    async def embed_documents(self, texts: Sequence[str]) -> list[Encoding]:
        self.calls.append(len(texts))
        if len(self.calls) == self.fails_at:
            raise ProviderError("The embedder is away.")
        return [self._always] * len(texts)


def unique_words(characters: int) -> str:
    throw = dice("unique words")
    count = characters // CHARACTERS_A_WORD
    return " ".join(f"{throw.getrandbits(32):08x}" for _ in range(count))


def words_without_end(characters: int) -> str:
    return endless("a letter that stands for 18", characters)


# Of 64 chunks.
CHARACTERS_A_STEP = {unique_words: 64 * 1_800, words_without_end: 64 * 8_000}


@pytest.mark.parametrize("make", CHARACTERS_A_STEP)
async def test_indexing_such_a_document_never_holds_up_the_loop(
    make: Callable[[int], str], database: Database, database_url: str
) -> None:
    least = [math.inf, math.inf]
    for _ in range(MOST_TIMES):
        least = list(map(min, least, await stalls_of(make, database, database_url)))
        if max(least) < MOST_SECONDS:
            break
    assert max(least) < MOST_SECONDS, "each time, in one of the two attempts"


async def stalls_of(
    make: Callable[[int], str], database: Database, database_url: str
) -> tuple[float, float]:
    """The longest of an attempt that breaks off, and of the one that goes on."""
    embedder = SwiftEmbedder()
    shelf = await make_shelf(database, database_url)
    setting = make_setting(shelf, end_of_turn=lambda _: math.inf, embedder=embedder)
    await setting.hand_in({"a": make(CHARACTERS)}, run=False)
    await setting.parse_all()
    (job,) = setting.jobs.waiting
    begun = time.process_time()
    async with watched_loop() as embedding:
        # The second half is not kept; the first is recalled by the next attempt.
        embedder.fails_at = 1 + CHARACTERS // CHARACTERS_A_STEP[make] // 2
        with pytest.raises(ProviderError):
            await setting.jobs.run()
    setting.jobs.waiting.append(job)
    async with watched_loop() as recalling:
        await setting.jobs.run()
    document = await setting.document("a")
    tell(
        f"{CHARACTERS:,} characters ({make.__name__}), {document.chunk_count} chunks:"
        f" {time.process_time() - begun:.1f} s of CPU; the loop stood still for"
        f" {embedding.longest * 1000:.0f} ms at most, {recalling.longest * 1000:.0f} ms from the"
        " second attempt on"
    )
    assert document.status is DocumentStatus.COMPLETE
    await assert_statistics_are_exact(shelf)
    return embedding.longest, recalling.longest
