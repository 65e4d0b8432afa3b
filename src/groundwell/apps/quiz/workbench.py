"""Where sets are made: in a process of its own, so that no search waits for Python's lock.

Making sets takes the processor for most of the time of a request, and all threads of a process
share one lock. The process starts with the first set, or with a server for learners; it keeps what
it read of passages and the words of English, which the server then need not have. It ends with the
server. When it ends by itself, the next set starts another.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import count
from typing import Self

from groundwell.apps.quiz.orders import (
    HEAD,
    Answer,
    Begin,
    Done,
    Failed,
    Forget,
    Lost,
    Order,
    Piece,
    Read,
    Settle,
    Tell,
    TooLittle,
    packed,
    unpacked,
)
from groundwell.apps.quiz.questions import Passage
from groundwell.apps.quiz.wanted import Suggested, Wanted
from groundwell.domain.errors import UnavailableError

_PROGRAM = "groundwell.apps.quiz.workbench_process"
_IN_HAND = 3
"""Orders that are on their way at once: the process must not wait for the server in between."""


class WorkLostError(UnavailableError):
    """The process that made a set has ended before it was done. Another one can make it."""

    default_code = "questions_unavailable"

    def __init__(self) -> None:
        super().__init__("The process that makes questions ended. Ask again.")


class Workbench:
    """The process that makes sets, and the orders that it has. For one event loop.

    It carries out one order at a time, in the order in which they came: it is the processor that
    they wait for, and a second one at work would only slow down the first.
    """

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._listening: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._places = asyncio.Semaphore(_IN_HAND)
        self._waiting: deque[asyncio.Future[Answer]] = deque()
        self._idle = asyncio.Event()
        self._idle.set()
        self._numbers = count()
        self.process_number = 0
        """How many processes were started: what one has read is gone with it."""

    async def start(self) -> None:
        """Start the process, so that nobody waits for the second until it is ready."""
        await self._ready()

    def job(self) -> Job:
        """A set to be made."""
        return Job(self, next(self._numbers))

    async def wait_until_idle(self) -> None:
        """Wait for a moment in which nobody waits for the process."""
        await self._idle.wait()

    async def read(self, passages: tuple[Passage, ...]) -> None:
        """Read passages for sets to come. Raises WorkLostError when the process ended."""
        await self.ask(Read(passages))

    async def ask(self, order: Order) -> Piece | TooLittle | Done:
        """What comes of an order.

        Raises WorkLostError when the process ended, and RuntimeError for what nobody foresaw.
        """
        message = packed(order)
        async with self._places:
            stdin = await self._ready()
            waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiting)
            self._idle.clear()
            stdin.write(message)
            answer = await waiting
        match answer:
            case Lost():
                raise WorkLostError
            case Failed(trace):
                raise RuntimeError(trace)
            case _:
                return answer

    def forget(self, job: int) -> None:
        """Nobody needs what was made for a job any more."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(packed(Forget(job)))

    async def close(self) -> None:
        """End the process, if there is one. What it does is of no use to anybody."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
        if self._listening is not None:
            await self._listening

    async def _ready(self) -> asyncio.StreamWriter:
        async with self._starting:
            if self._process is None:
                self.process_number += 1
                self._process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-P", "-m", _PROGRAM),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    start_new_session=True,
                )
                self._listening = asyncio.create_task(self._listen(self._process))
        assert self._process.stdin is not None
        return self._process.stdin

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        """Hand out the answers of a process until it ends."""
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                (size,) = HEAD.unpack(await process.stdout.readexactly(HEAD.size))
                answer = unpacked(await process.stdout.readexactly(size))
                assert not isinstance(answer, Order)
                self._answer(answer)
        self._process = None
        while self._waiting:
            self._answer(Lost())
        process.stdin.close()
        await process.wait()

    def _answer(self, answer: Answer) -> None:
        waiting = self._waiting.popleft()
        if not self._waiting:
            self._idle.set()
        # Whoever gave the order may have left.
        if not waiting.done():
            waiting.set_result(answer)


class Job:
    """One set that is being made; to be used with `with`, and for one order at a time."""

    def __init__(self, workbench: Workbench, number: int) -> None:
        self._workbench = workbench
        self._number = number

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._workbench.forget(self._number)

    async def begin(
        self,
        passages: Sequence[Passage],
        wanted: Wanted,
        retired: frozenset[str],
        suggested: Suggested | None,
        least_told: float = 0.0,
    ) -> Piece | TooLittle:
        """A set of these passages, unless fewer than `least_told` of their sentences tell much."""
        # What was to be searched has been searched.
        wanted = replace(wanted, filter=None)
        answer = await self._workbench.ask(
            Begin(self._number, tuple(passages), wanted, retired, suggested, least_told)
        )
        assert not isinstance(answer, Done)
        return answer

    async def tell(self, further: Mapping[str, Sequence[Passage]]) -> Piece:
        """The set, now that these passages were found for its claims."""
        found = {claim: tuple(passages) for claim, passages in further.items()}
        return await self._piece(Tell(self._number, found))

    async def settle(self) -> Piece:
        """The set of only those questions whose claims were all looked for."""
        return await self._piece(Settle(self._number))

    async def _piece(self, order: Tell | Settle) -> Piece:
        piece = await self._workbench.ask(order)
        assert isinstance(piece, Piece)
        return piece
