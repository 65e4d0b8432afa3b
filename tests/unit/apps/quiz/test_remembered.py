"""One computation for all who ask for the same set."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from groundwell.adapters.cache.memory import MemoryCache
from groundwell.apps.quiz.questions import QuestionSet, QuizMode
from groundwell.apps.quiz.remembered import Made, QuizMemory, SharedSets
from groundwell.domain.documents import TenantId
from groundwell.ports.cache import Cache

SOMEBODY = TenantId(UUID(int=1))


def kept_in(cache: Cache, key: str = "key") -> SharedSets:
    return SharedSets(cache, SOMEBODY, key, 60.0)


@pytest.fixture
def cache() -> MemoryCache:
    return MemoryCache(1 << 20)


class Workshop:
    """Makes a set when it may, and counts how often."""

    def __init__(
        self, *degraded: str, is_fallback: bool = False, error: Exception | None = None
    ) -> None:
        self.made = 0
        self.may_go_on = asyncio.Event()
        self._degraded = degraded
        self._is_fallback = is_fallback
        self._error = error

    async def make(self) -> Made:
        self.made += 1
        await self.may_go_on.wait()
        if self._error is not None:
            raise self._error
        found = QuestionSet(
            (), QuizMode.QUIZ, 1, fallback_used=self._is_fallback, degraded=self._degraded
        )
        return Made(found, "text", (), 1)


async def test_who_asks_together_waits_for_one_computation_and_later_ones_for_none(
    cache: MemoryCache,
):
    memory, workshop = QuizMemory(), Workshop()
    asking = [asyncio.ensure_future(memory.get(kept_in(cache), workshop.make)) for _ in range(50)]
    await asyncio.sleep(0)
    asking[0].cancel()
    workshop.may_go_on.set()
    answers = await asyncio.gather(*asking[1:])
    assert workshop.made == 1
    assert {is_remembered for _, is_remembered in answers} == {False}
    assert await memory.get(kept_in(cache), workshop.make) == (answers[0][0], True)
    # Another process finds it too.
    assert await QuizMemory().get(kept_in(cache), workshop.make) == (answers[0][0], True)
    assert (await memory.get(kept_in(cache, "other"), workshop.make))[1] is False
    assert workshop.made == 2


async def test_what_lacks_something_is_made_anew(cache: MemoryCache):
    memory, workshop = QuizMemory(), Workshop("reranker")
    workshop.may_go_on.set()
    for _ in range(2):
        assert (await memory.get(kept_in(cache), workshop.make))[1] is False
    assert workshop.made == 2


async def test_what_a_model_had_no_part_in_is_made_anew(cache: MemoryCache):
    memory, workshop = QuizMemory(), Workshop(is_fallback=True)
    workshop.may_go_on.set()
    for _ in range(2):
        assert (await memory.get(kept_in(cache), workshop.make))[1] is False
    assert workshop.made == 2


async def test_an_error_reaches_everybody_who_waits_and_is_not_remembered(cache: MemoryCache):
    memory, workshop = QuizMemory(), Workshop(error=ValueError("no"))
    asking = [asyncio.ensure_future(memory.get(kept_in(cache), workshop.make)) for _ in range(3)]
    await asyncio.sleep(0)
    workshop.may_go_on.set()
    for each in asking:
        with pytest.raises(ValueError, match="no"):
            await each
    assert workshop.made == 1
    with pytest.raises(ValueError, match="no"):
        await memory.get(kept_in(cache), workshop.make)
    assert workshop.made == 2
