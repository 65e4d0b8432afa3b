"""Tests of turns: everybody gets one, and one at a time."""

from __future__ import annotations

import asyncio

from groundwell.web.turns import Turns


async def test_one_begins_in_each_turn_of_the_loop_and_in_order() -> None:
    begun: list[int] = []
    turns = Turns()
    for number in range(5):
        turns.begin(lambda number=number: begun.append(number))
    seen = []
    for _ in range(6):
        await asyncio.sleep(0)
        seen.append(len(begun))
    assert begun == [0, 1, 2, 3, 4]
    assert all(later - earlier <= 1 for earlier, later in zip([0, *seen], seen, strict=False))


async def test_who_comes_later_gets_a_turn_too() -> None:
    begun: list[str] = []
    turns = Turns()
    for name in ("first", "second"):
        turns.begin(lambda name=name: begun.append(name))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert begun == ["first", "second"]
