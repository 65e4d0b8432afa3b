"""Readers who leave in the middle of an answer: the model is hung up on, and no task is left.

The app runs behind the product's own web server; the model is a real server on loopback, which
writes a token every ten milliseconds and would go on for ten minutes.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import orjson
from tests.apps.loopback import on_loopback
from tests.apps.people import server_with
from tests.conftest import Tenant, upload_texts
from tests.fakes.provider import STREAM_HEAD, ScriptedProvider, event, scripted_provider
from tests.seeds import IS_LONG, SEED

from groundwell.adapters.language_model.openai import OpenAILanguageModel
from groundwell.generation.answer import Answerer
from groundwell.services import Services

LEAVERS, WHOLE_LEAVERS = (100, 30) if IS_LONG else (20, 5)
LONGEST_CLOSING_SECONDS = 1.0
# A machine that stands still makes it longer, but not each time.
TRIES = 3
# From before the head of the answer to the middle of it.
LATEST_LEAVING_SECONDS = 0.6
# For what is to come sooner or later.
WAIT_SECONDS = 60.0
TIDES = {"id": "tides", "text": "Spring tides occur at new moon and at full moon."}
QUESTION = "When do spring tides occur?"


async def talks_for_minutes(_: object, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(0.05)
    writer.write(STREAM_HEAD)
    for number in range(60_000):
        writer.write(event(f"word{number} "))
        await writer.drain()
        await asyncio.sleep(0.01)


async def ask_and_leave(
    port: int, key: str, leaves: float | Callable[[bytes], bool], *, wants_stream: bool = True
) -> bytes:
    """Ask, read for so many seconds or until that holds, hang up, and return what came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = orjson.dumps({"query": QUESTION, "stream": wants_stream})
    head = (
        f"POST /api/v1/ask HTTP/1.1\r\nHost: groundwell.test\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    came = bytearray()
    if isinstance(leaves, float):
        with suppress(TimeoutError):
            async with asyncio.timeout(leaves):
                while part := await reader.read(65536):
                    came += part
    else:
        async with asyncio.timeout(WAIT_SECONDS):
            while not leaves(bytes(came)):
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.02):
                        came += await reader.read(65536)
    # Half of the readers vanish without a word, as after a power cut of the router.
    if isinstance(leaves, float) and int(leaves * 1e6) % 2:
        writer.transport.abort()
    else:
        writer.close()
    return bytes(came)


async def all_closed(provider: ScriptedProvider, left_at: float) -> float:
    """Seconds from the leaving until the model's last connection was closed."""
    async with asyncio.timeout(WAIT_SECONDS):
        while provider.open_connections:  # noqa: ASYNC110 - the faults' server gives no event
            await asyncio.sleep(0.005)
    return max(provider.closed_at - left_at, 0.0)


def kinds_of_tasks() -> Counter[str]:
    """How many tasks there are of each kind. The worker beside the app always has some.

    The provider's own are left out: it holds connections that a client keeps for its next call,
    with no request on them. `open_connections` counts those that have one.
    """
    names = (
        getattr(task.get_coro(), "__qualname__", type(task.get_coro()).__name__)
        for task in asyncio.all_tasks()
    )
    return Counter(name for name in names if not name.startswith("ScriptedProvider."))


async def usual_tasks(seconds: float = 1.5) -> Counter[str]:
    """The most tasks of each kind while nobody asks: the worker's come and go."""
    most: Counter[str] = Counter()
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        await asyncio.sleep(0.05)
        most |= kinds_of_tasks()
    return most


async def tasks_left(before: Counter[str], seconds: float = WAIT_SECONDS) -> Counter[str]:
    """The tasks that there are more of than before, and that do not end by themselves."""
    ends = time.monotonic() + seconds
    left = kinds_of_tasks() - before
    while left and time.monotonic() < ends:
        left = kinds_of_tasks() - before
        await asyncio.sleep(0.02)
    return left


@dataclass
class Leaving:
    """What became of readers who left: seconds until the model was hung up on, and the rest.

    `begun` is how many of them had the first word; `asked` how often the model was asked.
    """

    closings: list[float] = field(default_factory=list)
    begun: int = 0
    asked: int = 0
    tasks_left: Counter[str] = field(default_factory=Counter)

    def assert_all_is_quiet(self) -> None:
        """The model was always hung up on within a second; no task is left."""
        assert max(self.closings) <= LONGEST_CLOSING_SECONDS, self.closings
        assert self.tasks_left == Counter()

    def __str__(self) -> str:
        return (
            f"the model was hung up on after {max(self.closings) * 1000:.0f} ms at most,"
            f" {self.tasks_left.total()} tasks left (seed {SEED})"
        )


