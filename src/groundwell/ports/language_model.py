"""The language model port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from groundwell.domain.answers import ChatMessage


@dataclass(frozen=True, slots=True)
class Completion:
    """A finished completion. Token counts are None when the provider does not tell."""

    text: str
    model: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class LanguageModel(Protocol):
    """Writes text.

    Promises: deadlines hold for connecting, the first token, the gap between tokens and the
    whole; nothing is retried once the first byte has come; when the consumer stops, the
    provider's connection is closed at once.

    Errors: ProviderError (also for an empty or malformed answer), UnavailableError when the
    provider is overloaded or out of reach.
    """

    @property
    def model(self) -> str:
        """Identity of the model."""
        ...

    def stream(self, messages: Sequence[ChatMessage], max_tokens: int) -> AsyncIterator[str]:
        """The answer's text, piece by piece. Ends normally only after a proper finish."""
        ...

    async def complete(self, messages: Sequence[ChatMessage], max_tokens: int) -> Completion:
        """The whole answer."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...
