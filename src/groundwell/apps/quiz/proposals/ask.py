"""Asking a language model several things at once, within one budget."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from groundwell.apps.quiz.proposals.answer import MAX_ANSWER_CHARS, Reading, read_answer
from groundwell.apps.quiz.proposals.budget import Budget
from groundwell.apps.quiz.proposals.prompt import make_repair
from groundwell.domain.answers import ChatMessage
from groundwell.domain.errors import BudgetExceededError, ProviderError, UnavailableError
from groundwell.ports.language_model import LanguageModel


@dataclass(slots=True)
class Exchange:
    """A request, and what the model has said to it so far: each answer in pieces."""

    request: tuple[ChatMessage, ...]
    answers: list[list[str]] = field(default_factory=list)

    @property
    def last(self) -> str:
        """What was said last."""
        return "".join(self.answers[-1]) if self.answers else ""

    def readings(self) -> list[Reading]:
        """What can be read of each answer."""
        return [read_answer("".join(pieces)) for pieces in self.answers]


class Interview:
    """The calls of one request.

    No call begins after `budget.calls`, after as many failures as `budget.strikes`, or once the
    model was found to be away or the caller's tokens to be spent. An answer of which nothing can be
    used is asked for again, once.
    """

    def __init__(self, model: LanguageModel, budget: Budget) -> None:
        self._model = model
        self._budget = budget
        self._calls = 0
        self._strikes = 0
        self._is_away = False
        self.has_failed = False
        self.is_over_budget = False

    async def hold(self, exchanges: Sequence[Exchange]) -> None:
        """Make the calls, in order, until all are answered or the budget is spent."""
        waiting = deque(exchanges)
        try:
            async with asyncio.timeout(self._budget.seconds), asyncio.TaskGroup() as tasks:
                for _ in range(self._budget.concurrent):
                    tasks.create_task(self._work(waiting))
        except TimeoutError:
            self.has_failed = True

    async def _work(self, waiting: deque[Exchange]) -> None:
        while waiting and self._may_call():
            exchange = waiting.popleft()
            await self._call(exchange, exchange.request)
            if self._is_usable(exchange) or not self._may_call():
                continue
            said = exchange.last
            await self._call(
                exchange, make_repair(exchange.request, said) if said else exchange.request
            )
            self._is_usable(exchange)

    def _may_call(self) -> bool:
        return (
            not self._is_away
            and self._calls < self._budget.calls
            and self._strikes < self._budget.strikes
        )

    def _is_usable(self, exchange: Exchange) -> bool:
        is_usable = read_answer(exchange.last).is_usable
        self._strikes += not is_usable
        return is_usable

    async def _call(self, exchange: Exchange, request: Sequence[ChatMessage]) -> None:
        self._calls += 1
        said: list[str] = []
        exchange.answers.append(said)
        length = 0
        try:
            async with _streamed(self._model, request, self._budget.tokens_per_call) as pieces:
                async for piece in pieces:
                    said.append(piece)
                    length += len(piece)
                    if length > MAX_ANSWER_CHARS:
                        break
        except BudgetExceededError:
            self._is_away = self.is_over_budget = True
        except UnavailableError:
            self._is_away = self.has_failed = True
        except ProviderError:
            self.has_failed = True


@asynccontextmanager
async def _streamed(
    model: LanguageModel, messages: Sequence[ChatMessage], max_tokens: int
) -> AsyncIterator[AsyncIterator[str]]:
    """The model's pieces; leaving closes the provider's connection at once."""
    pieces = model.stream(messages, max_tokens)
    try:
        yield pieces
    finally:
        if isinstance(pieces, AsyncGenerator):
            await pieces.aclose()
