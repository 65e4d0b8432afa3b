"""A language model whose calls are paid from the caller's budget."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from groundwell.domain.answers import ChatMessage
from groundwell.domain.errors import GroundwellError
from groundwell.domain.spending import (
    current_purse,
)
from groundwell.domain.token_estimates import estimate_prompt, estimate_tokens
from groundwell.ports.language_model import Completion, HearUsed, LanguageModel, TokensUsed
from groundwell.store.token_budget import TokenBudget

# Refused, or never reached: nobody is billed for a call that failed so before its first word.
_UNBILLED = frozenset(
    {"circuit_open", "provider_overloaded", "provider_rejected", "provider_unavailable"}
)


@dataclass(slots=True)
class _Bill:
    """What a call comes to. The provider's counts are taken before our estimates.

    `wanted` is what the call may take at most, `written` what came of the answer, None if that
    cannot be seen until the answer is whole.
    """

    prompt: int
    wanted: int
    written: int | None = None
    told: TokensUsed = field(default_factory=TokensUsed)
    is_whole: bool = False
    is_free: bool = False

    def hear(self, told: TokensUsed) -> None:
        """Take what the provider tells."""
        self.told = told

    def add(self, piece: str) -> None:
        """Take a piece of the answer."""
        self.written = (self.written or 0) + estimate_tokens(piece)

    def fail(self, error: GroundwellError) -> None:
        """Take that the call has failed."""
        self.is_free = not self.written and error.code in _UNBILLED

    @property
    def total(self) -> int:
        """Tokens that the call has used.

        Who leaves an answer pays for the prompt and what had come of it: so does the provider
        count, or would, had it told.
        """
        if self.is_free:
            return 0
        prompt = self.prompt if self.told.prompt is None else self.told.prompt
        if self.written is None:
            return self.wanted
        told = self.told.completion
        if told is None:
            return prompt + self.written
        return prompt + (told if self.is_whole else max(told, self.written))


class BudgetedLanguageModel:
    """A `LanguageModel` that reserves tokens before a call and settles them after it.

    Who pays is `current_purse()`; where nobody does, nothing is counted. What was put aside for the
    next call is used for it. Besides the model's errors a call raises BudgetExceededError before
    the model is asked, and UnavailableError when tokens cannot be counted.
    """

    def __init__(self, model: LanguageModel, budget: TokenBudget) -> None:
        self._model = model
        self._budget = budget

    @property
    def model(self) -> str:
        """Identity of the model."""
        return self._model.model

    async def stream(
        self, messages: Sequence[ChatMessage], max_tokens: int, hear_used: HearUsed | None = None
    ) -> AsyncGenerator[str, None]:
        """The answer's text, piece by piece. Who closes it early pays for what came."""
        async with self._paid(messages, max_tokens) as bill:
            bill.written = 0

            def hear(told: TokensUsed) -> None:
                bill.hear(told)
                if hear_used is not None:
                    hear_used(told)

            pieces = self._model.stream(messages, max_tokens, hear)
            try:
                async for piece in pieces:
                    bill.add(piece)
                    yield piece
            finally:
                if isinstance(pieces, AsyncGenerator):
                    await pieces.aclose()
            bill.is_whole = True

    async def complete(self, messages: Sequence[ChatMessage], max_tokens: int) -> Completion:
        """The whole answer. One that is cut off counts with all it could have taken."""
        async with self._paid(messages, max_tokens) as bill:
            completion = await self._model.complete(messages, max_tokens)
            bill.add(completion.text)
            bill.hear(completion.used)
            bill.is_whole = True
        return completion

    async def close(self) -> None:
        """Close connections."""
        await self._model.close()

    @asynccontextmanager
    async def _paid(self, messages: Sequence[ChatMessage], max_tokens: int) -> AsyncIterator[_Bill]:
        """A bill to be filled in, which the present purse pays."""
        prompt = estimate_prompt(messages)
        bill = _Bill(prompt, prompt + max_tokens)
        purse = current_purse()
        if purse is None:
            yield bill
            return
        reserved = purse.take_put_aside() or await self._budget.reserve(purse, bill.wanted)
        try:
            yield bill
        except GroundwellError as error:
            bill.fail(error)
            raise
        finally:
            await self._budget.settle(reserved, bill.total)