async def leave(
    tenant: Tenant, services: Services, moments: list[float], *, wants_stream: bool
) -> Leaving:
    """Ask and leave at each of the moments, seconds after the question.

    One more leaves as soon as it was told something, or the model was asked: on a slow machine, all
    of the moments may be too early for that.
    """
    await upload_texts(tenant, [TIDES])
    found = Leaving()
    async with scripted_provider(talks_for_minutes) as provider:
        model = OpenAILanguageModel(provider.url, None, "small")
        changes = {"answerer": Answerer(services.embedder, model)}
        async with server_with(services, **changes) as app, on_loopback(app) as server:
            ask = partial(ask_and_leave, server.port, tenant.key, wants_stream=wants_stream)
            await ask(0.3)
            await all_closed(provider, time.monotonic())
            before = await usual_tasks()
            provider.requests.clear()

            def is_begun(came: bytes) -> bool:
                return b"event: message" in came or (not wants_stream and bool(provider.requests))

            for leaves in (*moments, is_begun):
                for _ in range(TRIES):
                    came = await ask(leaves)
                    left_at = time.monotonic()
                    # The request may only now be about to reach the model.
                    await asyncio.sleep(0.25)
                    closing = await all_closed(provider, left_at)
                    if closing <= LONGEST_CLOSING_SECONDS:
                        break
                found.closings.append(closing)
                found.begun += b"event: message" in came
            found.tasks_left = await tasks_left(before)
        await model.close()
    found.asked = len(provider.requests)
    return found


async def test_whoever_leaves_stops_the_model_and_leaves_no_task_behind(
    tenant: Tenant, services: Services
) -> None:
    chance = random.Random(SEED)
    moments = [chance.uniform(0.001, LATEST_LEAVING_SECONDS) for _ in range(LEAVERS - 2)]
    moments.insert(0, 0.001)
    found = await leave(tenant, services, moments, wants_stream=True)
    sys.stdout.write(
        f"{LEAVERS} readers left, {found.begun} of them after the first word: {found}\n"
    )
    found.assert_all_is_quiet()
    # The first leaves before it can have been told anything.
    assert 0 < found.begun < LEAVERS


async def test_whoever_leaves_before_a_whole_answer_stops_the_model_too(
    tenant: Tenant, services: Services
) -> None:
    chance = random.Random(SEED)
    moments = [chance.uniform(0.2, LATEST_LEAVING_SECONDS) for _ in range(WHOLE_LEAVERS - 1)]
    found = await leave(tenant, services, moments, wants_stream=False)
    sys.stdout.write(
        f"{WHOLE_LEAVERS} who wanted no stream left, {found.asked} of them when the model had been"
        f" asked: {found}\n"
    )
    found.assert_all_is_quiet()
    assert found.asked > 0


async def test_what_was_told_before_the_reader_left_is_kept_as_incomplete(
    tenant: Tenant, services: Services
) -> None:
    await upload_texts(tenant, [TIDES])
    async with scripted_provider(talks_for_minutes) as provider:
        model = OpenAILanguageModel(provider.url, None, "small")
        changes = {"answerer": Answerer(services.embedder, model)}
        async with server_with(services, **changes) as app, on_loopback(app) as server:
            await ask_and_leave(server.port, tenant.key, lambda came: b"word2" in came)
            await all_closed(provider, time.monotonic())
            question, told = await messages_of(tenant)
        await model.close()
    assert question["content"] == QUESTION
    assert told["content"].startswith("word0 word1 ")
    assert told["metadata"]["state"] == "incomplete"


async def messages_of(tenant: Tenant) -> tuple[dict[str, Any], dict[str, Any]]:
    """The question and the answer of the only conversation, once both are kept."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            listed = (await tenant.http.get("/conversations")).json()["conversations"]
            address = f"/conversations/{listed[0]['id']}"
            messages = (await tenant.http.get(address)).json()["messages"]
            if len(messages) == 2:
                return messages[0], messages[1]
            await asyncio.sleep(0.02)
