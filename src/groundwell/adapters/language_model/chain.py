"""Several language models as one: the first that answers."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

from groundwell.domain.answers import ChatMessage
from groundwell.domain.errors import ProviderError, UnavailableError
from groundwell.ports.language_model import Completion, HearUsed, LanguageModel

_log = logging.getLogger(__name__)


class ChainedLanguageModel:
    """Asks the models in order until one answers; needs one at least.

    A model that fails before its first piece is followed by the next one, for whatever reason it
    failed: a wrong key too is a reason to ask somebody else. Once a piece has come, its failure is
    the answer's: what two models began would be no text. A whole answer has no first piece, so any
    failure is followed by the next model. The last model's error is the chain's.
    """

    def __init__(self, models: Sequence[LanguageModel]) -> None:
        self._models = tuple(models)

    @property
    def model(self) -> str:
        """The names of all, in order; a completion names the one that wrote it."""
        return ", ".join(model.model for model in self._models)

    async def stream(
        self, messages: Sequence[ChatMessage], max_tokens: int, hear_used: HearUsed | None = None
    ) -> AsyncGenerator[str, None]:
        """The pieces of the first model that has one."""
        for model in self._models:
            has_begun = False
            pieces = model.stream(messages, max_tokens, hear_used)
            try:
                async for piece in pieces:
                    has_begun = True
                    yield piece
            except (ProviderError, UnavailableError) as error:
                if has_begun or model is self._models[-1]:
                    raise
                _tell(model, error)
            else:
                return
            finally:
                await _close(pieces)

    async def complete(self, messages: Sequence[ChatMessage], max_tokens: int) -> Completion:
        """The answer of the first model that has a whole one."""
        *others, last = self._models
        for model in others:
            try:
                return await model.complete(messages, max_tokens)
            except (ProviderError, UnavailableError) as error:
                _tell(model, error)
        return await last.complete(messages, max_tokens)

    async def close(self) -> None:
        """Close the connections of all."""
        for model in self._models:
            await model.close()


def _tell(model: LanguageModel, error: Exception) -> None:
    _log.warning("the model %s is passed over: %s", model.model, error)


async def _close(pieces: AsyncIterator[str]) -> None:
    """Hang up on the provider at once, whoever has left."""
    if isinstance(pieces, AsyncGenerator):
        await pieces.aclose()
